# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on messages. Each takes an open transaction."""

import sqlite3
from collections.abc import Iterable

from quintet_session.store import (
    Append,
    Appended,
    MessageListing,
    MessagePage,
    MessageRecord,
    NewMessage,
    Role,
    Scope,
)
from quintet_session.stores.sqlite import sessions
from quintet_session.stores.sqlite.sessions import SessionKey


def append(connection: sqlite3.Connection, scope: Scope, session_id: str, append: Append, now_us: int) -> Appended:
    """Stores messages at the end of a session, unless the idempotency key was used before."""
    session = sessions.find_key(connection, scope, session_id)
    earlier = connection.execute(
        "SELECT first_sequence, message_count, create_us FROM appends WHERE session_key = ? AND idempotency_key = ?",
        (session.key, append.idempotency_key),
    ).fetchone()
    if earlier is not None:
        messages = _repeated(connection, session_id, session, append, earlier)
        return Appended(messages, sessions.get(connection, scope, session_id))
    return _store(connection, scope, session_id, session, append=append, now_us=now_us)


def list_page(connection: sqlite3.Connection, scope: Scope, session_id: str, listing: MessageListing) -> MessagePage:
    """Lists messages until the page is full."""
    session = sessions.get(connection, scope, session_id)
    key = sessions.find_key(connection, scope, session_id).key
    before, order = ("<", "DESC") if listing.newest_first else (">", "ASC")
    bound = "" if listing.position is None else f"AND sequence {before} :position"
    rows = connection.execute(
        "SELECT sequence, role, content, create_us FROM messages"
        f" WHERE session_key = :key {bound} ORDER BY sequence {order} LIMIT :limit",
        {"key": key, "position": listing.position, "limit": listing.limit + 1},
    )
    messages, more = _fill(rows, session_id, listing)
    return MessagePage(tuple(messages), messages[-1].sequence if more else None, session)


def clear(connection: sqlite3.Connection, scope: Scope, session_id: str, now_us: int) -> None:
    """Removes the messages of a session; an empty one stays as it is."""
    session = sessions.find_key(connection, scope, session_id)
    if session.message_count:
        connection.execute("DELETE FROM messages WHERE session_key = ?", (session.key,))
        sessions.touch(connection, scope, session.key, now_us, message_count=0)


def _store(
    connection: sqlite3.Connection, scope: Scope, session_id: str, session: SessionKey, *, append: Append, now_us: int
) -> Appended:
    first = session.last_sequence + 1
    messages = _records(session_id, first, append.messages, now_us)
    connection.executemany(
        "INSERT INTO messages (session_key, sequence, role, content, create_us) VALUES (?, ?, ?, ?, ?)",
        [(session.key, message.sequence, message.role.value, message.content, now_us) for message in messages],
    )
    connection.execute(
        "INSERT INTO appends (session_key, idempotency_key, first_sequence, message_count, create_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (session.key, append.idempotency_key, first, len(messages), now_us),
    )
    changed = sessions.touch(
        connection,
        scope,
        session.key,
        now_us,
        title=append.title_if_first if append.title_if_first and not session.message_count else None,
        message_count=session.message_count + len(messages),
        last_sequence=session.last_sequence + len(messages),
    )
    return Appended(messages, changed)


def _repeated(
    connection: sqlite3.Connection, session_id: str, session: SessionKey, append: Append, earlier: tuple[int, int, int]
) -> tuple[MessageRecord, ...]:
    first, count, create_us = earlier
    rows = connection.execute(
        "SELECT sequence, role, content, create_us FROM messages"
        " WHERE session_key = ? AND sequence BETWEEN ? AND ? ORDER BY sequence",
        (session.key, first, first + count - 1),
    ).fetchall()
    if rows:
        return tuple(_record(session_id, *row) for row in rows)
    # Cleared in between: the caller repeats what it said, so its own words are what the first call stored.
    return _records(session_id, first, append.messages[:count], create_us)


def _fill(
    rows: Iterable[tuple[int, str, str, int]], session_id: str, listing: MessageListing
) -> tuple[list[MessageRecord], bool]:
    """Takes rows until the limits of the page; the second value tells whether there are more."""
    messages: list[MessageRecord] = []
    room = listing.max_bytes
    for row in rows:
        # Four bytes are the most that UTF-8 takes for a character; counting them exactly would encode everything twice.
        room -= len(row[2]) if row[2].isascii() else 4 * len(row[2])
        if len(messages) == listing.limit or (messages and room < 0):
            return messages, True
        messages.append(_record(session_id, *row))
    return messages, False


def _records(session_id: str, first: int, messages: Iterable[NewMessage], create_us: int) -> tuple[MessageRecord, ...]:
    return tuple(
        _record(session_id, sequence, message.role, message.content, create_us)
        for sequence, message in enumerate(messages, first)
    )


def _record(session_id: str, sequence: int, role: str, content: str, create_us: int) -> MessageRecord:
    # A sequence is never used again, so it makes an id without a column.
    return MessageRecord(f"{session_id}-{sequence}", sequence, Role(role), content, create_us)
