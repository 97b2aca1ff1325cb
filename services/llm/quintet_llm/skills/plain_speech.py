"""An answer for the ear: the same words without what only the eye makes sense of."""

import re
from collections.abc import AsyncIterator

_LINE_STARTS = re.compile(r"^[ \t]*(?:[-*•]|#{1,6}|>)[ \t]+", re.MULTILINE)
_MARKS = re.compile(r"\*\*|__|`+|\|")
_BLANK_LINES = re.compile(r"\n\s*\n")


def plain_speech(text: str) -> str:
    """Returns a piece of an answer without list marks, headings, emphasis and blank lines."""
    return _BLANK_LINES.sub("\n", _MARKS.sub("", _LINE_STARTS.sub("", text)))


async def spoken(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yields each piece of an answer as plain speech; pieces that are nothing but marks are left out."""
    async for piece in pieces:
        if text := plain_speech(piece):
            yield text
