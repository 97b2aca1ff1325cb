# ruff: noqa: S608 - only question marks are put into statements, never a value
"""Removes what is left of builds and replaced states, a little at a time. Each operation takes an open transaction."""

import sqlite3
from collections.abc import Collection, Sequence

from quintet_session.stores.sqlite import knowledge_builds, knowledge_documents, knowledge_words

_REFERENCES_A_STEP = 200
_CHUNKS_A_STEP = 64
_DOCUMENTS_A_STEP = 500


def purge_step(connection: sqlite3.Connection, going_on: Collection[str]) -> bool:
    """Removes some of what nobody needs, and tells whether there was anything; `going_on` are ids of builds."""
    return (
        knowledge_builds.drop_abandoned(connection, going_on)
        or _release_references(connection)
        # Before the chunks, whose search would walk over all empty documents.
        or _remove_emptied(connection)
        or _remove_chunks(connection)
    )


def _release_references(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT state_key FROM knowledge_states WHERE phase = 'dropped' LIMIT 1").fetchone()
    if row is None:
        return False
    references = connection.execute(
        "SELECT source, document_key FROM knowledge_references WHERE state_key = ? LIMIT ?",
        (*row, _REFERENCES_A_STEP),
    ).fetchall()
    connection.executemany(
        "DELETE FROM knowledge_references WHERE state_key = ? AND source = ?",
        [(*row, source) for source, _ in references],
    )
    knowledge_documents.condemn_unreferenced(connection, [document_key for _, document_key in references])
    if len(references) < _REFERENCES_A_STEP:
        connection.execute("DELETE FROM knowledge_states WHERE state_key = ?", row)
    return True


def _remove_chunks(connection: sqlite3.Connection) -> bool:
    rows = connection.execute(
        "SELECT chunk_key, text, heading FROM knowledge_documents"
        " JOIN knowledge_chunks USING (document_key) JOIN knowledge_texts USING (chunk_key)"
        " WHERE digest IS NULL ORDER BY document_key LIMIT ?",
        (_CHUNKS_A_STEP,),
    ).fetchall()
    knowledge_words.remove(connection, rows)
    keys = [row[0] for row in rows]
    _delete(connection, "knowledge_texts", keys)
    _delete(connection, "knowledge_chunks", keys)
    return bool(rows)


def _remove_emptied(connection: sqlite3.Connection) -> bool:
    """Removes those of the first documents without a digest that have no chunks either."""
    removed = connection.execute(
        "DELETE FROM knowledge_documents WHERE document_key IN"
        " (SELECT document_key FROM knowledge_documents WHERE digest IS NULL ORDER BY document_key LIMIT ?)"
        " AND NOT EXISTS (SELECT 1 FROM knowledge_chunks c WHERE c.document_key = knowledge_documents.document_key)",
        (_DOCUMENTS_A_STEP,),
    )
    return removed.rowcount > 0


def _delete(connection: sqlite3.Connection, table: str, chunk_keys: Sequence[int]) -> None:
    connection.execute(f"DELETE FROM {table} WHERE chunk_key IN ({', '.join('?' * len(chunk_keys))})", chunk_keys)
