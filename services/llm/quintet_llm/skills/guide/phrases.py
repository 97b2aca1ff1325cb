"""Phrases of the files of words, as what finds them in a question."""

import re
from collections.abc import Iterable

from quintet_llm.skills.guide.language import spaced

_ANY_WORDS = r"(?: \S+)*?"


def compiled(phrases: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Returns what finds each phrase in a text of `spaced`; words/en.toml says how a phrase is written."""
    return tuple(re.compile("".join(map(_part, phrase.split())) + r"(?= )") for phrase in phrases)


def matches(words: str, phrases: Iterable[re.Pattern[str]]) -> bool:
    """Tells whether any of the phrases is in a text of `spaced`."""
    return any(phrase.search(words) for phrase in phrases)


def _part(part: str) -> str:
    if part in {"^", "$"}:
        return r"\A" if part == "^" else r"(?= \Z)"
    if part == "..":
        return _ANY_WORDS
    choices = (re.escape(spaced(choice.rstrip("*")).strip()) for choice in part.split("|"))
    ends = (r"\S*" if choice.endswith("*") else "" for choice in part.split("|"))
    return f" (?:{'|'.join(map(''.join, zip(choices, ends, strict=True)))})(?= )"
