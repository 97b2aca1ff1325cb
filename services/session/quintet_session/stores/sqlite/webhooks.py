# ruff: noqa: D102 - the methods are documented at the protocol
"""Webhooks and deliveries in SQLite."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from quintet_session.scope import Scope
from quintet_session.stores.sqlite import (
    webhook_claims,
    webhook_clock,
    webhook_deliveries,
    webhook_outbox,
    webhook_retention,
    webhook_targets,
)
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.webhook_clock import Times
from quintet_session.webhook_store import (
    AttemptOutcome,
    Claim,
    Claimed,
    DeliveryFilter,
    DeliveryLease,
    DeliveryPage,
    EventRecord,
    NewWebhook,
    WebhookRecord,
)

ResultT = TypeVar("ResultT")

_STEPS_AT_ONCE = 10


def _nobody() -> None:
    pass


class SqliteWebhooks:
    """Keeps webhooks and deliveries. Methods are documented at `WebhookStore`."""

    def __init__(self, database: SqliteDatabase, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now_s = now_s
        self._notified: Callable[[], None] = _nobody

    async def open(self) -> None:
        """Takes over the deliveries of earlier processes; to be called once, when the database is open."""
        await self._database.write(lambda connection: webhook_clock.begin(connection, self._times()))

    def notify(self) -> None:
        self._notified()

    def on_notify(self, call: Callable[[], None]) -> None:
        self._notified = call

    async def register_webhook(self, webhook: NewWebhook, most_of_scope: int) -> WebhookRecord:
        return await self._database.write(
            lambda connection: webhook_targets.register(connection, webhook, most_of_scope, self._database.now_us())
        )

    async def list_webhooks(self, scope: Scope) -> Sequence[WebhookRecord]:
        return await self._database.read(lambda connection: webhook_targets.of_scope(connection, scope))

    async def delete_webhook(self, scope: Scope, webhook_id: str) -> None:
        key = await self._database.write(lambda connection: webhook_targets.mark_deleted(connection, scope, webhook_id))
        # From now on nobody sees its deliveries. Of a great many, the rest goes with the next purge.
        for _ in range(_STEPS_AT_ONCE):
            if not await self._database.write(partial(webhook_retention.drop_step, webhook_key=key)):
                break

    async def publish_event(self, scope: Scope, session_id: str, event: EventRecord) -> None:
        def publish(connection: sqlite3.Connection, now_us: int) -> None:
            webhook_outbox.add(connection, scope, session_id, event, now_us)

        await self._change(publish, weight_bytes=len(event.data))

    async def claim_deliveries(self, claim: Claim) -> Claimed:
        return await self._write(partial(webhook_claims.claim, wanted=claim))

    async def release_deliveries(self, leases: Sequence[DeliveryLease]) -> None:
        def release(connection: sqlite3.Connection, now_us: int) -> None:
            for lease in leases:
                webhook_claims.release(connection, lease, now_us)

        await self._change(release)

    async def complete_delivery(self, lease: DeliveryLease, outcome: AttemptOutcome) -> None:
        await self._change(partial(webhook_claims.complete, lease=lease, outcome=outcome))

    async def list_deliveries(
        self, chosen: DeliveryFilter, limit: int, max_bytes: int, position: int | None = None
    ) -> DeliveryPage:
        return await self._database.read(
            lambda connection: webhook_deliveries.list_page(connection, chosen, limit, max_bytes, position)
        )

    async def redeliver(self, delivery_id: str, chosen: DeliveryFilter) -> None:
        await self._change(partial(webhook_deliveries.redeliver, delivery_id=delivery_id, chosen=chosen))

    async def redeliver_dead(self, chosen: DeliveryFilter) -> int:
        count = 0
        after: int | None = 0
        # One small transaction after the other, so that no writer waits long behind them.
        while after is not None:
            step = partial(webhook_deliveries.redeliver_dead_step, chosen=chosen, after=after)
            found, after = await self._change(step)
            count += found
        return count

    async def purge_step(self, delivered_before_us: int, dead_before_us: int) -> bool:
        return await self._database.write(
            lambda connection: webhook_retention.purge_step(connection, delivered_before_us, dead_before_us)
        )

    async def _change(self, operation: Callable[..., ResultT], *, weight_bytes: int = 0) -> ResultT:
        """Runs an operation after which something may be due, and tells of it."""
        try:
            return await self._write(operation, weight_bytes=weight_bytes)
        finally:
            # A caller that leaves in between does not stop the write, and who looks now looks behind it.
            self.notify()

    async def _write(self, operation: Callable[..., ResultT], *, weight_bytes: int = 0) -> ResultT:
        """Runs an operation that depends on the time, after what a jump of the clock asks for."""

        def run(connection: sqlite3.Connection) -> ResultT:
            times = self._times()
            webhook_clock.follow(connection, times)
            return operation(connection, now_us=times.now_us)

        return await self._database.write(run, weight_bytes=weight_bytes)

    def _times(self) -> Times:
        return Times(self._database.now_us(), int(self._now_s() * 1e6))
