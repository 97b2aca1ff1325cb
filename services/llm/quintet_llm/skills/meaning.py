"""The seam between skills and whatever knows which texts mean the same."""

from collections.abc import Sequence
from typing import Protocol


class MeasuresMeaning(Protocol):
    """Compares texts by their meaning."""

    async def similarities(self, question: str, sentences: Sequence[str]) -> list[float] | None:
        """Returns how near each sentence is to the question, -1 to 1; None where no model can tell."""
        ...
