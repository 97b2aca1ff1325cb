# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on sessions. Each takes an open transaction."""

import json
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session import attributes as attribute_rules
from quintet_session.store import Scope, SessionListing, SessionPage, SessionRecord
from quintet_session.stores.sqlite import pages

_COLUMNS = "session_id, surface, owner, title, create_us, update_us, message_count, attributes"
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


def create(
    connection: sqlite3.Connection, scope: Scope, title: str, attributes: Mapping[str, str], now_us: int
) -> SessionRecord:
    """Stores an empty session."""
    row = connection.execute(
        "INSERT INTO sessions (session_id, surface, owner, title, attributes, create_us, update_us, update_order)"
        " VALUES (:session_id, :surface, :owner, :title, :attributes, :now_us, :now_us,"
        f" {_NEXT_ORDER}) RETURNING {_COLUMNS}",
        {
            **_parameters(scope, uuid.uuid4().hex),
            "title": title,
            "attributes": _to_json(attribute_rules.merge({}, attributes)),
            "now_us": now_us,
        },
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


def list_page(connection: sqlite3.Connection, scope: Scope, listing: SessionListing) -> SessionPage:
    """Lists the sessions below a position in the order of updates, until the page is full."""
    below = "" if listing.position is None else "AND update_order < :position"
    rows = connection.execute(
        f"SELECT {_COLUMNS}, update_order FROM sessions WHERE surface = :surface AND owner = :owner {below}"
        " ORDER BY update_order DESC LIMIT :limit OFFSET :offset",
        {
            "surface": scope.surface,
            "owner": scope.owner,
            "position": listing.position,
            "limit": listing.limit + 1,
            "offset": listing.offset,
        },
    )
    page, more = pages.take(rows, listing.limit, listing.max_bytes, lambda row: pages.most_bytes(row[-2]))
    (total,) = connection.execute(
        "SELECT count(*) FROM sessions WHERE surface = ? AND owner = ?", (scope.surface, scope.owner)
    ).fetchone()
    return SessionPage(
        sessions=tuple(to_record(row[:-1]) for row in page),
        next_position=page[-1][-1] if more else None,
        total_count=total,
    )


def count(connection: sqlite3.Connection, surface: str) -> int:
    """Counts the sessions of a surface."""
    (total,) = connection.execute("SELECT count(*) FROM sessions WHERE surface = ?", (surface,)).fetchone()
    return int(total)


def owner(connection: sqlite3.Connection, surface: str, session_id: str) -> Scope:
    """Returns whose session it is."""
    row = connection.execute(
        "SELECT surface, owner FROM sessions WHERE session_id = ? AND surface = ?", (session_id, surface)
    ).fetchone()
    if row is None:
        raise not_found(session_id)
    return Scope(*row)


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


def update(
    connection: sqlite3.Connection,
    scope: Scope,
    session_id: str,
    *,
    title: str | None,
    attributes: Mapping[str, str] | None,
    now_us: int,
) -> SessionRecord:
    """Changes what is not None."""
    key = find_key(connection, scope, session_id).key
    if attributes:
        set_attributes(connection, key, attributes)
    if title is not None:
        return touch(connection, scope, key, now_us, title=title)
    return get(connection, scope, session_id)


def set_attributes(connection: sqlite3.Connection, key: int, changes: Mapping[str, str]) -> None:
    """Sets attributes of a session and leaves its place in the list as it is."""
    (kept,) = connection.execute("SELECT attributes FROM sessions WHERE session_key = ?", (key,)).fetchone()
    merged = attribute_rules.merge(json.loads(kept), changes)
    connection.execute("UPDATE sessions SET attributes = ? WHERE session_key = ?", (_to_json(merged), key))


def remove(connection: sqlite3.Connection, key: int) -> None:
    """Removes the row of a session and its idempotency keys."""
    connection.execute("DELETE FROM appends WHERE session_key = ?", (key,))
    connection.execute("DELETE FROM sessions WHERE session_key = ?", (key,))


def to_record(row: tuple[Any, ...]) -> SessionRecord:
    """Reads a row of the columns that a session has for the outside."""
    session_id, surface, owner, title, create_us, update_us, message_count, attributes = row
    return SessionRecord(
        session_id, Scope(surface, owner), title, create_us, update_us, message_count, json.loads(attributes)
    )


def _to_json(attributes: Mapping[str, str]) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))


def _parameters(scope: Scope, session_id: str) -> dict[str, Any]:
    return {"session_id": session_id, "surface": scope.surface, "owner": scope.owner}
