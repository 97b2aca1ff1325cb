"""What is said about one thing that is looked for: where it is, how far away, and where it is written."""

from quintet_llm.conversation import PictureFacts
from quintet_llm.skills.guide.intents import Wish
from quintet_llm.skills.guide.reading import block_with, text_in
from quintet_llm.skills.guide.sentences import capital, is_blind, reading, seen
from quintet_llm.skills.guide.signs import written
from quintet_llm.skills.guide.things import is_moving, is_thing
from quintet_llm.skills.guide.view import Column, Seen, column_of, everything_in, is_measured, people_in
from quintet_llm.skills.guide.wording import Wording

_SIGN_TEXT = 120
_READ_TEXT = 300


def where(wish: Wish, facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns where a thing is; of one that no detector knows, where its name is written."""
    if wish.label:
        return seen(_found(wish.label, facts), wording) or [_not_found(wish.label, facts, wording)]
    if wish.noun:
        return _place((wish.noun,), facts, wording) or [wording.say("sign.none")]
    return [wording.say("where.unknown")]


def sign(wish: Wish, facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns where a place is written that people find by signs."""
    nouns, found = written(wish.label), seen(_found(wish.label, facts), wording)
    if is_moving(wish.label):
        # The sign of a bus does not stand for the bus.
        return [*(found or [_not_found(wish.label, facts, wording)]), *on_sign(nouns, facts, wording)]
    if said := [*found, *_place(nouns, facts, wording)]:
        return said
    return [_not_found(wish.label, facts, wording) if is_thing(wish.label) else wording.say("sign.none")]


def which(wish: Wish, facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns the sign that tells which one it is; without one all the text, where it may stand without the word."""
    if said := on_sign(written(wish.label), facts, wording):
        return said
    text = text_in(facts, _READ_TEXT)
    return [wording.say("sign.unread"), reading(text, wording)] if text else [wording.say("text.none")]


def far(wish: Wish, facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns how far away a thing looks, which is told roughly or not at all."""
    found = _found(wish.label, facts) if wish.label else ()
    if found:
        return [*seen(found, wording), _distance(found[0], facts, wording)]
    return [_not_found(wish.label, facts, wording)] if wish.label else [wording.say("far.unknown")]


def far_people(facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns how far away people look."""
    found = people_in(everything_in(facts))
    if not found:
        return [wording.say("people.none")]
    return [*seen(found, wording), _distance(found[0], facts, wording), wording.say("people.missed")]


def on_sign(nouns: tuple[str, ...], facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns one sentence with the text that has one of the nouns and where it stands, or none."""
    found = block_with(facts, nouns, _SIGN_TEXT)
    if found is None:
        return []
    text, area = found
    if area is None:
        return [reading(text, wording)]
    place = wording.say(f"place.{column_of(area, facts.width) if facts.width else Column.AHEAD}")
    return [wording.say("sign.sure" if text.sure else "sign.unsure", place=capital(place), text=text.words)]


def _place(nouns: tuple[str, ...], facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns where a place is written, and that the place itself need not be there: arrows are not read."""
    said = on_sign(nouns, facts, wording)
    return [*said, wording.say("sign.elsewhere")] if said else []


def _found(label: str, facts: PictureFacts) -> tuple[Seen, ...]:
    return tuple(one for one in everything_in(facts) if one.label == label)


def _not_found(label: str, facts: PictureFacts, wording: Wording) -> str:
    thing = wording.thing(label)
    return wording.say(f"where.{'blind' if is_blind(facts) else 'none'}_{thing.gender}", name=thing.name)


def _distance(nearest: Seen, facts: PictureFacts, wording: Wording) -> str:
    if nearest.distance:
        return wording.say("far.rough")
    return wording.say("far.middle" if is_measured(nearest, facts) else "far.unknown")
