"""The vectors of one build: texts that come again soon are embedded once."""

import asyncio
import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from quintet_gateway.assistant.knowledge.embedding import Embedding

WINDOW_TEXTS = 2048


class TextVectors:
    """Remembers the vectors of the last `window` different texts, under digests of the texts."""

    def __init__(self, embedding: Embedding, model: str, window: int = WINDOW_TEXTS) -> None:
        self._embedding = embedding
        self._model = model
        self._window = window
        self._known: OrderedDict[bytes, asyncio.Future[Sequence[float]]] = OrderedDict()

    async def of(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """Returns a vector for each of at most 64 texts; calls may overlap.

        Raises:
            DomainError: if the embedding service fails.
        """
        if not self._model:
            return [() for _ in texts]
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        fresh = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._known}
        vectors = {digest: self._remember(digest) for digest in digests}
        if fresh:
            await self._embed(fresh, vectors)
        # A text of a call that is under way is waited for, and that call answers for its own failure.
        return [await asyncio.shield(vectors[digest]) for digest in digests]

    def _remember(self, digest: bytes) -> "asyncio.Future[Sequence[float]]":
        vector = self._known.setdefault(digest, asyncio.get_running_loop().create_future())
        self._known.move_to_end(digest)
        if len(self._known) > self._window:
            self._known.popitem(last=False)
        return vector

    async def _embed(
        self, fresh: Mapping[bytes, str], vectors: Mapping[bytes, "asyncio.Future[Sequence[float]]"]
    ) -> None:
        try:
            found = await self._embedding.vectors(list(fresh.values()), self._model)
        except BaseException:
            for digest in fresh:
                vectors[digest].cancel()
                self._known.pop(digest, None)
            raise
        for digest, values in zip(fresh, found, strict=True):
            # A copy, because values keep the whole response that they came in.
            vectors[digest].set_result(array("f", values))
