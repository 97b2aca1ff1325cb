"""Vectors without a model, for tests and people who write clients: texts with common words are near each other."""

import asyncio
import hashlib
import math
import re
from collections.abc import Sequence

from quintet_engines import EngineInfo, EngineKind
from quintet_llm.embedding_engine import Purpose, Vector

_DIMENSIONS = 256
_WORD = re.compile(r"\w+")


class ScriptedEmbedding:
    """Adds up one direction a word; the same text has the same vector on every machine."""

    def current(self) -> "ScriptedEmbedding":
        """Returns itself, which is always there."""
        return self

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        return _DIMENSIONS

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return EngineInfo("scripted", EngineKind.SCRIPTED, "scripted", "Scripted engines were asked for.")

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> list[Vector]:
        """Embeds text after text, and lets others have the loop between two."""
        vectors: list[Vector] = []
        for text in texts:
            vectors.append(_vector(text))
            await asyncio.sleep(0)
        return vectors

    async def warm_up(self) -> None:
        """Has nothing to load."""

    async def close(self) -> None:
        """Holds nothing."""


def _vector(text: str) -> Vector:
    sums = [0.0] * _DIMENSIONS
    # A text without a word still has a direction of its own.
    for word in _WORD.findall(text.casefold()) or [text]:
        digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
        sums[int.from_bytes(digest[:2]) % _DIMENSIONS] += 1.0 if digest[2] % 2 else -1.0
    length = math.sqrt(sum(value * value for value in sums))
    if not length:
        # Two words that cancel each other out.
        return [1.0, *sums[1:]]
    return [value / length for value in sums]
