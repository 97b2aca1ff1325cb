# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on deliveries that are looked at and made due again. Each takes an open transaction."""

import sqlite3
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session.stores.sqlite import pages, webhook_lines, webhook_targets
from quintet_session.stores.sqlite.webhook_outbox import LIFETIME_US
from quintet_session.webhook_store import (
    DeliveryFilter,
    DeliveryPage,
    DeliveryRecord,
    DeliveryState,
    EventRecord,
    WebhookRecord,
)

_COLUMNS = (
    "delivery_key, webhook_key, delivery_id, event_id, webhook_deliveries.session_id, event_type, data, event_us,"
    " state, at_head, attempt_count, due_us, last_status_code, last_error"
)
_TABLES = "webhook_deliveries CROSS JOIN webhook_events USING (event_key) CROSS JOIN webhooks USING (webhook_key)"
_DATA = 6
_REDELIVERED_A_STEP = 200
_LONGEST_ECHO = 64


def not_found(delivery_id: str) -> DomainError:
    """Returns the error of a delivery that does not exist."""
    return DomainError(
        Reason.DELIVERY_NOT_FOUND, "The delivery does not exist.", {"deliveryId": delivery_id[:_LONGEST_ECHO]}
    )


def by_key(connection: sqlite3.Connection, key: int) -> DeliveryRecord:
    """Returns a delivery that exists."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE delivery_key = ?", (key,)).fetchone()
    return _record(row, webhook_targets.by_keys(connection, [row[1]]))


def list_page(
    connection: sqlite3.Connection, chosen: DeliveryFilter, limit: int, max_bytes: int, position: int | None
) -> DeliveryPage:
    """Lists the chosen deliveries, the newest first."""
    where, parameters = _where(chosen)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {where}"
        " AND (:position IS NULL OR delivery_key < :position) ORDER BY delivery_key DESC LIMIT :limit",
        {**parameters, "position": position, "limit": limit + 1},
    )
    page, more = pages.take(rows, limit, max_bytes, lambda row: pages.most_bytes(row[_DATA]))
    rows.close()
    webhooks = webhook_targets.by_keys(connection, [row[1] for row in page])
    return DeliveryPage(tuple(_record(row, webhooks) for row in page), page[-1][0] if more else None)


def redeliver(connection: sqlite3.Connection, delivery_id: str, chosen: DeliveryFilter, now_us: int) -> None:
    """Makes a delivery due again that has ended."""
    where, parameters = _where(chosen)
    row = connection.execute(
        "SELECT delivery_key, state FROM webhook_deliveries CROSS JOIN webhooks USING (webhook_key)"
        f" WHERE {where} AND delivery_id = :delivery_id",
        {**parameters, "delivery_id": delivery_id},
    ).fetchone()
    if row is None:
        raise not_found(delivery_id)
    key, state = row
    if state == DeliveryState.PENDING:
        raise DomainError(
            Reason.INVALID_ARGUMENT,
            "`delivery_id` must be a delivery that has ended; this one is pending.",
            {"field": "delivery_id"},
        )
    _renew(connection, key, now_us)


def redeliver_dead_step(
    connection: sqlite3.Connection, chosen: DeliveryFilter, after: int, now_us: int
) -> tuple[int, int | None]:
    """Makes some dead deliveries due again, behind the key `after`; returns how many, and the key to go on behind."""
    where, parameters = _where(DeliveryFilter(chosen.surface, chosen.owner, DeliveryState.DEAD))
    rows = connection.execute(
        "SELECT delivery_key FROM webhook_deliveries CROSS JOIN webhooks USING (webhook_key)"
        f" WHERE {where} AND delivery_key > :after ORDER BY delivery_key LIMIT :limit",
        {**parameters, "after": after, "limit": _REDELIVERED_A_STEP},
    ).fetchall()
    for (key,) in rows:
        _renew(connection, key, now_us)
    return len(rows), rows[-1][0] if len(rows) == _REDELIVERED_A_STEP else None


def _renew(connection: sqlite3.Connection, key: int, now_us: int) -> None:
    line = connection.execute(
        "UPDATE webhook_deliveries SET state = 'pending', at_head = (session_id = ''), due_us = :now_us, wait_us = 0,"
        " leased = 0, lease_token = NULL, give_up_us = :give_up_us, failure_count = 0, end_us = NULL"
        " WHERE delivery_key = :key RETURNING webhook_key, session_id",
        {"now_us": now_us, "give_up_us": now_us + LIFETIME_US, "key": key},
    ).fetchone()
    webhook_lines.settle(connection, line, now_us)


def _where(chosen: DeliveryFilter) -> tuple[str, dict[str, object]]:
    """Returns a condition; a plus keeps SQLite from an index that does not have the order of the listing."""
    terms = ["deleted = 0"]
    of_owner = chosen.owner is not None and chosen.state is None
    if chosen.surface is not None:
        terms.append(f"{'' if of_owner else '+'}webhook_deliveries.surface = :surface")
    if chosen.owner is not None:
        terms.append(f"{'' if of_owner else '+'}webhook_deliveries.owner = :owner")
    if chosen.state is not None:
        terms.append("state = :state")
    return " AND ".join(terms), {"surface": chosen.surface, "owner": chosen.owner, "state": chosen.state}


def _record(row: tuple[Any, ...], webhooks: dict[int, WebhookRecord]) -> DeliveryRecord:
    _, webhook_key, delivery_id, event_id, session_id, event_type, data, event_us, *progress = row
    state, at_head, attempt_count, due_us, last_status_code, last_error = progress
    return DeliveryRecord(
        delivery_id=delivery_id,
        event_id=event_id,
        webhook=webhooks[webhook_key],
        session_id=session_id,
        event=EventRecord(event_type, data),
        event_us=event_us,
        state=DeliveryState(state),
        attempt_count=attempt_count,
        due_us=due_us if at_head else None,
        last_status_code=last_status_code,
        last_error=last_error,
    )
