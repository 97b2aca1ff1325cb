# ruff: noqa: S608 - only question marks are put into statements, never a value
"""Removes what is left of builds and replaced states, a little at a time. Each operation takes an open transaction."""

import sqlite3
from collections.abc import Collection, Sequence

from quintet_session.stores.sqlite import knowledge_builds, knowledge_documents, knowledge_words

_REFERENCES_A_STEP = 200
_CHUNKS_A_STEP = 64


def purge_step(connection: sqlite3.Connection, going_on: Collection[str]) -> bool:
    """Removes some of what nobody needs, and tells whether there was anything; `going_on` are ids of builds."""
    return (
        knowledge_builds.drop_abandoned(connection, going_on)
        or _release_references(connection)
        or _remove_chunks(connection)
        or _remove_documents(connection)
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
        "SELECT chunk_key, text, heading, document_key FROM knowledge_documents"
        " JOIN knowledge_chunks USING (document_key) JOIN knowledge_texts USING (chunk_key)"
        " WHERE digest IS NULL LIMIT ?",
        (_CHUNKS_A_STEP,),
    ).fetchall()
    knowledge_words.remove(connection, [row[:3] for row in rows])
    keys = [row[0] for row in rows]
    _delete(connection, "knowledge_texts", keys)
    _delete(connection, "knowledge_chunks", keys)
    _remove_emptied(connection, list({row[3] for row in rows}))
    return bool(rows)


def _remove_emptied(connection: sqlite3.Connection, document_keys: Sequence[int]) -> None:
    places = ", ".join("?" * len(document_keys))
    connection.execute(
        f"DELETE FROM knowledge_documents WHERE document_key IN ({places}) AND NOT EXISTS"
        " (SELECT 1 FROM knowledge_chunks c WHERE c.document_key = knowledge_documents.document_key)",
        document_keys,
    )


def _remove_documents(connection: sqlite3.Connection) -> bool:
    # Reached only when no document without a digest has chunks any more.
    return connection.execute("DELETE FROM knowledge_documents WHERE digest IS NULL").rowcount > 0


def _delete(connection: sqlite3.Connection, table: str, chunk_keys: Sequence[int]) -> None:
    connection.execute(f"DELETE FROM {table} WHERE chunk_key IN ({', '.join('?' * len(chunk_keys))})", chunk_keys)
