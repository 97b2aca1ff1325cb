# ruff: noqa: S608 - only question marks are put into statements, never a value
"""Operations on documents and their chunks. Each takes an open transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from quintet_errors import DomainError, Reason
from quintet_session.knowledge_store import ChunkRecord, NewChunks, NewDocument
from quintet_session.stores.sqlite import knowledge_builds, knowledge_words
from quintet_session.stores.sqlite.knowledge_builds import Build
from quintet_session.validation import invalid

_BYTES_A_NUMBER = 2


@dataclass(frozen=True)
class _Document:
    key: int
    is_complete: bool
    vector_length: int | None


def attach(connection: sqlite3.Connection, build_id: str, documents: Sequence[NewDocument]) -> list[str]:
    """References documents and returns the digests of those that are not complete."""
    missing: dict[str, None] = {}
    for document in documents:
        # Each time anew, because a document may fix the length of the build's vectors.
        build = knowledge_builds.find(connection, build_id)
        found = _find_or_make(connection, document.digest)
        _fit_vectors(connection, build, found.vector_length, "documents.digest")
        _reference(connection, build, document, found.key)
        if not found.is_complete:
            missing[document.digest] = None
    return list(missing)


def add_chunks(connection: sqlite3.Connection, build_id: str, new: NewChunks) -> None:
    """Stores the chunks that the document does not have yet."""
    build = knowledge_builds.find(connection, build_id)
    if new.unreadable:
        _leave(connection, build, new.digest)
        return
    document = _attached(connection, build, new.digest)
    # Its chunks may have come with another build.
    _fit_vectors(connection, build, document.vector_length, "digest")
    if document.is_complete:
        return
    if new.chunks:
        length = _common_length(new.chunks)
        _fit_vectors(connection, build, length, "chunks.vector")
        _fit_document(connection, document, length)
        _store(connection, document.key, new)
    if new.complete:
        _complete(connection, document.key, new.first_index + len(new.chunks))


def condemn_unreferenced(connection: sqlite3.Connection, document_keys: Sequence[int]) -> None:
    """Takes the digest from those documents that no state references: nobody can find them, and they are removed."""
    places = ", ".join("?" * len(document_keys))
    connection.execute(
        f"UPDATE knowledge_documents SET digest = NULL WHERE document_key IN ({places}) AND NOT EXISTS"
        " (SELECT 1 FROM knowledge_references r WHERE r.document_key = knowledge_documents.document_key)",
        document_keys,
    )


def _leave(connection: sqlite3.Connection, build: Build, digest: str) -> None:
    """Takes the documents of a digest out of a build, unless another one could read them; repeating it is harmless."""
    document = _find_attached(connection, build, digest)
    if document is None:
        return
    if document.is_complete:
        _fit_vectors(connection, build, document.vector_length, "digest")
        return
    place = (build.state_key, document.key)
    connection.execute("DELETE FROM knowledge_references WHERE state_key = ? AND document_key = ?", place)
    condemn_unreferenced(connection, [document.key])


def _find_or_make(connection: sqlite3.Connection, digest: str) -> _Document:
    connection.execute("INSERT INTO knowledge_documents (digest) VALUES (?) ON CONFLICT DO NOTHING", (digest,))
    row = connection.execute(
        "SELECT document_key, is_complete, vector_length FROM knowledge_documents WHERE digest = ?", (digest,)
    ).fetchone()
    return _Document(row[0], bool(row[1]), row[2])


def _attached(connection: sqlite3.Connection, build: Build, digest: str) -> _Document:
    document = _find_attached(connection, build, digest)
    if document is None:
        raise invalid("digest", "that of an attached document")
    return document


def _find_attached(connection: sqlite3.Connection, build: Build, digest: str) -> _Document | None:
    row = connection.execute(
        "SELECT document_key, is_complete, vector_length FROM knowledge_documents d WHERE digest = ? AND EXISTS"
        " (SELECT 1 FROM knowledge_references r WHERE r.document_key = d.document_key AND r.state_key = ?)",
        (digest, build.state_key),
    ).fetchone()
    return None if row is None else _Document(row[0], bool(row[1]), row[2])


def _reference(connection: sqlite3.Connection, build: Build, document: NewDocument, document_key: int) -> None:
    place = (build.state_key, document.source)
    before = connection.execute(
        "SELECT document_key FROM knowledge_references WHERE state_key = ? AND source = ?", place
    ).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO knowledge_references (state_key, source, document_key, attributes) VALUES (?, ?, ?, ?)",
        (*place, document_key, knowledge_builds.packed(document.attributes)),
    )
    if before is not None and before[0] != document_key:
        condemn_unreferenced(connection, before)


def _common_length(chunks: Sequence[ChunkRecord]) -> int:
    lengths = {len(chunk.vector) // _BYTES_A_NUMBER for chunk in chunks}
    if len(lengths) > 1:
        raise _misfit("chunks.vector")
    return lengths.pop()


def _fit_vectors(connection: sqlite3.Connection, build: Build, length: int | None, field: str) -> None:
    """Checks vectors against those of the build, whose first ones decide; None is a document without chunks so far."""
    if length is None:
        return
    if bool(length) != bool(build.embedding_model):
        raise invalid(field, "with a vector if the build has an embedding model, and only then")
    if build.vector_length is None:
        connection.execute(
            "UPDATE knowledge_states SET vector_length = ? WHERE state_key = ?", (length, build.state_key)
        )
    elif build.vector_length != length:
        raise _misfit(field)


def _fit_document(connection: sqlite3.Connection, document: _Document, length: int) -> None:
    if document.vector_length is None:
        connection.execute(
            "UPDATE knowledge_documents SET vector_length = ? WHERE document_key = ?", (length, document.key)
        )
    elif document.vector_length != length:
        raise _misfit("chunks.vector")


def _store(connection: sqlite3.Connection, document_key: int, new: NewChunks) -> None:
    rows = connection.execute(
        "SELECT position FROM knowledge_chunks WHERE document_key = ? AND position BETWEEN ? AND ?",
        (document_key, new.first_index, new.first_index + len(new.chunks) - 1),
    )
    stored = {position for (position,) in rows}
    for position, chunk in enumerate(new.chunks, new.first_index):
        if position not in stored:
            _store_one(connection, document_key, position, chunk)


def _store_one(connection: sqlite3.Connection, document_key: int, position: int, chunk: ChunkRecord) -> None:
    chunk_key = connection.execute(
        "INSERT INTO knowledge_chunks (document_key, position, text_length, vector) VALUES (?, ?, ?, ?)",
        (document_key, position, len(chunk.text), chunk.vector),
    ).lastrowid
    assert chunk_key is not None  # noqa: S101 - an insert that did not raise has a row
    connection.execute(
        "INSERT INTO knowledge_texts (chunk_key, text, heading, start_line, end_line) VALUES (?, ?, ?, ?, ?)",
        (chunk_key, chunk.text, chunk.heading, chunk.start_line, chunk.end_line),
    )
    knowledge_words.add(connection, chunk_key, chunk.text, chunk.heading)


def _complete(connection: sqlite3.Connection, document_key: int, chunk_count: int) -> None:
    (stored,) = connection.execute(
        "SELECT count(*) FROM knowledge_chunks WHERE document_key = ?", (document_key,)
    ).fetchone()
    if stored != chunk_count:
        raise DomainError(
            Reason.INVALID_ARGUMENT,
            f"The document ends after {chunk_count} chunks, but has {stored}.",
            {"field": "complete", "expectedChunks": str(chunk_count), "storedChunks": str(stored)},
        )
    connection.execute(
        "UPDATE knowledge_documents SET is_complete = 1, chunk_count = ? WHERE document_key = ?",
        (chunk_count, document_key),
    )


def _misfit(field: str) -> DomainError:
    return invalid(field, "with vectors of one length in the whole build")
