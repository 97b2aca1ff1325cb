"""Checks of texts that came from a client."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def has_half_character(text: str) -> bool:
    """Tells whether a text holds half of a character, which JSON can spell and UTF-8 cannot."""
    return _SURROGATE.search(text) is not None
