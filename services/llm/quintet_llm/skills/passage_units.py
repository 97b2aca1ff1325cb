"""The smallest parts of a passage that can be quoted: sentences, list items, rows of tables, blocks of code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_FENCE = re.compile(r"\s*(```|~~~)")
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


class UnitKind(StrEnum):
    """What a unit is, which decides how it is quoted."""

    SENTENCE = "sentence"
    ITEM = "item"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True)
class Unit:
    """One part; units with the same `block` stand together, `heading` is the title above them in the passage."""

    text: str
    kind: UnitKind
    block: int
    heading: str = ""


def units_of(text: str) -> list[Unit]:
    """Parts a passage; titles are kept as the heading of what follows them."""
    units: list[Unit] = []
    heading = ""
    for number, (kind, lines) in enumerate(_blocks(_CONTROL.sub("", text).splitlines())):
        if kind is None:
            heading = lines[0]
        else:
            units += [Unit(part, kind, number, heading) for part in _parts(kind, lines)]
    return units


def _parts(kind: UnitKind, lines: list[str]) -> Iterator[str]:
    match kind:
        case UnitKind.CODE:
            yield "\n".join(lines)
        case UnitKind.ROW:
            yield from (line.strip() for line in lines if not _RULE.match(line))
        case UnitKind.ITEM:
            yield " ".join(" ".join(lines).split())
        case UnitKind.SENTENCE:
            yield from _sentences(" ".join(" ".join(lines).split()))


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
            yield kind, lines[position:end]
        position = end


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
