"""What the assistant knows from documents: indexing, searching, and what there is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from quintet.chat.v1.chat_service_pb2 import Passage
from quintet.knowledge.v1.knowledge_service_pb2 import Collection, DocumentSummary, SearchResult
from quintet_errors import DomainError
from quintet_gateway.assistant.knowledge.answers import TOP_K, Answers
from quintet_gateway.assistant.knowledge.disk import Disk
from quintet_gateway.assistant.knowledge.embedding import Embedding
from quintet_gateway.assistant.knowledge.extractor import Extractor
from quintet_gateway.assistant.knowledge.index import Indexer
from quintet_gateway.assistant.knowledge.indexings import Indexings
from quintet_gateway.assistant.knowledge.records import IndexProgress, IndexReport, IndexRequest, KnowledgeState
from quintet_gateway.assistant.knowledge.roots import Roots
from quintet_gateway.assistant.remembered import Remembered
from quintet_gateway.clients.embedding import EmbeddingClient
from quintet_gateway.clients.knowledge import KnowledgeClient
from quintet_gateway.documents.pieces import DOCUMENT_SIZES

MAX_FILES = 100_000
_PAGE = 1000
_FRESH_S = 2.0
_SILENT_S = 60.0
_LONGEST_LOOK_S = 3.0


class Knowledge:
    """The documents of this installation; whoever may ask the assistant may find what is in them.

    A disk that answers nothing for `silent_s` seconds is given up.
    """

    def __init__(
        self,
        client: KnowledgeClient,
        embedding: EmbeddingClient,
        roots: Sequence[Path] = (),
        *,
        max_files: int = MAX_FILES,
        extractor: Extractor | None = None,
        silent_s: float = _SILENT_S,
    ) -> None:
        self._client = client
        self._roots = Roots(roots)
        self._embedding = Embedding(embedding)
        self._extractor = extractor or Extractor()
        self._indexer = Indexer(
            self._roots, client, self._embedding, self._extractor, max_files=max_files, silent_s=silent_s
        )
        self._indexings = Indexings(self._replace)
        # A disk that does not answer an indexing must not keep others from learning that.
        self._disk = Disk(1, min(silent_s, _LONGEST_LOOK_S))
        self._is_filled = Remembered(self._ask_for_any, _FRESH_S)
        self._answers = Answers(client, self._embedding, self._is_filled.get)
        self._last_activity: datetime | None = None

    async def index(self, request: IndexRequest) -> IndexReport:
        """Replaces a collection by what a path holds now; on failure the old state stays.

        It goes on if the caller is cancelled; an equal request that comes meanwhile waits for the same report.

        Raises:
            DomainError: INVALID_ARGUMENT `Path not found: ...` or for a bad pattern, ENGINE_BUSY with
                `retryAfterSeconds` while others index, SERVICE_UNAVAILABLE if the disk stops to answer or this is
                closed, BUILD_LOST if the build was given up meanwhile, and whatever a service fails with.
        """
        self._note_activity()
        return await self._indexings.report(request)

    def progress(self) -> list[IndexProgress]:
        """Returns how far each indexing of this process is."""
        return self._indexer.progress()

    async def search(
        self, query: str, collections: Sequence[str] = (), top_k: int = TOP_K, attributes: Mapping[str, str] = {}
    ) -> list[SearchResult]:
        """Returns the chunks that fit a query best, from all collections if none is named.

        Raises:
            DomainError: MISSING_FIELD for a blank query, COLLECTION_NOT_FOUND, INVALID_ARGUMENT, and whatever a
                service fails with.
        """
        self._note_activity()
        return await self._answers.search(query, collections, top_k, attributes)

    async def passages(self, question: str) -> list[Passage]:
        """Returns at most four passages that fit a question well, the best first; nothing without documents.

        Raises:
            DomainError: whatever a service fails with.
        """
        return await self._answers.passages(question)

    async def has_documents(self) -> bool:
        """Tells whether anything is indexed; the answer is a few seconds old at most.

        Raises:
            DomainError: whatever a service fails with.
        """
        return await self._is_filled.get()

    async def collections(self) -> list[Collection]:
        """Returns all collections, by name."""
        found: list[Collection] = []
        token = ""
        while True:
            page = await self._client.collections_page(_PAGE, token)
            found.extend(page.collections)
            if not (token := page.next_page_token):
                return found

    async def collection(self, name: str) -> Collection:
        """Returns one collection.

        Raises:
            DomainError: COLLECTION_NOT_FOUND.
        """
        return await self._client.collection(name)

    async def documents(self, name: str) -> list[DocumentSummary]:
        """Returns the documents of a collection, by source.

        Raises:
            DomainError: COLLECTION_NOT_FOUND.
        """
        found: list[DocumentSummary] = []
        token = ""
        while True:
            page = await self._client.documents_page(name, _PAGE, token)
            found.extend(page.documents)
            if not (token := page.next_page_token):
                return found

    async def delete(self, name: str) -> None:
        """Deletes a collection.

        Raises:
            DomainError: COLLECTION_NOT_FOUND.
        """
        self._note_activity()
        await self._client.delete(name)
        self._is_filled.forget()

    async def state(self) -> KnowledgeState:
        """Returns how things are set up.

        Raises:
            DomainError: whatever a service fails with.
        """
        engine = await self._embedding.engine()
        collections = await self.collections()
        return KnowledgeState(
            persist_directory=",".join(self._roots.paths),
            embedding_engine=engine.name if engine else "none",
            embedding_model=engine.model if engine else "",
            embedding_remedy="" if engine else await self._embedding.remedy(),
            chunk_size=DOCUMENT_SIZES.chunk,
            chunk_overlap=DOCUMENT_SIZES.overlap,
            top_k=TOP_K,
            last_activity=self._latest_activity(collections),
            collection_count=len(collections),
            validation_errors=await self._problems(),
        )

    async def close(self) -> None:
        """Ends indexings, and waits for builds that are being given up and for worker processes that end."""
        await self._indexings.close()
        await self._indexer.close()
        await self._extractor.close()
        self._disk.close()

    async def _replace(self, request: IndexRequest) -> IndexReport:
        report = await self._indexer.index(request)
        self._is_filled.put(True)
        self._note_activity()
        return report

    async def _problems(self) -> tuple[str, ...]:
        try:
            return await self._disk.ask(self._roots.problems)
        except DomainError as error:
            return (error.message,)

    async def _ask_for_any(self) -> bool:
        return bool((await self._client.collections_page(1)).collections)

    def _latest_activity(self, collections: Sequence[Collection]) -> datetime | None:
        """Returns when documents were used last; of the time before this process began, the last change is known."""
        changes = [one.update_time.ToDatetime(UTC) for one in collections if one.HasField("update_time")]
        return max([*changes, *([self._last_activity] if self._last_activity else [])], default=None)

    def _note_activity(self) -> None:
        self._last_activity = datetime.now(UTC)
