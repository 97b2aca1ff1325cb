"""The seam between the embedding service and whatever computes its vectors."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from quintet_engines import EngineInfo

Vector = Sequence[float]
"""Numbers of length 1 together; the nearer two vectors, the nearer the meaning of their texts."""


class Purpose(StrEnum):
    """What texts are for; texts that search are served first."""

    PASSAGE = "passage"
    QUERY = "query"


class EmbeddingEngine(Protocol):
    """Turns texts into vectors. Its methods belong to the event loop and never block it."""

    @property
    def dimensions(self) -> int:
        """Length of the vectors, known without loading anything."""
        ...

    def info(self) -> EngineInfo:
        """Describes the engine as it is now."""
        ...

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> list[Vector]:
        """Returns one vector a text, in the same order; a cancelled call stops between two batches.

        Raises:
            DomainError: ENGINE_FAILED if the model cannot be loaded or gives no numbers.
        """
        ...

    async def warm_up(self) -> None:
        """Makes the first vector as fast as the next; harmless when repeated.

        Raises:
            DomainError: ENGINE_FAILED if the model cannot be loaded.
        """
        ...

    async def close(self) -> None:
        """Gives everything back; the engine is not used afterwards."""
        ...


EmbeddingSource = Callable[[], EmbeddingEngine]
"""Returns the engine that is live now; raises MODEL_NOT_INSTALLED or ENGINE_FAILED where there is none."""
