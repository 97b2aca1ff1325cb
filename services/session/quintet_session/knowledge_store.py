"""What the knowledge of the service needs from a database: records, and the `KnowledgeStore` protocol over them.

Every method raises DomainError: what its docstring names, STORAGE_FULL, or STORAGE_FAILED.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class CollectionRecord:
    """One collection without its documents."""

    name: str
    document_count: int
    chunk_count: int
    embedding_model: str
    attributes: Mapping[str, str]
    update_us: int


@dataclass(frozen=True)
class CollectionPage:
    """A page of collections; `next_name` is None on the last page."""

    collections: tuple[CollectionRecord, ...]
    next_name: str | None


@dataclass(frozen=True)
class DocumentRecord:
    """One document of a collection."""

    source: str
    chunk_count: int
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class DocumentPage:
    """A page of documents; `next_source` is None on the last page."""

    documents: tuple[DocumentRecord, ...]
    next_source: str | None


@dataclass(frozen=True)
class PageLimits:
    """At most `limit` entries and about `max_bytes`, behind `after` (None = from the start)."""

    limit: int
    max_bytes: int
    after: str | None = None


@dataclass(frozen=True)
class NewBuild:
    """The next state of a collection, which has no documents yet."""

    collection: str
    embedding_model: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NewDocument:
    """A document of a build; whatever has the same digest has the same chunks."""

    source: str
    digest: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ChunkRecord:
    """A piece of a document. `vector` is of length 1, as little-endian float16, and empty in results."""

    text: str
    heading: str = ""
    start_line: int = 0
    end_line: int = 0
    vector: bytes = b""


@dataclass(frozen=True)
class NewChunks:
    """Neighbouring chunks of a document; `complete` if they are its last ones.

    `unreadable` documents have none: they leave the build, and their digest stays unknown.
    """

    digest: str
    first_index: int
    chunks: tuple[ChunkRecord, ...]
    complete: bool
    unreadable: bool = False


@dataclass(frozen=True)
class Query:
    """What to find.

    No `collections` means all. `vector` is of length 1, as little-endian float32; empty to search by words only. A
    document must have all of `attributes`. The texts of the results have at most about `max_bytes` together.
    """

    text: str
    vector: bytes = b""
    embedding_model: str = ""
    collections: tuple[str, ...] = ()
    top_k: int = 5
    attributes: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 6 << 20


@dataclass(frozen=True)
class Hit:
    """A chunk that fits. `score` is that of `ranking.fuse`; `similarity` is a cosine; `word_share` is 0 to 1."""

    collection: str
    source: str
    attributes: Mapping[str, str]
    chunk: ChunkRecord
    chunk_index: int
    chunk_count: int
    score: float
    similarity: float
    word_share: float


class KnowledgeStore(Protocol):
    """Keeps collections of documents, and finds chunks in them.

    A collection changes as a whole when a build is committed. Searches see the state before or the state after it.
    Methods with a `build_id` raise BUILD_LOST for a build that another one replaced, that was idle for an hour, or
    that an earlier process began.
    """

    async def begin_build(self, build: NewBuild) -> str:
        """Begins a build in the place of any other one of the collection, and returns its id."""

    async def attach_documents(self, build_id: str, documents: Sequence[NewDocument]) -> list[str]:
        """Adds documents to a build and returns the digests whose chunks are missing, each once.

        A source that the build has already gets the new document.

        Raises:
            DomainError: INVALID_ARGUMENT for a known document with vectors of another length than the build's.
        """

    async def add_chunks(self, build_id: str, chunks: NewChunks) -> None:
        """Adds chunks to an attached document; those that it has already are left as they are.

        Raises:
            DomainError: INVALID_ARGUMENT for a document that is not attached, vectors of another length than the
                build's, and a complete document with a gap.
        """

    async def commit_build(self, build_id: str) -> CollectionRecord:
        """Makes a build the state of its collection; repeating it is harmless as long as it is that state.

        Raises:
            DomainError: INVALID_ARGUMENT if documents lack chunks.
        """

    async def abort_build(self, build_id: str) -> None:
        """Gives a build up, if there is one of this id."""

    async def search(self, query: Query) -> list[Hit]:
        """Finds the chunks that fit best, the best first; raises COLLECTION_NOT_FOUND."""

    async def list_collections(self, limits: PageLimits) -> CollectionPage:
        """Lists the collections by name."""

    async def get_collection(self, name: str) -> CollectionRecord:
        """Returns one collection, or raises COLLECTION_NOT_FOUND."""

    async def list_documents(self, collection: str, limits: PageLimits) -> DocumentPage:
        """Lists the documents of a collection by source, or raises COLLECTION_NOT_FOUND."""

    async def delete_collection(self, name: str) -> None:
        """Removes a collection and gives its build up; raises COLLECTION_NOT_FOUND."""
