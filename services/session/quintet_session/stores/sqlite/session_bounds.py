"""New sessions within the bounds of their owner. Each operation takes an open transaction."""

import sqlite3
from collections.abc import Mapping

from quintet_session.store import CreatedSession, Scope, SessionBounds
from quintet_session.stores.sqlite import messages, sessions, webhook_outbox
from quintet_session.webhook_store import EventRecord


def create(
    connection: sqlite3.Connection,
    scope: Scope,
    title: str,
    attributes: Mapping[str, str],
    now_us: int,
    *,
    bounds: SessionBounds,
    event: EventRecord | None,
) -> CreatedSession:
    """Stores an empty session or finds the one to be used again, then deletes those beyond the bound."""
    session = sessions.newest(connection, scope, now_us) if bounds.reuse_newest else None
    if session is None:
        session = sessions.create(connection, scope, title, attributes, now_us, idle_us=bounds.idle_us)
        if event is not None:
            webhook_outbox.add(connection, scope, session.session_id, event, now_us)
    return CreatedSession(session, _evict(connection, scope, bounds, now_us))


def _evict(connection: sqlite3.Connection, scope: Scope, bounds: SessionBounds, now_us: int) -> tuple[str, ...]:
    if not bounds.max_sessions:
        return ()
    beyond = sessions.find_beyond(connection, scope, bounds.max_sessions, now_us)
    # The least recently updated leaves first.
    for key, session_id in reversed(beyond):
        messages.remove(connection, scope, key)
        sessions.remove(connection, key)
        if bounds.evicted_event is not None:
            webhook_outbox.add(connection, scope, session_id, bounds.evicted_event, now_us)
    return tuple(session_id for _, session_id in reversed(beyond))
