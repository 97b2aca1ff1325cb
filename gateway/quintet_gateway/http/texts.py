"""Checks of texts that came from a client, and a cut where no sign is broken."""

import re
import unicodedata

_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINER = "\u200d"
# Behind a virama of the scripts of India the next consonant belongs to the same sign.
_JOINING = frozenset(
    {_JOINER, "\u094d", "\u09cd", "\u0a4d", "\u0acd", "\u0b4d", "\u0bcd", "\u0c4d", "\u0ccd", "\u0d4d"}
)
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
# Two of them are one flag.
_FLAG_LETTERS = frozenset(map(chr, range(0x1F1E6, 0x1F200)))


def has_half_character(text: str) -> bool:
    """Tells whether a text holds half of a character, which JSON can spell and UTF-8 cannot."""
    return _SURROGATE.search(text) is not None


def cut(text: str, length: int) -> str:
    """Returns at most the first `length` characters, and no part of a sign that is written with several."""
    if len(text) <= length:
        return text
    while length > 0 and _continues(text, length):
        length -= 1
    return text[:length]


def _continues(text: str, position: int) -> bool:
    sign = text[position]
    joined = sign == _JOINER or sign in _SKIN_TONES or unicodedata.category(sign)[0] == "M"
    return joined or text[position - 1] in _JOINING or _halves_a_flag(text, position)


def _halves_a_flag(text: str, position: int) -> bool:
    letters = 0
    while letters < position and text[position - letters - 1] in _FLAG_LETTERS:
        letters += 1
    return text[position] in _FLAG_LETTERS and letters % 2 == 1
