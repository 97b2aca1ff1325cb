"""Compares texts by the vectors of the embedding engine that is live."""

from array import array
from collections import OrderedDict
from collections.abc import Sequence

from quintet_errors import DomainError
from quintet_llm.embedding_engine import EmbeddingEngine, EmbeddingSource, Purpose
from quintet_observability import get_logger

_log = get_logger(__name__)
_MOST_REMEMBERED = 2048
"""Sentences; the same ones are compared with question after question, and each takes 1.5 KiB."""


class EmbeddingMeaning:
    """Embeds a question and its sentences in one call, which overtakes passages that are being indexed."""

    def __init__(self, source: EmbeddingSource) -> None:
        self._source = source
        self._remembered: OrderedDict[tuple[str, str], array[float]] = OrderedDict()

    async def similarities(self, question: str, sentences: Sequence[str]) -> list[float] | None:
        """Returns the cosines; None if no model is installed or it fails: words have to do then."""
        if not sentences:
            return []
        try:
            asked, *others = await self._vectors(self._source(), [question, *sentences])
        except DomainError as error:
            _log.debug("meaning_not_measured", reason=str(error.reason))
            return None
        return [sum(map(float.__mul__, asked, other)) for other in others]

    async def _vectors(self, engine: EmbeddingEngine, texts: Sequence[str]) -> "list[array[float]]":
        model = engine.info().model
        known = {text: self._remembered[model, text] for text in texts if (model, text) in self._remembered}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        embedded = await engine.embed(new, Purpose.QUERY) if new else []
        known |= {text: array("f", vector) for text, vector in zip(new, embedded, strict=True)}
        for text, vector in known.items():
            self._remembered[model, text] = vector
            self._remembered.move_to_end((model, text))
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return [known[text] for text in texts]
