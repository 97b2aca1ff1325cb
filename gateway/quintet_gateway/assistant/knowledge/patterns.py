"""Which files are left out: patterns like those of .gitignore, matched in a time that no pattern can blow up."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quintet_errors import DomainError, Reason

DEFAULT_EXCLUDES = (
    ".git/",
    ".hg/",
    ".svn/",
    "node_modules/",
    ".venv/",
    "venv/",
    "__pycache__/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".tox/",
    "*.egg-info/",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "uv.lock",
    "*.lock",
    "*.min.js",
    ".env",
    ".env.*",
    ".DS_Store",
)
_MAX_PATTERNS = 200
_MAX_LENGTH = 256
_ANYWHERE = "**"
_NOTHING = r"(?!)"


@dataclass(frozen=True)
class _PathPattern:
    steps: tuple[re.Pattern[str] | None, ...]
    """One expression a name; None stands for any number of names."""
    folders_only: bool

    def fits(self, names: Sequence[str], *, is_folder: bool) -> bool:
        if self.folders_only and not is_folder:
            return False
        reached = self._skip({0})
        for name in names:
            reached = self._skip(
                {
                    at if step is None else at + 1
                    for at in reached
                    if at < len(self.steps) and ((step := self.steps[at]) is None or step.match(name))
                }
            )
            if not reached:
                return False
        return len(self.steps) in reached

    def _skip(self, reached: set[int]) -> set[int]:
        """Adds the places that are reached by letting `**` stand for nothing."""
        for at, step in enumerate(self.steps):
            if at in reached and step is None:
                reached.add(at + 1)
        return reached


class Excludes:
    """A set of patterns.

    A pattern without a slash fits a name anywhere; one with a slash fits from the indexed folder on, `**` standing for
    any folders; one that ends in a slash fits folders only. What fits is left out with all that is in it.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        if len(patterns) > _MAX_PATTERNS or any(len(pattern) > _MAX_LENGTH for pattern in patterns):
            message = f"At most {_MAX_PATTERNS} exclude patterns of at most {_MAX_LENGTH} characters are possible."
            raise DomainError(Reason.INVALID_ARGUMENT, message, {"field": "exclude_patterns"})
        written = [(_steps(pattern), pattern.strip().endswith("/")) for pattern in patterns if pattern.strip("/ ")]
        names = [(steps[1], folders_only) for steps, folders_only in written if _is_name(steps)]
        self._names = _joined(name for name, folders_only in names if not folders_only)
        self._folder_names = _joined(name for name, _ in names)
        self._paths = tuple(_compile(steps, folders_only) for steps, folders_only in written if not _is_name(steps))

    @property
    def path_pattern_count(self) -> int:
        """How many patterns are about more than a name; each of them is looked at on its own."""
        return len(self._paths)

    def fit(self, relative: str, *, is_folder: bool) -> bool:
        """Tells whether a path, relative to the indexed folder, is left out."""
        if (self._folder_names if is_folder else self._names).match(relative.rpartition("/")[2]):
            return True
        names = relative.split("/") if self._paths else ()
        return any(pattern.fits(names, is_folder=is_folder) for pattern in self._paths)


def _steps(pattern: str) -> list[str]:
    text = pattern.strip()
    steps = [step for step in text.split("/") if step and step != "."]
    return steps if "/" in text.rstrip("/") else [_ANYWHERE, *steps]


def _is_name(steps: Sequence[str]) -> bool:
    """Tells whether a pattern is about a name that may stand anywhere."""
    return len(steps) == 2 and steps[0] == _ANYWHERE and steps[1] != _ANYWHERE


def _joined(names: Iterable[str]) -> re.Pattern[str]:
    """Returns one expression for names, which is a hundred times as fast as one for each of them."""
    # The standard library's translation of a name's pattern never backtracks over its stars.
    return re.compile("|".join(map(fnmatch.translate, names)) or _NOTHING)


def _compile(steps: Sequence[str], folders_only: bool) -> _PathPattern:
    expressions = tuple(None if step == _ANYWHERE else re.compile(fnmatch.translate(step)) for step in steps)
    return _PathPattern(expressions, folders_only)
