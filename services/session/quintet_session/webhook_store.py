"""Who wants to know of events, and what has still to be delivered: records, and the `WebhookStore` protocol over them.

All times are microseconds, points in time since 1970 (UTC). Methods raise DomainError as those of `Store` do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quintet_session.scope import Scope


@dataclass(frozen=True)
class EventRecord:
    """Something to tell other systems of: its name, and a JSON object as text (empty = none)."""

    type: str
    data: str


@dataclass(frozen=True)
class NewWebhook:
    """A target to be registered. `sealed_secret` is encrypted already; None means no secret."""

    scope: Scope
    url: str
    event_types: tuple[str, ...]
    sealed_secret: bytes | None


@dataclass(frozen=True)
class WebhookRecord:
    """A registered target."""

    webhook_id: str
    scope: Scope
    url: str
    event_types: tuple[str, ...]
    sealed_secret: bytes | None
    create_us: int


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class DeliveryRecord:
    """One event on its way to one webhook; `session_id` is empty if it happened in none.

    `due_us` is when the next attempt is due, or when the lease of the present one ends; None for one that has ended or
    waits for an earlier one.
    """

    delivery_id: str
    event_id: str
    webhook: WebhookRecord
    session_id: str
    event: EventRecord
    event_us: int
    state: DeliveryState
    attempt_count: int
    due_us: int | None
    last_status_code: int
    last_error: str


@dataclass(frozen=True)
class DeliveryLease:
    """Proof that a worker holds a delivery."""

    delivery_id: str
    token: str


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery and the proof of its claim."""

    delivery: DeliveryRecord
    lease: DeliveryLease


@dataclass(frozen=True)
class Claim:
    """How much to hand out: at most `limit` deliveries and about `max_bytes` of data, each for `lease_s` seconds."""

    limit: int
    max_bytes: int
    lease_s: float


@dataclass(frozen=True)
class Claimed:
    """What was handed out, and in how many seconds the next delivery is due (None = none waits for its time)."""

    deliveries: tuple[ClaimedDelivery, ...]
    next_due_s: float | None


@dataclass(frozen=True)
class AttemptOutcome:
    """How an attempt ended; `error` is empty for one that delivered."""

    delivered: bool
    status_code: int = 0
    error: str = ""


@dataclass(frozen=True)
class DeliveryFilter:
    """Chooses deliveries: what is None is not asked for."""

    surface: str | None = None
    owner: str | None = None
    state: DeliveryState | None = None


@dataclass(frozen=True)
class DeliveryPage:
    """A page of deliveries; `next_position` is None on the last page."""

    deliveries: tuple[DeliveryRecord, ...]
    next_position: int | None


class WebhookStore(Protocol):
    """Keeps webhooks and deliveries. Deliveries of one session to one webhook are handed out one after the other."""

    def notify(self) -> None:
        """Tells that deliveries may have become due; to be called after a write that came with an event."""

    def on_notify(self, call: Callable[[], None]) -> None:
        """Names what `notify` calls, in the event loop."""

    async def register_webhook(self, webhook: NewWebhook, most_of_scope: int) -> WebhookRecord:
        """Stores a target; one with the same URL in the same scope is replaced and keeps its id.

        Raises:
            DomainError: INVALID_ARGUMENT if the scope would have more than `most_of_scope`.
        """

    async def list_webhooks(self, scope: Scope) -> Sequence[WebhookRecord]:
        """Returns the targets of a scope, the oldest first."""

    async def delete_webhook(self, scope: Scope, webhook_id: str) -> None:
        """Removes a target and its deliveries, or raises WEBHOOK_NOT_FOUND."""

    async def publish_event(self, scope: Scope, session_id: str, event: EventRecord) -> None:
        """Stores one delivery for each webhook of the scope that asks for the event."""

    async def claim_deliveries(self, claim: Claim) -> Claimed:
        """Leases the deliveries that are due, the earliest first, and no two of one session to one webhook."""

    async def release_deliveries(self, leases: Sequence[DeliveryLease]) -> None:
        """Makes claims undone whose holders have gone; those that hold nothing any more are left alone."""

    async def complete_delivery(self, lease: DeliveryLease, outcome: AttemptOutcome) -> None:
        """Ends a claim; repeating it changes nothing.

        Raises:
            DomainError: DELIVERY_NOT_FOUND or LEASE_LOST.
        """

    async def list_deliveries(
        self, chosen: DeliveryFilter, limit: int, max_bytes: int, position: int | None = None
    ) -> DeliveryPage:
        """Lists deliveries that are behind `position`, the newest first, with about `max_bytes` of data."""

    async def redeliver(self, delivery_id: str, chosen: DeliveryFilter) -> None:
        """Makes a delivery due again that has ended; one that is not chosen does not exist.

        Raises:
            DomainError: DELIVERY_NOT_FOUND, or INVALID_ARGUMENT for a pending one.
        """

    async def redeliver_dead(self, chosen: DeliveryFilter) -> int:
        """Makes the dead ones of the chosen deliveries due again, and returns how many."""

    async def purge_step(self, delivered_before_us: int, dead_before_us: int) -> bool:
        """Removes a little of what was delivered or given up before a time, and tells whether there was anything.

        The deliveries that deleted webhooks have left are removed too.
        """
