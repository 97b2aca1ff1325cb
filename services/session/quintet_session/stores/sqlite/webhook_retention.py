"""Removes deliveries that nobody needs, a little at a time. Each operation takes an open transaction."""

import sqlite3
from collections.abc import Sequence

# An event can have two megabytes.
_DELIVERIES_A_STEP = 100


def purge_step(connection: sqlite3.Connection, delivered_before_us: int, dead_before_us: int) -> bool:
    """Removes some deliveries that ended before a time or that a deleted webhook has left."""
    return (
        _drop_ended(connection, "delivered", delivered_before_us)
        or _drop_ended(connection, "dead", dead_before_us)
        or _drop_deleted(connection)
    )


def drop_step(connection: sqlite3.Connection, webhook_key: int) -> bool:
    """Removes some deliveries of a deleted webhook, at last the webhook; tells whether there was anything."""
    rows = connection.execute(
        "SELECT delivery_key, event_key FROM webhook_deliveries WHERE webhook_key = ? LIMIT ?",
        (webhook_key, _DELIVERIES_A_STEP),
    ).fetchall()
    _remove(connection, rows)
    if not rows:
        connection.execute("DELETE FROM webhook_event_types WHERE webhook_key = ?", (webhook_key,))
        return connection.execute("DELETE FROM webhooks WHERE webhook_key = ?", (webhook_key,)).rowcount > 0
    return True


def _drop_ended(connection: sqlite3.Connection, state: str, before_us: int) -> bool:
    rows = connection.execute(
        "SELECT delivery_key, event_key FROM webhook_deliveries"
        " WHERE state = ? AND end_us IS NOT NULL AND end_us < ? ORDER BY end_us LIMIT ?",
        (state, before_us, _DELIVERIES_A_STEP),
    ).fetchall()
    _remove(connection, rows)
    return bool(rows)


def _drop_deleted(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT webhook_key FROM webhooks WHERE deleted = 1 LIMIT 1").fetchone()
    return row is not None and drop_step(connection, *row)


def _remove(connection: sqlite3.Connection, rows: Sequence[tuple[int, int]]) -> None:
    connection.executemany("DELETE FROM webhook_deliveries WHERE delivery_key = ?", [(key,) for key, _ in rows])
    connection.executemany(
        "DELETE FROM webhook_events WHERE event_key = ?1"
        " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE event_key = ?1)",
        [(event_key,) for event_key in {event_key for _, event_key in rows}],
    )
