"""How units of a passage are quoted, so that lists, tables and code stay readable."""

import re
from collections.abc import Sequence

from quintet_llm.skills.passage_units import Unit, UnitKind

_LEANS = re.compile(r"(?:It|Its|He|She|They|Their|This|That|These|Those|There|His|Her|Such|Then|But|And|So)\b")
_LONGEST = 600
"""In characters of one unit; text without full stops is cut here."""
_LONGEST_LIST = 1500
_LONGEST_CODE = 1500


def quoted(units: Sequence[Unit], chosen: Sequence[int]) -> str:
    """Returns the chosen units in their order, with what they cannot be understood without."""
    wanted = _with_context(units, chosen)
    text = ""
    for before, index in zip([None, *wanted], wanted, strict=False):
        text += _gap(units, before, index) + _cut(units[index])
    return text


def _with_context(units: Sequence[Unit], chosen: Sequence[int]) -> list[int]:
    wanted = set(chosen)
    for index in chosen:
        wanted.update(_lead(units, index))
        wanted.update(_tail(units, index))
    return sorted(wanted)


def _lead(units: Sequence[Unit], index: int) -> list[int]:
    """Returns what must stand before a unit: whom a pronoun means, what a list is of, the head of a table."""
    unit = units[index]
    before = index - 1
    if unit.kind is UnitKind.ROW:
        head = next(place for place, one in enumerate(units) if one.block == unit.block)
        return [head]
    if unit.kind is UnitKind.ITEM:
        while before >= 0 and units[before].kind is UnitKind.ITEM:
            before -= 1
        return [before] if before >= 0 and units[before].text.endswith(":") else []
    if before < 0:
        return []
    if unit.kind is UnitKind.CODE:
        return [before] if units[before].kind is UnitKind.SENTENCE else []
    return [before] if _LEANS.match(unit.text) and units[before].block == unit.block else []


def _tail(units: Sequence[Unit], index: int) -> list[int]:
    """Returns what a unit announces with its colon: the list or the code after it."""
    if not units[index].text.endswith(":") or units[index].kind is UnitKind.CODE:
        return []
    tail: list[int] = []
    length = 0
    for place in range(index + 1, len(units)):
        kind = units[place].kind
        length += len(units[place].text)
        goes_on = kind in {UnitKind.ITEM, UnitKind.CODE} and (not tail or kind is units[tail[0]].kind)
        if not goes_on or length > _LONGEST_LIST or (tail and kind is UnitKind.CODE):
            break
        tail.append(place)
    return tail


def _gap(units: Sequence[Unit], before: int | None, index: int) -> str:
    if before is None:
        return ""
    if units[before].kind is not UnitKind.SENTENCE or units[index].kind is not UnitKind.SENTENCE:
        return "\n" if units[before].kind is units[index].kind else "\n\n"
    if units[before].block != units[index].block:
        return "\n\n"
    return " " if index == before + 1 else " … "


def _cut(unit: Unit) -> str:
    most = _LONGEST_CODE if unit.kind is UnitKind.CODE else _LONGEST
    return unit.text if len(unit.text) <= most else f"{unit.text[:most].rstrip()}…"
