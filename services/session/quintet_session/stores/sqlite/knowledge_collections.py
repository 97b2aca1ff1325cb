# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on collections. Each takes an open transaction."""

import json
import sqlite3

from quintet_errors import DomainError, Reason
from quintet_session.knowledge_store import (
    CollectionPage,
    CollectionRecord,
    DocumentPage,
    DocumentRecord,
    PageLimits,
)
from quintet_session.stores.sqlite import pages

_COLUMNS = "collection, document_count, chunk_count, embedding_model, attributes, update_us"
_LONGEST_ECHO = 64
# The numbers of a record.
_RECORD_BYTES = 64


def not_found(name: str) -> DomainError:
    """Returns the error of a collection that does not exist."""
    return DomainError(
        Reason.COLLECTION_NOT_FOUND, "The collection does not exist.", {"collection": name[:_LONGEST_ECHO]}
    )


def get(connection: sqlite3.Connection, name: str) -> CollectionRecord:
    """Returns one collection."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM knowledge_states WHERE phase = 'current' AND collection = ?", (name,)
    ).fetchone()
    if row is None:
        raise not_found(name)
    return _collection(row)


def list_page(connection: sqlite3.Connection, limits: PageLimits) -> CollectionPage:
    """Lists collections until the page is full."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM knowledge_states WHERE phase = 'current' AND collection > ?"
        " ORDER BY collection LIMIT ?",
        (limits.after or "", limits.limit + 1),
    )
    taken, more = pages.take(rows, limits.limit, limits.max_bytes, lambda row: _size(row[0], row[4]))
    return CollectionPage(tuple(_collection(row) for row in taken), taken[-1][0] if more else None)


def list_documents(connection: sqlite3.Connection, collection: str, limits: PageLimits) -> DocumentPage:
    """Lists documents until the page is full."""
    rows = connection.execute(
        "SELECT source, chunk_count, attributes FROM knowledge_references"
        " JOIN knowledge_documents USING (document_key) WHERE state_key = ? AND source > ? ORDER BY source LIMIT ?",
        (state_key(connection, collection), limits.after or "", limits.limit + 1),
    )
    taken, more = pages.take(rows, limits.limit, limits.max_bytes, lambda row: _size(row[0], row[2]))
    return DocumentPage(tuple(_document(row) for row in taken), taken[-1][0] if more else None)


def delete(connection: sqlite3.Connection, name: str) -> None:
    """Drops the state of a collection and its build, if it has one."""
    state_key(connection, name)
    connection.execute(
        "UPDATE knowledge_states SET phase = 'dropped' WHERE collection = ? AND phase IN ('current', 'building')",
        (name,),
    )


def state_key(connection: sqlite3.Connection, name: str) -> int:
    """Returns the key of the state that searches of a collection see."""
    row = connection.execute(
        "SELECT state_key FROM knowledge_states WHERE phase = 'current' AND collection = ?", (name,)
    ).fetchone()
    if row is None:
        raise not_found(name)
    return int(row[0])


def _size(name: str, attributes: str) -> int:
    return pages.most_bytes(name) + len(attributes) + _RECORD_BYTES


def _collection(row: sqlite3.Row) -> CollectionRecord:
    name, document_count, chunk_count, embedding_model, attributes, update_us = row
    return CollectionRecord(name, document_count, chunk_count, embedding_model, json.loads(attributes), update_us)


def _document(row: sqlite3.Row) -> DocumentRecord:
    source, chunk_count, attributes = row
    return DocumentRecord(source, chunk_count, json.loads(attributes))
