"""Which files are left out: patterns like those of .gitignore, matched in a time that no pattern can blow up."""

import fnmatch
import re
from collections.abc import Sequence
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


@dataclass(frozen=True)
class _Pattern:
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
        self._patterns = tuple(_compile(pattern) for pattern in patterns if pattern.strip("/ "))

    def fit(self, relative: str, *, is_folder: bool) -> bool:
        """Tells whether a path, relative to the indexed folder, is left out."""
        names = relative.split("/")
        return any(pattern.fits(names, is_folder=is_folder) for pattern in self._patterns)


def _compile(pattern: str) -> _Pattern:
    text = pattern.strip()
    steps = [step for step in text.split("/") if step and step != "."]
    if "/" not in text.rstrip("/"):
        steps = ["**", *steps]
    # The standard library's translation of a name's pattern never backtracks over its stars.
    expressions = tuple(None if step == "**" else re.compile(fnmatch.translate(step)) for step in steps)
    return _Pattern(expressions, folders_only=text.endswith("/"))
