# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on webhooks. Each takes an open transaction."""

import sqlite3
import uuid
from collections.abc import Iterable, Sequence

from quintet_errors import DomainError, Reason
from quintet_session.scope import Scope
from quintet_session.webhook_store import NewWebhook, WebhookRecord

_COLUMNS = "webhook_key, webhook_id, surface, owner, url, secret, create_us"
# Ids from callers end up in error trailers, which have a small limit.
_LONGEST_ECHO = 64


def register(connection: sqlite3.Connection, webhook: NewWebhook, most_of_scope: int, now_us: int) -> WebhookRecord:
    """Stores a target, or replaces what the one with the same URL asks for."""
    row = connection.execute(
        "UPDATE webhooks SET secret = ? WHERE surface = ? AND owner = ? AND url = ? AND deleted = 0"
        " RETURNING webhook_key",
        (webhook.sealed_secret, webhook.scope.surface, webhook.scope.owner, webhook.url),
    ).fetchone()
    (key,) = row or (_insert(connection, webhook, most_of_scope, now_us),)
    connection.execute("DELETE FROM webhook_event_types WHERE webhook_key = ?", (key,))
    connection.executemany(
        "INSERT INTO webhook_event_types (webhook_key, position, event_type) VALUES (?, ?, ?)",
        [(key, position, event_type) for position, event_type in enumerate(webhook.event_types)],
    )
    return by_keys(connection, [key])[key]


def of_scope(connection: sqlite3.Connection, scope: Scope) -> Sequence[WebhookRecord]:
    """Returns the targets of a scope, the oldest first."""
    return list(
        _records(
            connection,
            "surface = ? AND owner = ? AND deleted = 0 ORDER BY webhook_key",
            (scope.surface, scope.owner),
        ).values()
    )


def by_keys(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, WebhookRecord]:
    """Returns targets that exist."""
    records: dict[int, WebhookRecord] = {}
    for key in set(keys):
        records.update(_records(connection, "webhook_key = ?", (key,)))
    return records


def mark_deleted(connection: sqlite3.Connection, scope: Scope, webhook_id: str) -> int:
    """Takes a target out of use and forgets its secret; its deliveries are left to `webhook_retention`."""
    row = connection.execute(
        "UPDATE webhooks SET deleted = 1, secret = NULL"
        " WHERE webhook_id = ? AND surface = ? AND owner = ? AND deleted = 0 RETURNING webhook_key",
        (webhook_id, scope.surface, scope.owner),
    ).fetchone()
    if row is None:
        raise DomainError(
            Reason.WEBHOOK_NOT_FOUND, "The webhook does not exist.", {"webhookId": webhook_id[:_LONGEST_ECHO]}
        )
    return int(row[0])


def _insert(connection: sqlite3.Connection, webhook: NewWebhook, most_of_scope: int, now_us: int) -> int:
    scope = webhook.scope
    (count,) = connection.execute(
        "SELECT count(*) FROM webhooks WHERE surface = ? AND owner = ? AND deleted = 0", (scope.surface, scope.owner)
    ).fetchone()
    if count >= most_of_scope:
        raise DomainError(
            Reason.INVALID_ARGUMENT,
            f"There are {count} webhooks already, as many as one owner may have. Delete one first.",
            {"field": "webhook"},
        )
    (key,) = connection.execute(
        "INSERT INTO webhooks (webhook_id, surface, owner, url, secret, create_us) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING webhook_key",
        (f"wh_{uuid.uuid4().hex}", scope.surface, scope.owner, webhook.url, webhook.sealed_secret, now_us),
    ).fetchone()
    return int(key)


def _records(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> dict[int, WebhookRecord]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM webhooks WHERE {where}", tuple(values)).fetchall()
    return {
        key: WebhookRecord(webhook_id, Scope(surface, owner), url, _event_types(connection, key), secret, create_us)
        for key, webhook_id, surface, owner, url, secret, create_us in rows
    }


def _event_types(connection: sqlite3.Connection, key: int) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT event_type FROM webhook_event_types WHERE webhook_key = ? ORDER BY position", (key,)
    )
    return tuple(event_type for (event_type,) in rows.fetchall())
