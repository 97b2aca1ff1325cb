"""Tokens of engines without a tokenizer: words."""

import asyncio
import re
from collections.abc import AsyncIterator

from quintet_llm.conversation import Turn

_WORD = re.compile(r"\s*\S+\s*")
# Counting the words of a long conversation pauses after so many characters, so that others get their turn.
_COUNTED_AT_ONCE = 100_000


class WordLimit:
    """Counts words as they pass, and cuts the text after `limit` of them; 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.count = 0
        self.cut = False

    async def limited(self, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
        """Yields the text up to the limit, then sets `cut` if there was more."""
        async for piece in pieces:
            text = self._fitting(piece)
            if text:
                yield text
            if self.cut:
                return

    def _fitting(self, piece: str) -> str:
        room = self._limit - self.count if self._limit else len(piece)
        ends = [match.end() for match in _WORD.finditer(piece)]
        self.cut = len(ends) > room
        self.count += min(len(ends), room)
        if not self.cut:
            return piece
        return piece[: ends[room - 1]].rstrip() if room else ""


async def count_words(turns: tuple[Turn, ...]) -> int:
    """Returns the number of words in a conversation."""
    count = counted = 0
    for turn in turns:
        for start in range(0, len(turn.text), _COUNTED_AT_ONCE):
            part = turn.text[start : start + _COUNTED_AT_ONCE]
            count += len(part.split())
            counted += len(part)
            if counted >= _COUNTED_AT_ONCE:
                counted = 0
                await asyncio.sleep(0)
    return count
