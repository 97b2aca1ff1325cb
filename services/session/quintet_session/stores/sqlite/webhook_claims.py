"""Operations on deliveries that are handed out. Each takes an open transaction."""

import secrets
import sqlite3
from dataclasses import dataclass

from quintet_errors import DomainError, Reason
from quintet_session.stores.sqlite import pages, webhook_deliveries, webhook_lines
from quintet_session.webhook_store import (
    AttemptOutcome,
    Claim,
    Claimed,
    ClaimedDelivery,
    DeliveryLease,
)

_PAUSES_S = (1, 5, 25, 125, 625)
_LONGEST_PAUSE_S = 3600


@dataclass(frozen=True)
class _Held:
    key: int
    line: tuple[int, str]
    failure_count: int
    give_up_us: int


def claim(connection: sqlite3.Connection, wanted: Claim, now_us: int) -> Claimed:
    """Leases what is due, the earliest first."""
    deliveries = [
        ClaimedDelivery(webhook_deliveries.by_key(connection, key), lease)
        for key in _due(connection, wanted, now_us)
        if (lease := _lease(connection, key, int(wanted.lease_s * 1e6), now_us)) is not None
    ]
    next_us = _next_due(connection)
    return Claimed(tuple(deliveries), None if next_us is None else max(0, next_us - now_us) / 1e6)


def release(connection: sqlite3.Connection, lease: DeliveryLease, now_us: int) -> None:
    """Makes a claim undone."""
    row = connection.execute(
        "UPDATE webhook_deliveries SET leased = 0, lease_token = NULL, due_us = ?, wait_us = 0"
        " WHERE delivery_id = ? AND lease_token = ? AND leased = 1 RETURNING webhook_key, session_id",
        (now_us, lease.delivery_id, lease.token),
    ).fetchone()
    if row is not None:
        webhook_lines.settle(connection, row, now_us)


def complete(connection: sqlite3.Connection, lease: DeliveryLease, outcome: AttemptOutcome, now_us: int) -> None:
    """Ends a claim and lets the next one of the line come."""
    held = _held(connection, lease)
    if held is None:
        return
    if outcome.delivered:
        _end(connection, held.key, "delivered", now_us)
    elif now_us >= held.give_up_us:
        _end(connection, held.key, "dead", now_us)
    else:
        _pause(connection, held, now_us)
    connection.execute(
        "UPDATE webhook_deliveries SET leased = 0, attempt_count = attempt_count + 1, last_status_code = ?,"
        " last_error = ? WHERE delivery_key = ?",
        (outcome.status_code, outcome.error, held.key),
    )
    webhook_lines.settle(connection, held.line, now_us)


def _due(connection: sqlite3.Connection, wanted: Claim, now_us: int) -> list[int]:
    rows = connection.execute(
        "SELECT delivery_key, data FROM webhook_deliveries"
        " CROSS JOIN webhooks USING (webhook_key) CROSS JOIN webhook_events USING (event_key)"
        " WHERE at_head = 1 AND deleted = 0 AND due_us <= ? ORDER BY due_us, delivery_key LIMIT ?",
        (now_us, wanted.limit),
    )
    taken, _ = pages.take(rows, wanted.limit, wanted.max_bytes, lambda row: pages.most_bytes(row[1]))
    rows.close()
    return [key for key, _ in taken]


def _lease(connection: sqlite3.Connection, key: int, lease_us: int, now_us: int) -> DeliveryLease | None:
    """Leases a delivery, unless its lease ran out and an earlier one of its line was redelivered meanwhile."""
    *line, expired = connection.execute(
        "SELECT webhook_key, session_id, leased FROM webhook_deliveries WHERE delivery_key = ?", (key,)
    ).fetchone()
    if expired and webhook_lines.settle(connection, (line[0], line[1]), now_us):
        return None
    token = secrets.token_hex(16)
    (delivery_id,) = connection.execute(
        "UPDATE webhook_deliveries SET leased = 1, lease_token = :token, due_us = :now_us + :lease_us,"
        " wait_us = :lease_us WHERE delivery_key = :key RETURNING delivery_id",
        {"token": token, "now_us": now_us, "lease_us": lease_us, "key": key},
    ).fetchone()
    return DeliveryLease(delivery_id, token)


def _next_due(connection: sqlite3.Connection) -> int | None:
    row = connection.execute(
        "SELECT due_us FROM webhook_deliveries CROSS JOIN webhooks USING (webhook_key)"
        " WHERE at_head = 1 AND deleted = 0 ORDER BY due_us, delivery_key LIMIT 1"
    ).fetchone()
    return None if row is None else int(row[0])


def _held(connection: sqlite3.Connection, lease: DeliveryLease) -> _Held | None:
    row = connection.execute(
        "SELECT lease_token, leased, delivery_key, webhook_key, session_id, failure_count, give_up_us"
        " FROM webhook_deliveries JOIN webhooks USING (webhook_key) WHERE delivery_id = ? AND deleted = 0",
        (lease.delivery_id,),
    ).fetchone()
    if row is None:
        raise webhook_deliveries.not_found(lease.delivery_id)
    token, leased, key, webhook_key, session_id, *failures = row
    if token != lease.token:
        raise DomainError(Reason.LEASE_LOST, "The lease has run out, and the delivery is no longer this worker's.")
    return _Held(key, (webhook_key, session_id), *failures) if leased else None


def _end(connection: sqlite3.Connection, key: int, state: str, now_us: int) -> None:
    connection.execute(
        "UPDATE webhook_deliveries SET state = ?, at_head = 0, end_us = ? WHERE delivery_key = ?", (state, now_us, key)
    )


def _pause(connection: sqlite3.Connection, held: _Held, now_us: int) -> None:
    pause_s = _PAUSES_S[held.failure_count] if held.failure_count < len(_PAUSES_S) else _LONGEST_PAUSE_S
    # The last attempt is made when the day ends, not up to an hour before.
    wait_us = min(pause_s * 1_000_000, held.give_up_us - now_us)
    connection.execute(
        "UPDATE webhook_deliveries SET due_us = ?, wait_us = ?, failure_count = failure_count + 1"
        " WHERE delivery_key = ?",
        (now_us + wait_us, wait_us, held.key),
    )
