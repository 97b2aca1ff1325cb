"""What a person wants to know about the picture, by the phrases of each language."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from quintet_llm.skills.guide.language import LANGUAGES, read, spaced
from quintet_llm.skills.guide.things import label_in

# The first one that a question fits is meant: the narrow ones stand before those that fit nearly everything.
_ORDER = (
    *("way", "repeat", "help", "code", "read", "colors", "light", "blur", "identity", "people"),
    *("where", "left", "right", "ahead", "again", "more", "describe"),
)
_ANY_WORDS = r"(?: \S+)*?"


@dataclass(frozen=True)
class Wish:
    """What is asked: `name` as in the files of words, or `where`; `label` is the thing that is looked for."""

    name: str
    label: str = ""


def wish_of(text: str, language: str) -> Wish | None:
    """Returns what a question asks of the guide, None if nothing of the picture; its own language is tried first."""
    words = spaced(text)
    ordered = (language, *(other for other in LANGUAGES if other != language))
    for tried in ordered:
        if wish := _wish_in(words, tried):
            return wish
    return next((Wish("where") for tried in ordered if _matches(words, _where(tried, "unknown"))), None)


def _wish_in(words: str, language: str) -> Wish | None:
    for name in _ORDER:
        if name == "where":
            label = label_in(words, language)
            if label and _matches(words, _where(language, "known")):
                return Wish(name, label)
        elif _matches(words, _intents(language)[name]):
            return Wish(name)
    return None


def _matches(words: str, phrases: Iterable[re.Pattern[str]]) -> bool:
    return any(phrase.search(words) for phrase in phrases)


@cache
def _intents(language: str) -> dict[str, tuple[re.Pattern[str], ...]]:
    listed = read("words", language)["intents"]
    return {name: tuple(map(compiled, phrases)) for name, phrases in listed.items()}


@cache
def _where(language: str, kind: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(compiled, read("words", language)["where"][kind]))


def compiled(phrase: str) -> re.Pattern[str]:
    """Returns what finds a phrase of the files in a text of `spaced`."""
    parts = [_part(part) for part in phrase.split()]
    return re.compile("".join(parts) + r"(?= )")


def _part(part: str) -> str:
    if part in {"^", "$"}:
        return r"\A" if part == "^" else r"(?= \Z)"
    if part == "..":
        return _ANY_WORDS
    choices = (re.escape(spaced(choice.rstrip("*")).strip()) for choice in part.split("|"))
    ends = (r"\S*" if choice.endswith("*") else "" for choice in part.split("|"))
    return f" (?:{'|'.join(map(''.join, zip(choices, ends, strict=True)))})(?= )"
