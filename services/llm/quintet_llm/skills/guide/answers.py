"""What is said to each wish, as sentences."""

from collections.abc import Callable

from quintet_llm.conversation import PictureFacts
from quintet_llm.skills.guide.intents import Wish
from quintet_llm.skills.guide.light import Light, is_blurred, light_of
from quintet_llm.skills.guide.lookups import far, far_people, on_sign, sign, where, which
from quintet_llm.skills.guide.reading import text_in
from quintet_llm.skills.guide.sentences import (
    blank,
    capital,
    codes,
    colors,
    description,
    ending,
    missed,
    reading,
    seen,
    told,
    writing,
)
from quintet_llm.skills.guide.signs import written
from quintet_llm.skills.guide.view import Column, everything_in, people_in, side_of
from quintet_llm.skills.guide.wording import Wording

_Answer = Callable[[PictureFacts, Wording], list[str]]

_LONG_TEXT = 600
_MORE_TEXT = 300
_MOST_CODES = 3
_MOST_THINGS = 10


def answer(wish: Wish, facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns the sentences that answer a wish from what was found in a picture."""
    if wish.name in _LOOKED_FOR:
        return _LOOKED_FOR[wish.name](wish, facts, wording)
    return _ANSWERS[wish.name](facts, wording)


def _way(facts: PictureFacts, wording: Wording) -> list[str]:
    """Never tells that a way can be gone: a picture of one moment cannot show that."""
    refusal = wording.say("way.unknown")
    if facts.scene == "blank":
        return [refusal, wording.say("end.blank")]
    found = everything_in(facts)
    here = seen(found, wording, nobody=True) or [wording.say("people.none")]
    return [refusal, *here, missed(facts, found, wording)]


def _signal(facts: PictureFacts, wording: Wording) -> list[str]:
    """Never tells what a traffic light shows, not even where one is recognised."""
    return [wording.say("way.signal")]


def _steps(facts: PictureFacts, wording: Wording) -> list[str]:
    return [wording.say("way.steps"), *on_sign(written("stairs"), facts, wording)]


def _read(facts: PictureFacts, wording: Wording) -> list[str]:
    text = text_in(facts, _LONG_TEXT)
    if text is not None:
        return [reading(text, wording), *([wording.say("text.others")] if text.others else [])]
    unread = [wording.say("text.scripts")] if any(one.subject == "text" for one in facts.blindnesses) else []
    return [wording.say("text.none"), *unread]


def _code(facts: PictureFacts, wording: Wording) -> list[str]:
    return codes(facts, wording, in_full=True)[:_MOST_CODES] or [wording.say("code.none")]


def _count_codes(facts: PictureFacts, wording: Wording) -> list[str]:
    count = len(facts.codes)
    if count < 2:
        first = [wording.say("code.count_one")] if count else [wording.say("code.none")]
    else:
        first = [wording.say("code.count_many", count=wording.number(count))]
    return [*first, *codes(facts, wording)][:_MOST_CODES]


def _colors(facts: PictureFacts, wording: Wording) -> list[str]:
    return [colors(facts, wording), wording.say("colors.whole")]


def _light(facts: PictureFacts, wording: Wording) -> list[str]:
    return [wording.say(f"light.{light_of(facts)}")]


def _blur(facts: PictureFacts, wording: Wording) -> list[str]:
    verdict = {True: "blurred", False: "sharp", None: "unknown"}[is_blurred(facts)]
    return [wording.say(f"blur.{verdict}")]


def _identity(facts: PictureFacts, wording: Wording) -> list[str]:
    people = people_in(everything_in(facts))
    if not people:
        return [wording.say("people.who"), wording.say("people.none")]
    return [wording.say("people.who"), *seen(people, wording), wording.say("people.missed")]


def _people(facts: PictureFacts, wording: Wording) -> list[str]:
    """Counts what was found, and says that there may be more: a person who turns away is easily missed."""
    found = people_in(everything_in(facts))
    count = sum(one.count for one in found)
    if not found:
        return [wording.say("people.none")]
    if count == 1:
        said = [wording.say("people.count_one", place=wording.place(found[0]))]
    elif len(found) == 1:
        said = seen(found, wording)
    else:
        things = wording.listed([wording.at(one) for one in found])
        said = [wording.say("people.count_many", count=wording.number(count), things=things)]
    return [*said, wording.say("people.missed")]


def _side(column: Column) -> _Answer:
    def said(facts: PictureFacts, wording: Wording) -> list[str]:
        if facts.scene == "blank":
            return description(facts, wording)
        found, part = side_of(facts, column)
        place = capital(wording.say(f"place.{column}"))
        texts = writing(part, wording)
        here = told(found, texts, wording.say("side.nobody", place=place), wording)
        return [*(here or [wording.say("side.nothing", place=place)]), ending(facts, found, wording)]

    return said


def _more(facts: PictureFacts, wording: Wording) -> list[str]:
    """Tells everything that was found; this is what more than three sentences are asked for."""
    if facts.scene == "blank":
        return [*blank(facts, wording), wording.say("end.blank")]
    found = everything_in(facts)
    people = people_in(found)
    text = text_in(facts, _MORE_TEXT)
    return [
        *(seen(found, wording, _MOST_THINGS, nobody=True) or [wording.say("people.none")]),
        *([wording.say("people.missed")] if people else []),
        reading(text, wording) if text else wording.say("text.none"),
        *codes(facts, wording)[:_MOST_CODES],
        colors(facts, wording),
        *(_blur(facts, wording) if is_blurred(facts) is not None else []),
        *(_light(facts, wording) if light_of(facts) is not Light.UNKNOWN else []),
        # That people may have been missed is said beside them.
        missed(facts, () if people else found, wording),
    ]


_LOOKED_FOR: dict[str, Callable[[Wish, PictureFacts, Wording], list[str]]] = {
    "where": where,
    "sign": sign,
    "which": which,
    "far": far,
}
_ANSWERS: dict[str, _Answer] = {
    "way": _way,
    "signal": _signal,
    "steps": _steps,
    "distance": far_people,
    "count": _count_codes,
    "read": _read,
    "code": _code,
    "colors": _colors,
    "light": _light,
    "blur": _blur,
    "identity": _identity,
    "people": _people,
    "left": _side(Column.LEFT),
    "ahead": _side(Column.AHEAD),
    "right": _side(Column.RIGHT),
    "more": _more,
    "describe": description,
}
