"""The titles that a line of Markdown stands under."""

import bisect
import itertools
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

_TITLE_LENGTH = 200
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?:.*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")

_parser = MarkdownIt("commonmark")
# Only blocks matter here; what stands inside of lines would take most of the time.
_parser.core.ruler.enableOnly(["normalize", "block"])


@dataclass(frozen=True)
class Outline:
    """Where headings stand; lines count from 0."""

    starts: tuple[int, ...]
    paths: tuple[tuple[str, ...], ...]
    heading_lines: frozenset[int]

    def path_at(self, line: int) -> tuple[str, ...]:
        """Returns the titles above a line, the outermost first; a heading's own line counts as under it."""
        index = bisect.bisect_right(self.starts, line) - 1
        return self.paths[index] if index >= 0 else ()


EMPTY = Outline((), (), frozenset())


def outline(text: str) -> Outline:
    """Finds the headings of a Markdown text; those inside of code, quotes and lists do not count."""
    starts: list[int] = []
    paths: list[tuple[str, ...]] = []
    lines: set[int] = set()
    open_titles: list[tuple[int, str]] = []
    tokens = _parser.parse(_without_front_matter(text))
    for token, content in itertools.pairwise(tokens):
        if token.type != "heading_open" or token.level or token.map is None:
            continue
        level = int(token.tag[1:])
        open_titles = [(above, title) for above, title in open_titles if above < level]
        open_titles.append((level, _clean(content.content)))
        starts.append(token.map[0])
        paths.append(tuple(title for _, title in open_titles if title))
        lines.update(range(*token.map))
    return Outline(tuple(starts), tuple(paths), frozenset(lines))


def _without_front_matter(text: str) -> str:
    """Blanks the metadata that some tools put first; Markdown would take its last line for a heading."""
    found = _FRONT_MATTER.match(text)
    return "\n" * found.group().count("\n") + text[found.end() :] if found else text


def _clean(title: str) -> str:
    words = _LINK.sub(r"\1", title).replace("`", "").replace("**", "").split()
    return " ".join(words)[:_TITLE_LENGTH]
