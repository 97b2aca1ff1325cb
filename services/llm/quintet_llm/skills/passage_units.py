"""The smallest parts of a passage that can be quoted: sentences, list items, rows of tables, code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from quintet_llm.skills.passage_tables import comma_rows, pipe_rows

_FENCE = re.compile(r"\s*(```|~~~)")
_BARE_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})\s*$")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+\S")
_ROW = re.compile(r"\s*\|.*\|\s*$")
_RULE = re.compile(r"\s*\|?[\s:|-]*-{2,}[\s:|-]*$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# A full stop, what may close with it, and the start of something that is no continuation in small letters.
_BORDER = re.compile(r"(?<=[.!?…])([\"'”’)\]]*)\s+(?=[^\sa-zà-ÿ])|(?<=[。！？।])()\s*")
_NO_BORDER = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|e\.g|i\.e|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Fig|vs|etc|approx|ca|z\.B|d\.h|bzw|Abb|vgl)\.$"
)
_EMPHASIS = re.compile(r"(\*{1,3})(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]]+)\]\([^)\s]*\)")
_CODE_SOURCE = re.compile(
    r"\.(?:py|jsx?|mjs|tsx?|ya?ml|json|toml|ini|c|h|cc|cpp|hpp|cs|css|go|java|kt|php|proto|rb|rs|sh|sql|swift|xml)$",
    re.IGNORECASE,
)
_COMMA_SOURCE = re.compile(r"\.[ct]sv$", re.IGNORECASE)
_LONGEST_TITLE = 70
_FULL_STOPS = frozenset(".!?")
_SHORT_LINE = 0.85
"""Of the longest line of its paragraph: a line that ends earlier without a full stop was ended on purpose."""


class UnitKind(StrEnum):
    """What a unit is, which decides how it is quoted."""

    SENTENCE = "sentence"
    ITEM = "item"
    ROW = "row"
    CODE = "code"
    LINE = "line"


@dataclass(frozen=True)
class Unit:
    """One part; units with the same `block` stand together.

    `heading` is the title above them in the passage, `title` the same or a line that looks like one.
    """

    text: str
    kind: UnitKind
    block: int
    heading: str = ""
    title: str = ""


def units_of(text: str, source: str = "") -> list[Unit]:
    """Parts a passage; titles are kept as the heading of what follows them."""
    lines = _CONTROL.sub("", text).splitlines()
    if _CODE_SOURCE.search(source):
        return _code_lines(lines)
    if _COMMA_SOURCE.search(source):
        return [Unit(row, UnitKind.ROW, 0) for row in comma_rows(lines)]
    units: list[Unit] = []
    heading = title = ""
    blocks = list(_blocks(_with_fences(lines)))
    for number, ((kind, part), following) in enumerate(zip(blocks, [*blocks[1:], None], strict=False)):
        if kind is None:
            heading = title = plain(part[0])
        elif following and _is_title(kind, part, *following):
            title = plain(part[0].strip())
        else:
            units += [Unit(one, kind, number, heading, title) for one in _parts(kind, part)]
    return units


def plain(text: str) -> str:
    """Returns a text without the marks of emphasis and links."""
    return _LINK.sub(r"\1", _EMPHASIS.sub(r"\2", text))


def _code_lines(lines: list[str]) -> list[Unit]:
    units: list[Unit] = []
    block = 0
    for line in lines:
        if line.strip():
            units.append(Unit(line.rstrip(), UnitKind.LINE, block))
        else:
            block += 1
    return units


def _with_fences(lines: list[str]) -> list[str]:
    """Opens and closes what a cut through a block of code has left half."""
    marks = [number for number, line in enumerate(lines) if _FENCE.match(line)]
    if len(marks) % 2 == 0:
        return lines
    begins_inside = _BARE_FENCE.match(lines[marks[0]]) and any(line.strip() for line in lines[: marks[0]])
    if begins_inside and len(marks) > 1 and not _BARE_FENCE.match(lines[marks[1]]):
        return ["```", *lines]
    return [*lines, "```"]


def _parts(kind: UnitKind, lines: list[str]) -> Iterator[str]:
    match kind:
        case UnitKind.CODE:
            if any(line.strip() and not _FENCE.match(line) for line in lines):
                yield "\n".join(lines)
        case UnitKind.ROW:
            yield from (plain(row) for row in pipe_rows(lines))
        case UnitKind.ITEM:
            yield plain(" ".join(" ".join(lines).split()))
        case _:
            yield from _sentences(plain(" ".join(" ".join(lines).split())))


def _is_title(kind: UnitKind, lines: list[str], next_kind: UnitKind | None, following: list[str]) -> bool:
    """Tells whether a short line without a full stop stands above running text."""
    line = lines[0].strip()
    is_short = len(lines) == 1 and len(line) <= _LONGEST_TITLE and line[-1].isalnum() and ":" not in line
    runs = kind is next_kind is UnitKind.SENTENCE and following[-1].rstrip()[-1:] in _FULL_STOPS
    return is_short and runs and not re.search(r"\d", line)


def _ends_early(line: str, following: str, longest: int) -> bool:
    """Tells whether a line of running text ends where the writer wanted, as titles and lists without marks do."""
    begins_anew = following.lstrip()[:1].isupper() or following.lstrip()[:1].isdigit()
    word = following.split(maxsplit=1)[0] if following.strip() else ""
    room = longest * _SHORT_LINE
    return begins_anew and line.rstrip()[-1:].isalnum() and len(line.rstrip()) + 1 + len(word) <= room


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for border in _BORDER.finditer(text):
        end = border.start() + len(border[1] or "")
        if not _NO_BORDER.search(text[start:end]):
            yield text[start:end]
            start = border.end()
    if text[start:]:
        yield text[start:]


def _blocks(lines: list[str]) -> Iterator[tuple[UnitKind | None, list[str]]]:
    """Yields runs of lines that belong together; None stands for a title."""
    position = 0
    while position < len(lines):
        line = lines[position]
        end = position + 1
        if _FENCE.match(line):
            end = _end_of_fence(lines, position)
            yield UnitKind.CODE, lines[position:end]
        elif title := _HEADING.match(line):
            yield None, [title[1]]
        elif line.strip():
            kind = _kind(line)
            while end < len(lines) and _goes_on(kind, lines[end]):
                end += 1
            yield from ((kind, part) for part in _paragraphs(kind, lines[position:end]))
        position = end


def _paragraphs(kind: UnitKind, lines: list[str]) -> Iterator[list[str]]:
    if kind is not UnitKind.SENTENCE:
        yield lines
        return
    longest = max(map(len, lines))
    start = 0
    for position in range(1, len(lines)):
        if _ends_early(lines[position - 1], lines[position], longest):
            yield lines[start:position]
            start = position
    yield lines[start:]


def _end_of_fence(lines: list[str], start: int) -> int:
    for position in range(start + 1, len(lines)):
        if _FENCE.match(lines[position]):
            return position + 1
    return len(lines)


def _kind(line: str) -> UnitKind:
    if _ROW.match(line):
        return UnitKind.ROW
    if _ITEM.match(line):
        return UnitKind.ITEM
    return UnitKind.CODE if line.startswith(("    ", "\t")) else UnitKind.SENTENCE


def _goes_on(kind: UnitKind, line: str) -> bool:
    if not line.strip() or _FENCE.match(line) or _HEADING.match(line):
        return False
    match kind:
        case UnitKind.ROW:
            return bool(_ROW.match(line) or _RULE.match(line))
        case UnitKind.CODE:
            return line.startswith(("    ", "\t"))
        case _:
            return not (_ITEM.match(line) or _ROW.match(line))
