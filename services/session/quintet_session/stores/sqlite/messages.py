# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on messages. Each takes an open transaction."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session import message_ids
from quintet_session.store import (
    Append,
    Appended,
    FoundMessage,
    MessageListing,
    MessagePage,
    MessageRecord,
    NewMessage,
    Role,
    Scope,
)
from quintet_session.stores.sqlite import pages, sessions, webhook_outbox
from quintet_session.stores.sqlite.sessions import ALIVE, SessionKey
from quintet_session.webhook_store import EventRecord

_COLUMNS = (
    "messages.sequence, messages.role, messages.create_us, messages.message_id,"
    " messages.content, messages.attributes, messages.image_analysis"
)
# Ids from callers end up in error trailers, which have a small limit.
_LONGEST_ECHO = 64
_LAST_SEQUENCE = 2**63 - 1


def append(connection: sqlite3.Connection, scope: Scope, session_id: str, append: Append, now_us: int) -> Appended:
    """Stores messages at the end of a session, unless the idempotency key was used before."""
    session = sessions.find_key(connection, scope, session_id, now_us)
    earlier = connection.execute(
        "SELECT first_sequence, message_count, create_us FROM appends WHERE session_key = ? AND idempotency_key = ?",
        (session.key, append.idempotency_key),
    ).fetchone()
    if earlier is not None:
        messages = _repeated(connection, session_id, session, append, earlier)
        return Appended(messages, sessions.get(connection, scope, session_id, now_us))
    appended = _store(connection, scope, session_id, session, append=append, now_us=now_us)
    if append.event is not None:
        webhook_outbox.add(connection, scope, session_id, append.event, now_us)
    return appended


def list_page(
    connection: sqlite3.Connection, scope: Scope, session_id: str, listing: MessageListing, now_us: int
) -> MessagePage:
    """Lists messages until the page is full."""
    session = sessions.get(connection, scope, session_id, now_us)
    key = sessions.find_key(connection, scope, session_id, now_us)
    before, order = ("<", "DESC") if listing.newest_first else (">", "ASC")
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM messages"
        f" WHERE session_key = :key AND sequence {before} :position ORDER BY sequence {order} LIMIT :limit",
        {"key": key.key, "position": _position(key, listing), "limit": listing.limit + 1},
    )
    page, more = pages.take(rows, listing.limit, listing.max_bytes, lambda row: _most_bytes(*row[-3:]))
    messages = tuple(_record(session_id, *row) for row in page)
    return MessagePage(messages, messages[-1].sequence if more else None, session)


def get(connection: sqlite3.Connection, scope: Scope, message_id: str, now_us: int) -> FoundMessage:
    """Finds a message by the id that its writer gave it."""
    row = connection.execute(
        f"SELECT session_id, {_COLUMNS} FROM message_ids JOIN messages USING (session_key, sequence)"
        " JOIN sessions USING (session_key)"
        " WHERE message_ids.surface = :surface AND message_ids.owner = :owner"
        f" AND message_ids.message_id = :message_id AND {ALIVE}",
        {"surface": scope.surface, "owner": scope.owner, "message_id": message_id, "now_us": now_us},
    ).fetchone()
    if row is None:
        raise DomainError(
            Reason.MESSAGE_NOT_FOUND, "The message does not exist.", {"messageId": message_id[:_LONGEST_ECHO]}
        )
    session_id, *columns = row
    return FoundMessage(_record(session_id, *columns), session_id)


def clear(connection: sqlite3.Connection, scope: Scope, session_id: str, now_us: int) -> None:
    """Removes the messages of a session; an empty one stays as it is."""
    session = sessions.find_key(connection, scope, session_id, now_us)
    if session.message_count:
        remove(connection, scope, session.key)
        sessions.touch(connection, scope, session.key, now_us, message_count=0)


def delete_session(
    connection: sqlite3.Connection, scope: Scope, session_id: str, event: EventRecord | None, now_us: int
) -> None:
    """Removes a session with its messages, and tells the event of it."""
    key = sessions.find_key(connection, scope, session_id, now_us).key
    remove(connection, scope, key)
    sessions.remove(connection, key)
    if event is not None:
        webhook_outbox.add(connection, scope, session_id, event, now_us)


def remove(connection: sqlite3.Connection, scope: Scope, key: int, up_to: int = _LAST_SEQUENCE) -> None:
    """Removes the messages of a session up to a sequence, and what finds them by their ids."""
    connection.execute(
        # An id of a session whose end had come may belong to a message of another session by now.
        "DELETE FROM message_ids WHERE surface = :surface AND owner = :owner AND session_key = :key AND message_id IN"
        " (SELECT message_id FROM messages WHERE session_key = :key AND sequence <= :up_to"
        " AND message_id IS NOT NULL)",
        {"surface": scope.surface, "owner": scope.owner, "key": key, "up_to": up_to},
    )
    connection.execute("DELETE FROM messages WHERE session_key = ? AND sequence <= ?", (key, up_to))


def _position(session: SessionKey, listing: MessageListing) -> int:
    """Returns the sequence that the page stands behind.

    Only a clear removes messages, and it removes all: what is kept has sequences without gaps up to the last one, so
    an offset is a sequence and nothing has to be counted.
    """
    if listing.position is not None:
        return listing.position
    skipped = min(listing.offset, session.message_count)
    if listing.newest_first:
        return session.last_sequence + 1 - skipped
    return session.last_sequence - session.message_count + skipped


def _store(
    connection: sqlite3.Connection, scope: Scope, session_id: str, session: SessionKey, *, append: Append, now_us: int
) -> Appended:
    first = session.last_sequence + 1
    messages = _records(session_id, first, append.messages, now_us)
    _insert(connection, session.key, first, append.messages, now_us)
    _claim_ids(connection, scope, session.key, first, messages=append.messages, now_us=now_us)
    if append.attributes:
        sessions.set_attributes(connection, session.key, append.attributes)
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


def _insert(connection: sqlite3.Connection, key: int, first: int, messages: Iterable[NewMessage], now_us: int) -> None:
    connection.executemany(
        "INSERT INTO messages (session_key, sequence, role, create_us, message_id, content, attributes, image_analysis)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(key, sequence, *_columns(message, now_us)) for sequence, message in enumerate(messages, first)],
    )


def _columns(message: NewMessage, now_us: int) -> tuple[Any, ...]:
    attributes = json.dumps(dict(message.attributes), ensure_ascii=False) if message.attributes else None
    given_id = message.message_id or None
    return message.role.value, now_us, given_id, message.content, attributes, message.image_analysis


def _claim_ids(
    connection: sqlite3.Connection,
    scope: Scope,
    key: int,
    first: int,
    *,
    messages: Iterable[NewMessage],
    now_us: int,
) -> None:
    given = [(message.message_id, sequence) for sequence, message in enumerate(messages, first) if message.message_id]
    for message_id, sequence in given:
        claimed = connection.execute(
            "INSERT INTO message_ids (surface, owner, message_id, session_key, sequence)"
            " VALUES (:surface, :owner, :message_id, :key, :sequence)"
            # A message of a session whose end has come does not exist, so that its id is free.
            " ON CONFLICT DO UPDATE SET session_key = :key, sequence = :sequence WHERE NOT EXISTS"
            f" (SELECT 1 FROM sessions WHERE sessions.session_key = message_ids.session_key AND {ALIVE})",
            {
                "surface": scope.surface,
                "owner": scope.owner,
                "message_id": message_id,
                "key": key,
                "sequence": sequence,
                "now_us": now_us,
            },
        )
        if not claimed.rowcount:
            raise DomainError(
                Reason.INVALID_ARGUMENT,
                "`messages.message_id` must be an id that no other message of the owner has.",
                {"field": "messages.message_id"},
            )


def _repeated(
    connection: sqlite3.Connection, session_id: str, session: SessionKey, append: Append, earlier: tuple[int, int, int]
) -> tuple[MessageRecord, ...]:
    first, count, create_us = earlier
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE session_key = ? AND sequence BETWEEN ? AND ? ORDER BY sequence",
        (session.key, first, first + count - 1),
    ).fetchall()
    if rows:
        return tuple(_record(session_id, *row) for row in rows)
    # Cleared in between: the caller repeats what it said, so its own words are what the first call stored.
    return _records(session_id, first, append.messages[:count], create_us)


def _records(session_id: str, first: int, messages: Iterable[NewMessage], create_us: int) -> tuple[MessageRecord, ...]:
    return tuple(
        _record(session_id, sequence, *_columns(message, create_us)) for sequence, message in enumerate(messages, first)
    )


def _record(session_id: str, *columns: Any) -> MessageRecord:
    sequence, role, create_us, given_id, content, attributes, image_analysis = columns
    message_id = given_id or message_ids.derived(session_id, sequence)
    kept = {} if attributes is None else json.loads(attributes)
    return MessageRecord(message_id, sequence, Role(role), content, create_us, kept, image_analysis)


def _most_bytes(content: str, attributes: str | None, image_analysis: bytes | None) -> int:
    size = pages.most_bytes(content)
    if attributes is not None:
        size += pages.most_bytes(attributes)
    return size if image_analysis is None else size + len(image_analysis)
