"""What goes in and out of the knowledge of the assistant."""

from dataclasses import dataclass
from datetime import datetime

from quintet_gateway.assistant.knowledge.walk import Skipped


@dataclass(frozen=True)
class IndexRequest:
    """What to index under which name.

    `extensions` with or without their dot; None or none at all mean the usual ones. `exclude_patterns` take the place
    of the usual ones; None means these.
    """

    path: str
    collection: str
    extensions: tuple[str, ...] | None = None
    exclude_patterns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class IndexReport:
    """What an indexing did. The collection is replaced as a whole, so that all of its chunks count as added."""

    collection: str
    chunks_added: int
    total_chunks: int
    document_count: int
    reused_count: int
    """Documents whose chunks were known already."""
    chunks_made: int
    """Chunks that were not known yet."""
    skipped: tuple[Skipped, ...]
    """What was left out; the first 1,000."""
    skipped_count: int
    duration_s: float


@dataclass(frozen=True)
class IndexProgress:
    """How far an indexing is."""

    collection: str
    files_found: int
    files_done: int
    chunks_done: int
    """Chunks that were made; those that were known already do not count."""
    started: datetime


@dataclass(frozen=True)
class KnowledgeState:
    """How the knowledge of the assistant is set up."""

    persist_directory: str
    """The folders that may be indexed, joined with commas."""
    embedding_engine: str
    """`none` if no model is installed: documents are found by words only."""
    embedding_model: str
    embedding_remedy: str
    """The command that installs a model; empty if there is one."""
    chunk_size: int
    chunk_overlap: int
    top_k: int
    last_activity: datetime | None
    collection_count: int
    validation_errors: tuple[str, ...]
