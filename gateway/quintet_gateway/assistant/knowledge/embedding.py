"""Vectors for chunks and questions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError, Reason
from quintet_gateway.clients.embedding import EmbeddingClient

BATCH_TEXTS = 64
_PATIENCE_S = 120.0
_MAX_TEXT_BYTES = 32 << 10


@dataclass(frozen=True)
class Vector:
    """A vector and the model that made it; both empty without a model."""

    values: Sequence[float] = ()
    model: str = ""


class Embedding:
    """Asks the embedding service; without a model there are no vectors, and that is no failure."""

    def __init__(self, client: EmbeddingClient) -> None:
        self._client = client

    async def engine(self) -> Engine | None:
        """Returns the live engine; None if no model is installed."""
        engine = (await self._client.engine()).engine
        return engine if engine.kind != Engine.KIND_UNSPECIFIED else None

    async def remedy(self) -> str:
        """Returns the command that installs a model."""
        limitations = (await self._client.engine()).engine.limitations
        return next((limitation.remedy for limitation in limitations if limitation.remedy), "")

    async def vectors(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Returns a vector of `model` for each of at most 64 texts; waits two minutes for a full or absent service.

        Raises:
            DomainError: if the service fails, or another model answers.
        """
        if not model:
            return [() for _ in texts]
        async for attempt in _retrying():
            with attempt:
                response = await self._client.passages([_cut(text) for text in texts])
        if response.model != model or len(response.embeddings) != len(texts):
            raise DomainError(Reason.ENGINE_FAILED, "The embedding model changed in between. Index again.")
        return [embedding.values for embedding in response.embeddings]

    async def vector(self, query: str) -> Vector:
        """Returns the vector of a question, an empty one without a model.

        Raises:
            DomainError: if the service fails.
        """
        try:
            response = await self._client.query(_cut(query))
        except DomainError as error:
            if error.reason is Reason.MODEL_NOT_INSTALLED:
                return Vector()
            raise
        return Vector(response.embeddings[0].values, response.model)


def _cut(text: str) -> str:
    return text.encode()[:_MAX_TEXT_BYTES].decode(errors="ignore")


def _retrying() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(
            lambda error: (
                isinstance(error, DomainError) and error.reason in {Reason.ENGINE_BUSY, Reason.SERVICE_UNAVAILABLE}
            )
        ),
        wait=wait_exponential_jitter(multiplier=0.2, max=2.0, jitter=0.2),
        stop=stop_after_delay(_PATIENCE_S),
        sleep=asyncio.sleep,
        reraise=True,
    )
