"""Removes sessions whose end has come, a little at a time. Each operation takes an open transaction."""

import sqlite3

from quintet_session.store import Scope
from quintet_session.stores.sqlite import messages, sessions

_MESSAGES_A_STEP = 64
_APPENDS_A_STEP = 500


def purge_step(connection: sqlite3.Connection, now_us: int) -> bool:
    """Removes some of what belongs to one session whose end has come, and tells whether there was one."""
    row = connection.execute(
        "SELECT session_key, surface, owner FROM sessions WHERE expire_us <= ? ORDER BY expire_us LIMIT 1", (now_us,)
    ).fetchone()
    if row is None:
        return False
    key, surface, owner = row
    if not (_drop_messages(connection, Scope(surface, owner), key) or _drop_appends(connection, key)):
        sessions.remove(connection, key)
        return True
    # What is half removed must not come back when the clock is set back.
    connection.execute("UPDATE sessions SET expire_us = 0 WHERE session_key = ?", (key,))
    return True


def _drop_messages(connection: sqlite3.Connection, scope: Scope, key: int) -> bool:
    (last,) = connection.execute(
        "SELECT max(sequence) FROM (SELECT sequence FROM messages WHERE session_key = ? ORDER BY sequence LIMIT ?)",
        (key, _MESSAGES_A_STEP),
    ).fetchone()
    if last is None:
        return False
    messages.remove(connection, scope, key, up_to=last)
    return True


def _drop_appends(connection: sqlite3.Connection, key: int) -> bool:
    removed = connection.execute(
        "DELETE FROM appends WHERE session_key = ? AND idempotency_key IN"
        " (SELECT idempotency_key FROM appends WHERE session_key = ? LIMIT ?)",
        (key, key, _APPENDS_A_STEP),
    )
    return removed.rowcount > 0
