"""The folders that may be indexed, and no way out of them."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from quintet_errors import DomainError, Reason

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True)
class Place:
    """A folder or a file inside of a root; `root` holds no links, `relative` is "" for the root itself."""

    root: str
    relative: str
    is_folder: bool


class Roots:
    """The folders that the operator opened. Every method may wait for a disk."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(os.path.abspath(path) for path in paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """The folders as the operator wrote them, made absolute."""
        return self._paths

    def problems(self) -> tuple[str, ...]:
        """Returns one sentence for each folder that cannot be read."""
        return tuple(
            f"The folder {path} cannot be read."
            for path in self._paths
            if not (os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK))
        )

    def find(self, asked: str) -> Place:
        """Finds what a client asked for: a path relative to a root, or an absolute one inside of a root.

        Raises:
            DomainError: INVALID_ARGUMENT in the same words for what does not exist and for what lies outside, so that
                nobody learns what else is on this machine.
        """
        for path in self._paths:
            root = os.path.realpath(path)
            relative = _relative(asked, (path, root))
            place = _look(root, relative) if relative is not None else None
            if place is not None:
                return place
        raise DomainError(Reason.INVALID_ARGUMENT, f"Path not found: {asked}", {"field": "path", "path": asked})


def open_inside(place_root: str, relative: str) -> int:
    """Opens a file or folder below a root for reading, one name after the other, and follows no link on the way.

    Raises:
        OSError: if that cannot be done.
    """
    descriptor = os.open(place_root, _OPEN | os.O_DIRECTORY)
    parts = PurePosixPath(relative).parts
    for index, name in enumerate(parts):
        folder = descriptor
        try:
            descriptor = _open_entry(folder, name, is_last=index == len(parts) - 1)
        finally:
            os.close(folder)
    return descriptor


def _open_entry(folder: int, name: str, *, is_last: bool) -> int:
    # Opening alone makes some devices do something, so the kind is looked at before.
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if not (stat.S_ISDIR(mode) or (is_last and stat.S_ISREG(mode))):
        raise FileNotFoundError(name)
    return os.open(name, _OPEN | (os.O_DIRECTORY if stat.S_ISDIR(mode) else 0), dir_fd=folder)


def _relative(asked: str, bases: Sequence[str]) -> str | None:
    """Returns the path below a root as it is written; None if it is not below, or climbs."""
    parts = PurePosixPath(asked).parts
    if not asked or "\0" in asked or ".." in parts:
        return None
    if not PurePosixPath(asked).is_absolute():
        return "/".join(parts)
    for base in bases:
        below = PurePosixPath(base).parts
        # Two slashes at the front are a path of their own to the standard; here they are one.
        if ("/", *parts[1:])[: len(below)] == below:
            return "/".join(parts[len(below) :])
    return None


def _look(root: str, relative: str) -> Place | None:
    try:
        # Links that stay inside are followed here, once. What is opened afterwards is their target, without links, so
        # that a link made in between leads nowhere.
        real = os.path.realpath(os.path.join(root, relative))
        inside = os.path.relpath(real, root) if os.path.commonpath((real, root)) == root else None
        if inside is None:
            return None
        inside = "" if inside == "." else inside
        descriptor = open_inside(root, inside)
    except (OSError, ValueError):
        return None
    try:
        return Place(root, inside, stat.S_ISDIR(os.fstat(descriptor).st_mode))
    finally:
        os.close(descriptor)
