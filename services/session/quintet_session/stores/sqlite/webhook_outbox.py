"""Puts events into the outbox, in the transaction of what they tell of."""

import sqlite3
import uuid

from quintet_session.scope import Scope
from quintet_session.webhook_store import EventRecord

LIFETIME_US = 24 * 3600 * 1_000_000
"""How long deliveries are tried, from their event or redelivery on."""


def add(connection: sqlite3.Connection, scope: Scope, session_id: str, event: EventRecord, now_us: int) -> None:
    """Makes one delivery for each webhook of the scope that asks for the event; without one nothing is stored.

    Call `notify` of the store's webhooks when the transaction is durable.
    """
    webhooks = _wanted_by(connection, scope, event.type)
    if not webhooks:
        return
    (event_key,) = connection.execute(
        "INSERT INTO webhook_events (event_id, session_id, event_type, data, event_us) VALUES (?, ?, ?, ?, ?)"
        " RETURNING event_key",
        (f"evt_{uuid.uuid4().hex}", session_id, event.type, event.data, now_us),
    ).fetchone()
    for webhook_key in webhooks:
        _add_delivery(connection, webhook_key, event_key, scope, session_id, now_us=now_us)


def _wanted_by(connection: sqlite3.Connection, scope: Scope, event_type: str) -> list[int]:
    rows = connection.execute(
        "SELECT DISTINCT webhook_key FROM webhooks JOIN webhook_event_types USING (webhook_key)"
        " WHERE surface = ? AND owner = ? AND deleted = 0 AND event_type = ? ORDER BY webhook_key",
        (scope.surface, scope.owner, event_type),
    )
    return [key for (key,) in rows.fetchall()]


def _add_delivery(
    connection: sqlite3.Connection, webhook_key: int, event_key: int, scope: Scope, session_id: str, *, now_us: int
) -> None:
    connection.execute(
        "INSERT INTO webhook_deliveries"
        " (delivery_id, webhook_key, event_key, surface, owner, session_id, state, at_head, due_us, give_up_us)"
        " VALUES (:delivery_id, :webhook_key, :event_key, :surface, :owner, :session_id, 'pending',"
        " :session_id = '' OR NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook_key = :webhook_key"
        " AND session_id = :session_id AND state = 'pending'), :now_us, :give_up_us)",
        {
            "delivery_id": f"dlv_{uuid.uuid4().hex}",
            "webhook_key": webhook_key,
            "event_key": event_key,
            "surface": scope.surface,
            "owner": scope.owner,
            "session_id": session_id,
            "now_us": now_us,
            "give_up_us": now_us + LIFETIME_US,
        },
    )
