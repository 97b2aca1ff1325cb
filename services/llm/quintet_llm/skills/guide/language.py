"""The languages of the guide, and the files in which their words stand."""

import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

from quintet_llm.skills.languages import language_of
from quintet_llm.skills.question import Question

LANGUAGES = ("en", "hi", "mr")
DEFAULT = LANGUAGES[0]
_SEPARATORS = str.maketrans(dict.fromkeys('?!.,;:…।॥"“”()-–\t\n\r', " "))
# Devanagari is often typed without the dot, and with either sign for a nasal vowel.
_SPELLINGS = str.maketrans({"\u093c": None, "\u0901": "\u0902", "\u2019": "'"})


def guide_language(question: Question) -> str:
    """Returns the guide's language for a question: the one asked for, its own, that of earlier ones, or English."""
    earlier = (turn.text for turn in reversed(question.turns) if turn.role == "user")
    for text in (question.original, *earlier):
        if question.language or any(letter.isalpha() for letter in text):
            return known(language_of(text, question.language))
    return DEFAULT


def known(language: str) -> str:
    """Returns the tag itself if the guide speaks it, otherwise that of English."""
    return language if language in LANGUAGES else DEFAULT


@cache
def read(folder: str, name: str) -> dict[str, Any]:
    """Returns one file of words; it is read once."""
    text = resources.files(__package__).joinpath(folder, f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def spaced(text: str) -> str:
    """Returns the words of a text in lower case and one spelling, each between two spaces."""
    plain = unicodedata.normalize("NFC", text).translate(_SPELLINGS).casefold()
    return f" {' '.join(plain.replace(chr(39) + 's ', ' is ').translate(_SEPARATORS).split())} "
