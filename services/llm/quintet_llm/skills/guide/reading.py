"""The text in a picture as it is read aloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from quintet_llm.conversation import Area, PictureFacts, SeenCode, SeenLine
from quintet_llm.skills.guide.signs import has_any

_ILLEGIBLE_BELOW = 0.5
# Under this, letters of painted and far signs were read wrong more often than right.
_SURE_FROM = 0.9
_LONGEST_PAYLOAD = 120
_QUOTES = str.maketrans({"“": "'", "”": "'", '"': "'"})


@dataclass(frozen=True)
class Text:
    """What is written: `sure` tells that it was easy to read, `cut` that there is more of it.

    `others` tells that there are lines beside it that were hard to read.
    """

    words: str
    sure: bool
    cut: bool = False
    others: bool = False


def text_in(facts: PictureFacts, longest: int) -> Text | None:
    """Returns at most about `longest` characters, None if nothing can be read.

    What is easy to read is told; only where there is no such line, what is hard to read.
    """
    legible = _legible(facts)
    sure = [one for one in legible if one.confidence >= _SURE_FROM]
    words = _joined(_in_order(sure or legible))
    if not words:
        return None
    kept = _cut(words, longest)
    return Text(kept, sure=bool(sure), cut=kept != words, others=len(sure or legible) < len(facts.text_lines))


def block_with(facts: PictureFacts, nouns: tuple[str, ...], longest: int) -> tuple[Text, Area | None] | None:
    """Returns the lines of one sign that has one of the nouns, and where it stands; easy ones come before others."""
    found = [block for block in _blocks(_in_order(_legible(facts))) if has_any(_joined(block), nouns)]
    if not found:
        return None
    block = max(found, key=_is_sure)
    words = _joined(block)
    kept = _cut(words, longest)
    return Text(kept, sure=_is_sure(block), cut=kept != words), block[0].area


def payload(code: SeenCode) -> str:
    """Returns what a code says, cut where nobody would listen any longer."""
    return _cut(" ".join(code.payload.translate(_QUOTES).split()), _LONGEST_PAYLOAD)


def host(code: SeenCode) -> str:
    """Returns the host of the address in a code, empty if it holds none."""
    if not code.payload.casefold().startswith(("http://", "https://")):
        return ""
    try:
        return urlsplit(code.payload.strip()).hostname or ""
    except ValueError:
        return ""


def _legible(facts: PictureFacts) -> list[SeenLine]:
    return [one for one in facts.text_lines if one.confidence >= _ILLEGIBLE_BELOW and _says_something(one.text)]


def _is_sure(block: Sequence[SeenLine]) -> bool:
    return all(one.confidence >= _SURE_FROM for one in block)


def _blocks(lines: Sequence[SeenLine]) -> list[list[SeenLine]]:
    """Returns the lines of each sign together, by what goes on in the next line."""
    blocks: list[list[SeenLine]] = []
    for line in lines:
        if blocks and _goes_on(blocks[-1][-1], line):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _says_something(text: str) -> bool:
    # One letter alone is more often an outline than a word; a digit is a number on a door or a bus.
    letters = [letter for letter in text if letter.isalnum()]
    return len(letters) > 1 or any(letter.isdigit() for letter in letters)


def _in_order(lines: Sequence[SeenLine]) -> list[SeenLine]:
    """Sorts by rows and then from left to right; lines whose place is unknown stay as they came."""
    if any(line.area is None for line in lines):
        return list(lines)
    rows: list[list[tuple[Area, SeenLine]]] = []
    placed = [(line.area, line) for line in lines if line.area is not None]
    for area, line in sorted(placed, key=lambda one: one[0].y + one[0].height / 2):
        if rows and _same_row(rows[-1][0][0], area):
            rows[-1].append((area, line))
        else:
            rows.append([(area, line)])
    return [line for row in rows for _, line in sorted(row, key=lambda one: one[0].x)]


def _same_row(first: Area, other: Area) -> bool:
    return abs(first.y + first.height / 2 - other.y - other.height / 2) < min(first.height, other.height) / 2


def _joined(lines: Sequence[SeenLine]) -> str:
    """Joins lines that belong together by a space, and separate signs by a comma, which is a pause."""
    words = ""
    for index, line in enumerate(lines):
        text = " ".join(line.text.translate(_QUOTES).split())
        apart = index > 0 and not _goes_on(lines[index - 1], line) and words[-1:].isalnum()
        words = f"{words}{',' if apart else ''} {text}".strip()
    return words


def _goes_on(before: SeenLine, line: SeenLine) -> bool:
    if before.area is None or line.area is None:
        return False
    one, two = before.area, line.area
    height = min(one.height, two.height)
    below = two.y - (one.y + one.height) < height and max(one.height, two.height) < 1.6 * height
    overlaps = min(one.x + one.width, two.x + two.width) > max(one.x, two.x)
    return overlaps and below


def _cut(words: str, longest: int) -> str:
    if len(words) <= longest:
        return words
    return f"{words[:longest].rsplit(' ', 1)[0].rstrip(' ,.;:')} ..."
