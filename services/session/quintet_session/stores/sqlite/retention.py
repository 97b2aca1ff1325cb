"""Removes what nobody needs any more, a little at a time. Each operation takes an open transaction."""

import sqlite3

from quintet_session.stores.sqlite import blobs, session_retention

# Free pages are used again by the next upload; only what is more than this goes back to the disk.
_KEPT_FREE_PAGES = 4096
# A statement without columns is stepped once by Python's module, and one step frees a few pages.
_VACUUMS_A_STEP = 100


def purge_step(connection: sqlite3.Connection, ended_before_us: int, now_us: int) -> bool:
    """Removes one blob, one job, a part of a session or some free pages, and tells whether there was anything."""
    return (
        _drop_spent_input(connection)
        or _drop_expired_job(connection, ended_before_us)
        or session_retention.purge_step(connection, now_us)
        or _return_free_pages(connection)
    )


def _drop_spent_input(connection: sqlite3.Connection) -> bool:
    row = connection.execute(
        "SELECT job_key, input_blob FROM jobs WHERE finish_us IS NOT NULL AND input_blob IS NOT NULL LIMIT 1"
    ).fetchone()
    if row is None:
        return False
    job_key, blob_id = row
    connection.execute("UPDATE jobs SET input_blob = NULL WHERE job_key = ?", (job_key,))
    blobs.discard(connection, blob_id)
    return True


def _drop_expired_job(connection: sqlite3.Connection, ended_before_us: int) -> bool:
    row = connection.execute(
        "SELECT job_key, result_blob FROM jobs WHERE finish_us IS NOT NULL AND finish_us < ? LIMIT 1",
        (ended_before_us,),
    ).fetchone()
    if row is None:
        return False
    job_key, blob_id = row
    connection.execute("DELETE FROM jobs WHERE job_key = ?", (job_key,))
    if blob_id is not None:
        blobs.discard(connection, blob_id)
    return True


def _return_free_pages(connection: sqlite3.Connection) -> bool:
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free <= _KEPT_FREE_PAGES:
        return False
    for _ in range(_VACUUMS_A_STEP):
        connection.execute("PRAGMA incremental_vacuum")
    # A database without the setting keeps its pages; claiming progress would repeat this for ever.
    (left,) = connection.execute("PRAGMA freelist_count").fetchone()
    return bool(left < free)
