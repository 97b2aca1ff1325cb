"""Finds what documents say."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from quintet.chat.v1.chat_service_pb2 import Passage
from quintet.knowledge.v1.knowledge_service_pb2 import SearchRequest, SearchResult
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge.embedding import Embedding, Vector
from quintet_gateway.clients.knowledge import KnowledgeClient
from quintet_observability import get_logger

TOP_K = 5
_MOST_PASSAGES = 4
# A question is short; of a pasted page the beginning tells what it is about.
_QUESTION_LENGTH = 2000
_NEAR = 0.4
_NEAR_WITH_WORDS = 0.24
_SHARE = 0.4
_SHARE_ALONE = 0.6
# Of "What is my name?" every word stands somewhere.
_LONG_ENOUGH_FOR_WORDS = 25

_log = get_logger(__name__)


class Answers:
    """Searches collections, with vectors where a model is installed and by words everywhere."""

    def __init__(
        self, client: KnowledgeClient, embedding: Embedding, has_collections: Callable[[], Awaitable[bool]]
    ) -> None:
        self._client = client
        self._embedding = embedding
        self._has_collections = has_collections

    async def search(
        self, query: str, collections: Sequence[str], top_k: int, attributes: Mapping[str, str]
    ) -> list[SearchResult]:
        """Returns the chunks that fit a query best.

        Raises:
            DomainError: MISSING_FIELD for a blank query, COLLECTION_NOT_FOUND, and whatever a service fails with.
        """
        if not query.strip():
            raise DomainError(Reason.MISSING_FIELD, "The query is missing.", {"field": "query"})
        vector = await self._vector(query)
        request = SearchRequest(
            collections=collections,
            query=query,
            vector=vector.values,
            embedding_model=vector.model,
            top_k=top_k,
            attributes=attributes,
        )
        return await self._client.search(request)

    async def passages(self, question: str) -> list[Passage]:
        """Returns what may answer a question, the best first; nothing if nothing fits well.

        Raises:
            DomainError: whatever a service fails with.
        """
        question = question[:_QUESTION_LENGTH]
        if not question.strip() or not await self._has_collections():
            return []
        results = await self.search(question, (), TOP_K, {})
        return [_passage(result) for result in results if _fits(result, question)][:_MOST_PASSAGES]

    async def _vector(self, query: str) -> Vector:
        """Returns the vector of a query; while the embedding service is away, words have to do."""
        try:
            return await self._embedding.vector(query)
        except DomainError as error:
            _log.warning("query_not_embedded", reason=str(error.reason))
            return Vector()


def _fits(result: SearchResult, question: str) -> bool:
    """Tells whether a result may answer a question.

    Measured with all-minilm-l6-v2 on 63 chunks (`docs/` and the ten texts of the knowledge test): of 30 questions that
    they answer, 28 keep the right passage; of 25 that they do not answer, one finds something (a poem about the moon
    finds the astronomy). Right passages began at 0.25 with half of the words and at 0.33 with fewer; foreign ones
    reached 0.36 without words and 0.2 with half of them.
    """
    if result.similarity:
        is_worded = result.similarity >= _NEAR_WITH_WORDS and result.word_share >= _SHARE
        return is_worded or result.similarity >= _NEAR
    return len(question) >= _LONG_ENOUGH_FOR_WORDS and result.word_share >= _SHARE_ALONE


def _passage(result: SearchResult) -> Passage:
    return Passage(
        source=result.source, text=result.chunk.text, heading=result.chunk.heading, score=min(max(result.score, 0), 1)
    )
