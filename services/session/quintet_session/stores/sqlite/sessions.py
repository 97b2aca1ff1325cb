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

_COLUMNS = "session_id, surface, owner, title, create_us, update_us, message_count, expire_us, attributes"
# No index is of use for this condition, so that each statement keeps the one that finds what it is about.
ALIVE = "(expire_us <= :now_us) IS NOT TRUE"
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


def find_key(connection: sqlite3.Connection, scope: Scope, session_id: str, now_us: int) -> SessionKey:
    """Finds a session or raises SESSION_NOT_FOUND."""
    row = connection.execute(
        "SELECT session_key, message_count, last_sequence FROM sessions"
        f" WHERE session_id = :session_id AND surface = :surface AND owner = :owner AND {ALIVE}",
        _parameters(scope, session_id, now_us),
    ).fetchone()
    if row is None:
        raise not_found(session_id)
    return SessionKey(*row)


def create(
    connection: sqlite3.Connection,
    scope: Scope,
    title: str,
    attributes: Mapping[str, str],
    now_us: int,
    *,
    idle_us: int | None = None,
) -> SessionRecord:
    """Stores an empty session."""
    row = connection.execute(
        "INSERT INTO sessions (session_id, surface, owner, title, attributes, create_us, update_us, update_order,"
        " idle_us, expire_us) VALUES (:session_id, :surface, :owner, :title, :attributes, :now_us, :now_us,"
        f" {_NEXT_ORDER}, :idle_us, :now_us + :idle_us) RETURNING {_COLUMNS}",
        {
            **_parameters(scope, uuid.uuid4().hex, now_us),
            "title": title,
            "attributes": _to_json(attribute_rules.merge({}, attributes)),
            "idle_us": idle_us,
        },
    ).fetchone()
    return to_record(row)


def get(connection: sqlite3.Connection, scope: Scope, session_id: str, now_us: int) -> SessionRecord:
    """Returns one session."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions"
        f" WHERE session_id = :session_id AND surface = :surface AND owner = :owner AND {ALIVE}",
        _parameters(scope, session_id, now_us),
    ).fetchone()
    if row is None:
        raise not_found(session_id)
    return to_record(row)


def list_page(connection: sqlite3.Connection, scope: Scope, listing: SessionListing, now_us: int) -> SessionPage:
    """Lists the sessions below a position in the order of updates, until the page is full."""
    named = {
        "surface": scope.surface,
        "owner": scope.owner,
        "now_us": now_us,
        "position": listing.position,
        "limit": listing.limit + 1,
        "offset": listing.offset,
    }
    below = "" if listing.position is None else "AND update_order < :position"
    rows = connection.execute(
        f"SELECT {_COLUMNS}, update_order FROM sessions WHERE surface = :surface AND owner = :owner {below}"
        f" AND {ALIVE} ORDER BY update_order DESC LIMIT :limit OFFSET :offset",
        named,
    )
    page, more = pages.take(rows, listing.limit, listing.max_bytes, lambda row: pages.most_bytes(row[-2]))
    (total,) = connection.execute(
        f"SELECT count(*) FROM sessions WHERE surface = :surface AND owner = :owner AND {ALIVE}", named
    ).fetchone()
    return SessionPage(
        sessions=tuple(to_record(row[:-1]) for row in page),
        next_position=page[-1][-1] if more else None,
        total_count=total,
    )


def newest(connection: sqlite3.Connection, scope: Scope, now_us: int) -> SessionRecord | None:
    """Returns the session of an owner that was updated last, None without any."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE surface = :surface AND owner = :owner AND {ALIVE}"
        " ORDER BY update_order DESC LIMIT 1",
        {"surface": scope.surface, "owner": scope.owner, "now_us": now_us},
    ).fetchone()
    return None if row is None else to_record(row)


def find_beyond(connection: sqlite3.Connection, scope: Scope, most: int, now_us: int) -> list[tuple[int, str]]:
    """Returns the keys and the ids of all sessions of an owner but the `most` that were updated last."""
    return connection.execute(
        f"SELECT session_key, session_id FROM sessions WHERE surface = :surface AND owner = :owner AND {ALIVE}"
        " ORDER BY update_order DESC LIMIT -1 OFFSET :most",
        {"surface": scope.surface, "owner": scope.owner, "most": most, "now_us": now_us},
    ).fetchall()


def count(connection: sqlite3.Connection, surface: str, now_us: int) -> int:
    """Counts the sessions of a surface."""
    (total,) = connection.execute(
        f"SELECT count(*) FROM sessions WHERE surface = :surface AND {ALIVE}", {"surface": surface, "now_us": now_us}
    ).fetchone()
    return int(total)


def owner(connection: sqlite3.Connection, surface: str, session_id: str, now_us: int) -> Scope:
    """Returns whose session it is."""
    row = connection.execute(
        f"SELECT surface, owner FROM sessions WHERE session_id = :session_id AND surface = :surface AND {ALIVE}",
        {"session_id": session_id, "surface": surface, "now_us": now_us},
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
        f"UPDATE sessions SET update_us = :now_us, expire_us = :now_us + idle_us, update_order = {_NEXT_ORDER},"
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
    key = find_key(connection, scope, session_id, now_us).key
    if attributes:
        set_attributes(connection, key, attributes)
    if title is not None:
        return touch(connection, scope, key, now_us, title=title)
    return get(connection, scope, session_id, now_us)


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
    session_id, surface, owner, title, create_us, update_us, message_count, expire_us, attributes = row
    scope, kept = Scope(surface, owner), json.loads(attributes)
    return SessionRecord(session_id, scope, title, create_us, update_us, message_count, kept, expire_us)


def _to_json(attributes: Mapping[str, str]) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))


def _parameters(scope: Scope, session_id: str, now_us: int) -> dict[str, Any]:
    return {"session_id": session_id, "surface": scope.surface, "owner": scope.owner, "now_us": now_us}
