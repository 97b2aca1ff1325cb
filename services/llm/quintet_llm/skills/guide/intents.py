"""What a person wants to know about the picture, by the phrases of each language."""

import re
from dataclasses import dataclass, field
from functools import cache

from quintet_llm.skills.guide.language import LANGUAGES, read, spaced
from quintet_llm.skills.guide.phrases import compiled, matches
from quintet_llm.skills.guide.signs import noun_in, sign_in, signs
from quintet_llm.skills.guide.things import label_in

# The first one that a question fits is meant: the narrow ones stand before those that fit nearly everything.
_ORDER = (
    *("way", "signal", "steps", "repeat", "help", "count", "code", "read", "colors", "light", "blur", "which"),
    *("distance", "far", "identity", "people", "sign", "where", "left", "right", "ahead", "again", "more", "describe"),
)


@dataclass(frozen=True)
class Wish:
    """What is asked: `name` as in the files of words, or one of `where`, `far`, `sign` and `which`.

    `label` is the thing that is looked for, or the kind of sign; `noun` how a thing that is not known may be
    written.
    """

    name: str
    label: str = ""
    noun: str = field(default="", compare=False)


def wish_of(text: str, language: str) -> Wish | None:
    """Returns what a question asks of the guide, None if nothing of the picture; its own language is tried first."""
    words = spaced(text)
    ordered = (language, *(other for other in LANGUAGES if other != language))
    for tried in ordered:
        if wish := _wish_in(words, tried):
            return wish
    return next((wish for tried in ordered if (wish := _unknown_in(words, tried))), None)


def _wish_in(words: str, language: str) -> Wish | None:
    for name in _ORDER:
        if name in _NOUNS:
            wish = _noun_wish(name, words, language)
        else:
            wish = Wish(name) if matches(words, _intents(language)[name]) else None
        if wish:
            return wish
    return None


def _place_in(words: str, language: str) -> str:
    """Returns the sign that is asked for; of "a chair near the exit" the chair is."""
    sign, label = sign_in(words, language), label_in(words, language)
    return sign if label in {"", *signs()} else ""


# What a question must have, by the files of words, for its noun to be looked for, and what finds that noun.
_NOUNS = {
    "which": ("which", sign_in),
    "far": ("far", label_in),
    "sign": ("known", _place_in),
    "where": ("known", label_in),
}


def _noun_wish(name: str, words: str, language: str) -> Wish | None:
    kind, find = _NOUNS[name]
    label = find(words, language) if matches(words, _where(language, kind)) else ""
    return Wish(name, label) if label else None


def _unknown_in(words: str, language: str) -> Wish | None:
    if matches(words, _where(language, "far_unknown")):
        return Wish("far")
    if matches(words, _where(language, "unknown")):
        return Wish("where", noun=noun_in(words, language))
    return None


@cache
def _intents(language: str) -> dict[str, tuple[re.Pattern[str], ...]]:
    return {name: compiled(phrases) for name, phrases in read("words", language)["intents"].items()}


@cache
def _where(language: str, kind: str) -> tuple[re.Pattern[str], ...]:
    return compiled(read("words", language)["where"][kind])
