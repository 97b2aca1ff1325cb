"""Sentences that are spoken when there is no answer, in the languages of the surface."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files

LANGUAGES = ("en", "hi", "mr")
DEFAULT_LANGUAGE = "en"


class Sentence(StrEnum):
    """What can be said; the values are the tables of the data file."""

    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    FAILED = "failed"


def _read() -> Mapping[Sentence, Mapping[str, str]]:
    tables = tomllib.loads((files(__package__) / "wording.toml").read_text("utf-8"))
    return {sentence: {language: tables[sentence][language] for language in LANGUAGES} for sentence in Sentence}


_SENTENCES = _read()


def worded(sentence: Sentence, language: str) -> str:
    """Returns a sentence in a language, in English if it is none of the surface."""
    return _SENTENCES[sentence].get(language) or _SENTENCES[sentence][DEFAULT_LANGUAGE]
