# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on the chunks of inputs and results. Each takes an open transaction."""

import sqlite3

_UNHELD = """NOT EXISTS (SELECT 1 FROM jobs WHERE input_blob = chunks.blob_id)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE result_blob = chunks.blob_id)"""


def write_chunk(connection: sqlite3.Connection, blob_id: str, position: int, data: bytes) -> None:
    """Stores one chunk."""
    connection.execute("INSERT INTO chunks (blob_id, position, data) VALUES (?, ?, ?)", (blob_id, position, data))


def read_chunk(connection: sqlite3.Connection, blob_id: str, position: int) -> bytes | None:
    """Returns one chunk, or None."""
    row = connection.execute(
        "SELECT data FROM chunks WHERE blob_id = ? AND position = ?", (blob_id, position)
    ).fetchone()
    return None if row is None else bytes(row[0])


def discard(connection: sqlite3.Connection, blob_id: str) -> None:
    """Removes the chunks of a blob unless a job refers to them."""
    connection.execute(f"DELETE FROM chunks WHERE blob_id = ? AND {_UNHELD}", (blob_id,))


def last_key(connection: sqlite3.Connection) -> int:
    """Returns the key of the newest chunk, 0 without one."""
    (key,) = connection.execute("SELECT coalesce(max(chunk_key), 0) FROM chunks").fetchone()
    return int(key)


def find_orphan(connection: sqlite3.Connection, newest_key: int) -> str | None:
    """Returns the id of a blob that no job refers to, among the chunks up to `newest_key`."""
    row = connection.execute(
        f"SELECT blob_id FROM chunks WHERE chunk_key <= ? AND {_UNHELD} LIMIT 1", (newest_key,)
    ).fetchone()
    return None if row is None else str(row[0])
