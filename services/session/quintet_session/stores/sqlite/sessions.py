# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on sessions. Each takes an open transaction."""

import sqlite3
import uuid
from dataclasses import dataclass
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session.store import Scope, SessionPage, SessionRecord

_COLUMNS = "session_id, surface, owner, title, create_us, update_us, message_count"
# The highest order of the scope plus one: the session moves to the top of its list.
_NEXT_ORDER = (
    """(SELECT coalesce(max(update_order), 0) + 1 FROM sessions WHERE surface = :surface AND owner = :owner)"""
)
# Ids from callers end up in error trailers, which have a small limit.
_LONGEST_ECHO = 64


@dataclass(frozen=True)
class SessionKey:
    """The row of a session: its key in other tables, and what appends need to know."""

    key: int
    message_count: int
    last_sequence: int


def not_found(session_id: str) -> DomainError:
    """Returns the error of a session that does not exist in the scope."""
    return DomainError(
        Reason.SESSION_NOT_FOUND, "The session does not exist.", {"sessionId": session_id[:_LONGEST_ECHO]}
    )


def find_key(connection: sqlite3.Connection, scope: Scope, session_id: str) -> SessionKey:
    """Finds a session or raises SESSION_NOT_FOUND."""
    row = connection.execute(
        "SELECT session_key, message_count, last_sequence FROM sessions"
        " WHERE session_id = ? AND surface = ? AND owner = ?",
        (session_id, scope.surface, scope.owner),
    ).fetchone()
    if row is None:
        raise not_found(session_id)
    return SessionKey(*row)


def create(connection: sqlite3.Connection, scope: Scope, title: str, now_us: int) -> SessionRecord:
    """Stores an empty session."""
    row = connection.execute(
        "INSERT INTO sessions (session_id, surface, owner, title, create_us, update_us, update_order)"
        f" VALUES (:session_id, :surface, :owner, :title, :now_us, :now_us, {_NEXT_ORDER}) RETURNING {_COLUMNS}",
        {**_parameters(scope, uuid.uuid4().hex), "title": title, "now_us": now_us},
    ).fetchone()
    return to_record(row)


def get(connection: sqlite3.Connection, scope: Scope, session_id: str) -> SessionRecord:
    """Returns one session."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE session_id = :session_id AND surface = :surface AND owner = :owner",
        _parameters(scope, session_id),
    ).fetchone()
    if row is None:
        raise not_found(session_id)
    return to_record(row)


def list_page(connection: sqlite3.Connection, scope: Scope, limit: int, position: int | None) -> SessionPage:
    """Lists the sessions below `position` in the order of updates."""
    below = "" if position is None else "AND update_order < :position"
    rows = connection.execute(
        f"SELECT {_COLUMNS}, update_order FROM sessions WHERE surface = :surface AND owner = :owner {below}"
        " ORDER BY update_order DESC LIMIT :limit",
        {"surface": scope.surface, "owner": scope.owner, "position": position, "limit": limit + 1},
    ).fetchall()
    (total,) = connection.execute(
        "SELECT count(*) FROM sessions WHERE surface = ? AND owner = ?", (scope.surface, scope.owner)
    ).fetchone()
    page = rows[:limit]
    return SessionPage(
        sessions=tuple(to_record(row[:-1]) for row in page),
        next_position=page[-1][-1] if len(rows) > limit else None,
        total_count=total,
    )


def touch(
    connection: sqlite3.Connection,
    scope: Scope,
    key: int,
    now_us: int,
    *,
    title: str | None = None,
    message_count: int | None = None,
    last_sequence: int | None = None,
) -> SessionRecord:
    """Moves a session to the top of its list, and changes what is not None."""
    row = connection.execute(
        f"UPDATE sessions SET update_us = :now_us, update_order = {_NEXT_ORDER},"
        " title = coalesce(:title, title), message_count = coalesce(:message_count, message_count),"
        f" last_sequence = coalesce(:last_sequence, last_sequence) WHERE session_key = :key RETURNING {_COLUMNS}",
        {
            "surface": scope.surface,
            "owner": scope.owner,
            "key": key,
            "now_us": now_us,
            "title": title,
            "message_count": message_count,
            "last_sequence": last_sequence,
        },
    ).fetchone()
    return to_record(row)


def retitle(connection: sqlite3.Connection, scope: Scope, session_id: str, title: str, now_us: int) -> SessionRecord:
    """Gives a session another title."""
    return touch(connection, scope, find_key(connection, scope, session_id).key, now_us, title=title)


def delete(connection: sqlite3.Connection, scope: Scope, session_id: str) -> None:
    """Removes a session, its messages and its idempotency keys."""
    key = find_key(connection, scope, session_id).key
    connection.execute("DELETE FROM messages WHERE session_key = ?", (key,))
    connection.execute("DELETE FROM appends WHERE session_key = ?", (key,))
    connection.execute("DELETE FROM sessions WHERE session_key = ?", (key,))


def to_record(row: tuple[Any, ...]) -> SessionRecord:
    """Reads a row of the columns that a session has for the outside."""
    session_id, surface, owner, title, create_us, update_us, message_count = row
    return SessionRecord(session_id, Scope(surface, owner), title, create_us, update_us, message_count)


def _parameters(scope: Scope, session_id: str) -> dict[str, Any]:
    return {"session_id": session_id, "surface": scope.surface, "owner": scope.owner}
