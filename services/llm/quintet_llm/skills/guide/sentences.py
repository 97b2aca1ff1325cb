"""Sentences about what was found, each of them whole: what is seen, what is written, how well it could be seen."""

from collections.abc import Sequence

from quintet_llm.conversation import PictureFacts
from quintet_llm.skills.guide.light import Light, light_of, visibility
from quintet_llm.skills.guide.reading import Text, host, payload, text_in
from quintet_llm.skills.guide.view import Seen, everything_in, people_in
from quintet_llm.skills.guide.wording import Wording

_SHORT_TEXT = 120
_MOST_THINGS = 4
_MOST_COLORS = 3
_SMALLEST_SHARE = 0.1


def description(facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns at most three sentences: who and what is there, what is written, how well it could be seen."""
    if facts.scene == "blank":
        return [*blank(facts, wording), wording.say("end.blank")]
    found = everything_in(facts)
    said = told(found, writing(facts, wording), wording.say("people.none"), wording)
    if not said:
        key = "nothing.blind" if is_blind(facts) else "nothing.seeing"
        said = [wording.say(key), colors(facts, wording)] if facts.colors else [wording.say(key)]
    return [*said, ending(facts, found, wording)]


def told(found: Sequence[Seen], texts: list[str], nobody: str, wording: Wording) -> list[str]:
    """Returns what is there and what is written; silence about people would mean that there is nobody.

    `nobody` is said where text was found and nothing else.
    """
    return [*seen(found, wording, nobody=True), *texts, *([nobody] if texts and not found else [])]


def is_blind(facts: PictureFacts) -> bool:
    """Tells whether things cannot be recognised at all."""
    return any(one.subject == "objects" for one in facts.blindnesses)


def seen(found: Sequence[Seen], wording: Wording, most: int = _MOST_THINGS, *, nobody: bool = False) -> list[str]:
    """Returns one sentence with what is where, or none; what goes beyond `most` is counted only.

    With `nobody` it also tells if there is no person among it.
    """
    if not found:
        return []
    things = [wording.at(one) for one in found[:most]]
    rest = sum(one.count for one in found[most:])
    if rest:
        things.append(
            wording.say("thing.rest_one") if rest == 1 else wording.say("thing.rest_many", count=wording.number(rest))
        )
    sure = "sure" if all(one.sure for one in found) else "unsure"
    sure += "_alone" if nobody and not people_in(found) else ""
    number = "one" if sum(one.count for one in found) == 1 else "many"
    return [wording.say(f"seen.{sure}_{number}", things=wording.listed(things))]


def writing(facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns one sentence with what text and codes say, or none."""
    text = text_in(facts, _SHORT_TEXT)
    if text is None:
        return codes(facts, wording)[:1] if len(facts.codes) < 2 else [_many_codes(facts, wording)]
    if facts.codes:
        code = facts.codes[0]
        return [wording.say("text.with_code", text=text.words, payload=host(code) or payload(code))]
    return [reading(text, wording)]


def reading(text: Text, wording: Wording) -> str:
    """Returns the sentence with a text; what was hard to read is told as such."""
    if not text.sure:
        return wording.say("text.unsure", text=text.words)
    return wording.say("text.begins" if text.cut else "text.sure", text=text.words)


def codes(facts: PictureFacts, wording: Wording, *, in_full: bool = False) -> list[str]:
    """Returns a sentence for each code; of an address only the host is told, unless it is asked for."""
    sentences = []
    for code in facts.codes:
        site = host(code)
        if site and not in_full:
            sentences.append(wording.say("code.link", host=site))
        else:
            kind = "code.qr" if code.kind.casefold().startswith("qr") else "code.bar"
            sentences.append(wording.say(kind, payload=payload(code)))
    return sentences


def _many_codes(facts: PictureFacts, wording: Wording) -> str:
    first = facts.codes[0]
    return wording.say("code.many", count=wording.number(len(facts.codes)), payload=host(first) or payload(first))


def colors(facts: PictureFacts, wording: Wording) -> str:
    """Returns the sentence with the main colours of the whole picture."""
    large = [one.name for one in facts.colors if one.share >= _SMALLEST_SHARE][:_MOST_COLORS]
    if not large:
        return wording.say("colors.none")
    if len(large) == 1:
        return wording.say("colors.one", color=wording.colors(large))
    return wording.say("colors.many", colors=wording.colors(large))


def blank(facts: PictureFacts, wording: Wording) -> list[str]:
    """Returns what to say of a picture that shows one even colour."""
    if light_of(facts) is Light.DARK:
        first = wording.say("blank.dark")
    else:
        first = wording.say("blank.plain", color=wording.colors([facts.colors[0].name])) if facts.colors else ""
    return [sentence for sentence in (first, wording.say("blank.covered")) if sentence]


def ending(facts: PictureFacts, found: Sequence[Seen], wording: Wording) -> str:
    """Returns how well things could be seen, and what may have been missed beside what was found."""
    return capital(wording.say(f"end.{visibility(facts)}", rest=_rest(facts, found, wording)))


def missed(facts: PictureFacts, found: Sequence[Seen], wording: Wording) -> str:
    """Returns what may have been missed beside what was found."""
    return capital(wording.say("end.unknown", rest=_rest(facts, found, wording)))


def _rest(facts: PictureFacts, found: Sequence[Seen], wording: Wording) -> str:
    after = "people" if people_in(found) else "things" if found else "nothing"
    return wording.say(f"rest.{'blind' if is_blind(facts) else 'seeing'}_{after}")


def capital(words: str) -> str:
    """Returns words as the start of a sentence."""
    return words[:1].upper() + words[1:]
