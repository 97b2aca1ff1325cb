"""Finds the files below a place, without following links and without end."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quintet_gateway.assistant.knowledge.patterns import DEFAULT_EXCLUDES, Excludes
from quintet_gateway.assistant.knowledge.roots import Place, open_inside
from quintet_gateway.documents.formats import DEFAULT_EXTENSIONS

_LONGEST_SOURCE = 1024
_ENTRIES_PER_FILE = 10
# Each takes some microseconds in which nothing else of the process runs.
_MAX_PATH_MATCHES = 10_000_000


class Selection:
    """Which files are wanted, by extension and by pattern."""

    def __init__(self, extensions: Sequence[str] | None, exclude_patterns: Sequence[str] | None) -> None:
        wanted = {_normal(extension) for extension in extensions or ()} - {"."}
        self._extensions = frozenset(wanted) or DEFAULT_EXTENSIONS
        self._named = extensions
        self.excludes = Excludes(DEFAULT_EXCLUDES if exclude_patterns is None else exclude_patterns)

    def takes(self, name: str, *, is_named: bool = False) -> bool:
        """Tells whether a file's extension is wanted; `is_named` says that the client named the file itself."""
        return (is_named and not self._named) or extension_of(name) in self._extensions


def extension_of(name: str) -> str:
    """Returns the extension of a file in lower case, with its dot; empty if it has none."""
    return os.path.splitext(name)[1].lower()


def _normal(extension: str) -> str:
    return f".{extension.strip().removeprefix('*').removeprefix('.').lower()}"


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why: the end of a sentence that begins with its name."""

    source: str
    reason: str


@dataclass
class SkipList:
    """What was left out; of very many only the first are kept, all are counted."""

    kept: list[Skipped] = field(default_factory=list)
    count: int = 0
    limit: int = 1000

    def add(self, source: str, reason: str) -> None:
        """Notes a file."""
        self.count += 1
        if len(self.kept) < self.limit:
            self.kept.append(Skipped(printable(source), reason))


def printable(name: str) -> str:
    """Returns a file's name as text that can be sent; bytes that are no text are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode()


class _Entry(NamedTuple):
    name: str
    kind: str


class Walk:
    """One walk, in the order of names. It waits for disks: run it in a thread, and stop it through `stopped`."""

    def __init__(
        self,
        place: Place,
        selection: Selection,
        max_files: int,
        skips: SkipList,
        stopped: Callable[[], bool],
        *,
        max_path_matches: int = _MAX_PATH_MATCHES,
    ) -> None:
        self._place = place
        self._selection = selection
        self._max_files = max_files
        patterns = selection.excludes.path_pattern_count
        self._entries_left = min(max_files * _ENTRIES_PER_FILE, max_path_matches // max(1, patterns))
        self._skips = skips
        self._stopped = stopped
        self.steps = 0
        """Grows for as long as the disk answers."""

    def files(self) -> list[str]:
        """Returns the wanted files as paths relative to the root."""
        found: list[str] = []
        for source in self._find():
            if len(found) == self._max_files:
                self._skips.add(source, f"comes after {self._max_files} files, which are all that one collection holds")
                break
            found.append(source)
        return found

    def _find(self) -> Iterator[str]:
        if not self._place.is_folder:
            name = os.path.basename(self._place.relative)
            if self._selection.takes(name, is_named=True) and not self._selection.excludes.fit(name, is_folder=False):
                yield from self._named(self._place.relative)
            return
        folders = [""]
        while folders and not self._stopped():
            below = []
            for entry in self._entries(folder := folders.pop()):
                self.steps += 1
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.kind == "folder" and not self._selection.excludes.fit(path, is_folder=True):
                    below.append(path)
                elif entry.kind != "folder" and self._is_wanted(path, entry.name):
                    yield from self._classified(path, entry.kind)
            folders.extend(reversed(below))

    def _is_wanted(self, path: str, name: str) -> bool:
        return self._selection.takes(name) and not self._selection.excludes.fit(path, is_folder=False)

    def _classified(self, path: str, kind: str) -> Iterator[str]:
        source = self._source(path)
        if kind == "file":
            yield from self._named(source)
        else:
            self._skips.add(source, "is a link" if kind == "link" else "is no regular file")

    def _named(self, source: str) -> Iterator[str]:
        if printable(source) != source:
            self._skips.add(source, "has a name that is no text")
        elif len(source) > _LONGEST_SOURCE:
            self._skips.add(source[:_LONGEST_SOURCE], f"has a path of more than {_LONGEST_SOURCE} characters")
        else:
            yield source

    def _source(self, path: str) -> str:
        return f"{self._place.relative}/{path}" if self._place.relative else path

    def _entries(self, folder: str) -> list[_Entry]:
        """Returns what a folder holds, by name."""
        source = self._source(folder) if folder else self._place.relative
        entries: list[_Entry] = []
        try:
            descriptor = open_inside(self._place.root, source)
        except OSError:
            self._skips.add(source, "cannot be opened")
            return entries
        try:
            with os.scandir(descriptor) as listing:
                for entry in listing:
                    if not self._entries_left or self._stopped():
                        self._skips.add(source, "holds more entries than one walk looks at")
                        break
                    self._entries_left -= 1
                    self.steps += 1
                    entries.append(_Entry(entry.name, _kind(entry)))
        except OSError:
            self._skips.add(source, "cannot be read")
        finally:
            os.close(descriptor)
        return sorted(entries)


def _kind(entry: "os.DirEntry[str]") -> str:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special"
