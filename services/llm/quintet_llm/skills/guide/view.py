"""What stands where in a picture: people and things, by column and distance, each counted once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from quintet_llm.conversation import Area, PictureFacts, SeenObject
from quintet_llm.skills.guide.things import is_moving, is_tall

_PERSON, _FACE = "person", "face"
_CODES = frozenset({"qr code", "barcode"})
_LEFT_OUT_BELOW = 0.3
_SURE_FROM = 0.8
_SAME_SHARE = 0.6
# A head is a seventh of a grown person, and upright people are rarely seen whole.
_HEADS = 7
_NEAR_FROM, _NEAR_PERSON_FROM = 0.5, 0.55
_FAR_BELOW = 0.15


class Column(StrEnum):
    """A third of the picture's width, as a person who holds the camera calls it."""

    LEFT = "left"
    AHEAD = "ahead"
    RIGHT = "right"


class Distance(StrEnum):
    """How far away something looks, nearest first; `SOME` is not worth a word."""

    NEAR = "near"
    SOME = ""
    FAR = "far"


_DISTANCES = tuple(Distance)


@dataclass(frozen=True)
class Seen:
    """So many things of one kind in one column; `distance` is that of the nearest."""

    label: str
    column: Column
    distance: Distance
    sure: bool
    count: int = 1

    @property
    def place(self) -> str:
        """Key of the words for where it is."""
        return f"{self.column}_{self.distance}" if self.distance else str(self.column)


def everything_in(facts: PictureFacts, *, with_codes: bool = False) -> tuple[Seen, ...]:
    """Returns people first, then what moves, then the rest, each with the nearest first; codes are told elsewhere."""
    left_out = frozenset() if with_codes else _CODES
    kept = [one for one in facts.objects if one.confidence >= _LEFT_OUT_BELOW and one.label not in left_out]
    people = _people([one for one in kept if one.label in {_PERSON, _FACE}])
    others = [one for one in kept if one.label not in {_PERSON, _FACE}]
    return _grouped([_placed(one, facts) for one in (*people, *others)])


def side_of(facts: PictureFacts, column: Column) -> tuple[tuple[Seen, ...], PictureFacts]:
    """Returns what is in one column, and the picture with the text of that column only."""
    found = tuple(one for one in everything_in(facts, with_codes=True) if one.column is column)
    lines = tuple(line for line in facts.text_lines if line.area and column_of(line.area, facts.width) is column)
    return found, replace(facts, text_lines=lines, codes=())


def is_measured(one: Seen, facts: PictureFacts) -> bool:
    """Tells whether the size of something tells how far away it is: its place is known, and it is not a small thing."""
    labels = {_PERSON, _FACE} if one.label == _PERSON else {one.label}
    placed = all(found.area is not None for found in facts.objects if found.label in labels)
    return placed and facts.height > 0 and is_tall(one.label)


def people_in(seen: Iterable[Seen]) -> tuple[Seen, ...]:
    """Returns the people alone."""
    return tuple(one for one in seen if one.label == _PERSON)


def _people(found: list[SeenObject]) -> list[SeenObject]:
    """Returns each person once: two boxes of one person are one, and a face in a person's box is the person's."""
    bodies: list[SeenObject] = []
    for one in (one for one in found if one.label == _PERSON):
        if not any(_shared(one.area, other.area) >= _SAME_SHARE for other in bodies):
            bodies.append(one)
    for face in (one for one in found if one.label == _FACE):
        owner = next((index for index, body in enumerate(bodies) if _is_of(face.area, body.area)), None)
        if owner is None:
            bodies.append(face)
        else:
            # Two detectors that agree are surer than either.
            bodies[owner] = replace(bodies[owner], confidence=max(_SURE_FROM, bodies[owner].confidence))
    return bodies


def _is_of(face: Area | None, body: Area | None) -> bool:
    if face is None or body is None:
        return False
    x, y = face.x + face.width / 2, face.y + face.height / 2
    return body.x <= x <= body.x + body.width and body.y <= y <= body.y + body.height / 2


def _shared(one: Area | None, other: Area | None) -> float:
    """Returns the share of the smaller rectangle that lies in the other."""
    if one is None or other is None:
        return 0.0
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(0, width) * max(0, height) / smaller


def _placed(one: SeenObject, facts: PictureFacts) -> Seen:
    label = _PERSON if one.label == _FACE else one.label
    sure = one.confidence >= _SURE_FROM
    if one.area is None or not (facts.width and facts.height):
        return Seen(label, Column.AHEAD, Distance.SOME, sure)
    return Seen(label, column_of(one.area, facts.width), _distance(one, one.area.height / facts.height), sure)


def column_of(area: Area, width: int) -> Column:
    """Returns the third of a picture of that width in which the middle of a rectangle lies."""
    third = int(3 * (area.x + area.width / 2) / max(1, width))
    return tuple(Column)[min(2, max(0, third))]


def _distance(one: SeenObject, height: float) -> Distance:
    person = one.label in {_PERSON, _FACE}
    height *= _HEADS if one.label == _FACE else 1
    if height >= (_NEAR_PERSON_FROM if person else _NEAR_FROM):
        return Distance.NEAR
    return Distance.FAR if height < _FAR_BELOW and (person or is_tall(one.label)) else Distance.SOME


def _grouped(found: Iterable[Seen]) -> tuple[Seen, ...]:
    groups: dict[tuple[str, Column], Seen] = {}
    for one in found:
        key = (one.label, one.column)
        before = groups.get(key)
        groups[key] = _together(before, one) if before else one
    return tuple(sorted(groups.values(), key=_rank))


def _together(before: Seen, one: Seen) -> Seen:
    nearest = min(before.distance, one.distance, key=_DISTANCES.index)
    return replace(before, distance=nearest, sure=before.sure and one.sure, count=before.count + one.count)


def _rank(one: Seen) -> tuple[bool, bool, int]:
    return one.label != _PERSON, not is_moving(one.label), _DISTANCES.index(one.distance)
