"""How units of a passage are quoted, so that lists, tables and code stay readable."""

import re
from collections.abc import Sequence

from quintet_llm.skills.passage_units import Unit, UnitKind

_LEANS = re.compile(r"(?:It|Its|He|She|They|Their|This|That|These|Those|There|His|Her|Such|Then|But|And|So)\b")
_MARK = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+")
_COMMENT = re.compile(r"\s*(?:#|//|--|/?\*)")
_LONGEST = 600
"""In characters of one unit; text without full stops is cut here."""
_LONGEST_LIST = 1500
_LONGEST_CODE = 1500


def quoted(units: Sequence[Unit], chosen: Sequence[int]) -> str:
    """Returns the chosen units in their order, with what they cannot be understood without."""
    wanted = _with_context(units, chosen)
    if units[wanted[0]].kind is UnitKind.LINE:
        return _code(units, wanted)
    if len(wanted) == 1 and units[wanted[0]].kind is UnitKind.ITEM:
        return _MARK.sub("", _cut(units[wanted[0]]))
    text = ""
    for before, index in zip([None, *wanted], wanted, strict=False):
        text += _gap(units, before, index) + _cut(units[index])
    return text


def _code(units: Sequence[Unit], wanted: Sequence[int]) -> str:
    lines = "\n".join(_cut(units[index]) for index in wanted)
    fence = "~~~" if "```" in lines else "```"
    return f"{fence}\n{lines}\n{fence}"


def _with_context(units: Sequence[Unit], chosen: Sequence[int]) -> list[int]:
    wanted = set(chosen)
    for index in chosen:
        wanted.update(_lead(units, index))
        wanted.update(_tail(units, index))
    return sorted(wanted)


def _lead(units: Sequence[Unit], index: int) -> list[int]:
    """Returns what must stand before a unit: whom a pronoun means, what a list is of."""
    unit = units[index]
    before = index - 1
    if unit.kind is UnitKind.ROW:
        return []
    if unit.kind is UnitKind.LINE:
        return [before] if before >= 0 and _COMMENT.match(units[before].text) and _stand_together(units, index) else []
    if unit.kind is UnitKind.ITEM:
        while before >= 0 and units[before].kind is UnitKind.ITEM:
            before -= 1
        return [before] if before >= 0 and units[before].text.endswith(":") else []
    if before < 0:
        return []
    if unit.kind is UnitKind.CODE:
        return [before] if units[before].kind is UnitKind.SENTENCE else []
    return [before] if _LEANS.match(unit.text) and units[before].block == unit.block else []


def _stand_together(units: Sequence[Unit], index: int) -> bool:
    return units[index - 1].block == units[index].block


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
    if unit.kind is UnitKind.CODE and len(unit.text) > _LONGEST_CODE:
        kept = unit.text[:_LONGEST_CODE].rpartition("\n")[0]
        return f"{kept}\n…\n{unit.text.lstrip()[:3]}" if unit.text.lstrip()[:3] in {"```", "~~~"} else f"{kept}\n…"
    return unit.text if len(unit.text) <= _LONGEST else f"{unit.text[:_LONGEST].rstrip()}…"
