"""What is said to each wish, as sentences."""

from collections.abc import Callable

from quintet_llm.conversation import PictureFacts
from quintet_llm.skills.guide.intents import Wish
from quintet_llm.skills.guide.light import Light, is_blurred, light_of
from quintet_llm.skills.guide.reading import text_in
from quintet_llm.skills.guide.sentences import (
    blank,
    codes,
    colors,
    description,
    ending,
    is_blind,
    reading,
    seen,
    writing,
)
from quintet_llm.skills.guide.view import Column, everything_in, people_in, side_of
from quintet_llm.skills.guide.wording import Wording

_Answer = Callable[[PictureFacts, Wording], list[str]]

_LONG_TEXT = 600
_MORE_TEXT = 300
_MOST_CODES = 3
_MOST_THINGS = 10


def answer(wish: Wish, facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns the sentences that answer a wish from what was found in a picture."""
    if wish.name == "where":
        return _where(wish.label, facts, wording)
    return _ANSWERS[wish.name](facts, wording)


def _way(facts: PictureFacts, wording: Wording) -> list[str]:
    """Never tells that a way can be gone: a picture of one moment cannot show that."""
    return [wording.say("way.unknown"), *seen(everything_in(facts), wording)]


def _read(facts: PictureFacts, wording: Wording) -> list[str]:
    text = text_in(facts, _LONG_TEXT)
    if text is not None:
        return [reading(text, wording), *([wording.say("text.others")] if text.others else [])]
    unread = [wording.say("text.scripts")] if any(one.subject == "text" for one in facts.blindnesses) else []
    return [wording.say("text.none"), *unread]


def _code(facts: PictureFacts, wording: Wording) -> list[str]:
    return codes(facts, wording, in_full=True)[:_MOST_CODES] or [wording.say("code.none")]


def _colors(facts: PictureFacts, wording: Wording) -> list[str]:
    return [colors(facts, wording), wording.say("colors.whole")]


def _light(facts: PictureFacts, wording: Wording) -> list[str]:
    return [wording.say(f"light.{light_of(facts)}")]


def _blur(facts: PictureFacts, wording: Wording) -> list[str]:
    verdict = {True: "blurred", False: "sharp", None: "unknown"}[is_blurred(facts)]
    return [wording.say(f"blur.{verdict}")]


def _identity(facts: PictureFacts, wording: Wording) -> list[str]:
    return [wording.say("people.who"), *(seen(people_in(everything_in(facts)), wording) or _people(facts, wording))]


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


def _where(label: str, facts: PictureFacts, wording: Wording) -> list[str]:
    found = [one for one in everything_in(facts) if one.label == label]
    if found:
        return seen(found, wording)
    if not label:
        return [wording.say("where.unknown")]
    thing = wording.thing(label)
    return [wording.say(f"where.{'blind' if is_blind(facts) else 'none'}_{thing.gender}", name=thing.name)]


def _side(column: Column) -> _Answer:
    def said(facts: PictureFacts, wording: Wording) -> list[str]:
        found, part = side_of(facts, column)
        nothing = wording.say("side.nothing", place=_capital(wording.say(f"place.{column}")))
        return [*([*seen(found, wording), *writing(part, wording)] or [nothing]), ending(facts, wording)]

    return said


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _more(facts: PictureFacts, wording: Wording) -> list[str]:
    """Tells everything that was found; this is what more than three sentences are asked for."""
    if facts.scene == "blank":
        return [*blank(facts, wording), ending(facts, wording)]
    found = everything_in(facts)
    text = text_in(facts, _MORE_TEXT)
    return [
        *(seen(found, wording, _MOST_THINGS) or [wording.say("people.none")]),
        *([wording.say("people.missed")] if people_in(found) else []),
        reading(text, wording) if text else wording.say("text.none"),
        *codes(facts, wording)[:_MOST_CODES],
        colors(facts, wording),
        *(_blur(facts, wording) if is_blurred(facts) is not None else []),
        *(_light(facts, wording) if light_of(facts) is not Light.UNKNOWN else []),
        wording.say("end.blind_unknown" if is_blind(facts) else "end.seeing_unknown"),
    ]


_ANSWERS: dict[str, _Answer] = {
    "way": _way,
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
