"""Webhooks and deliveries that several test modules make."""

from collections.abc import Sequence

from quintet_session.store import Scope
from quintet_session.webhook_store import (
    AttemptOutcome,
    Claim,
    ClaimedDelivery,
    DeliveryFilter,
    DeliveryRecord,
    EventRecord,
    NewWebhook,
    WebhookRecord,
    WebhookStore,
)

SCOPE = Scope("omni", "key-1")
URL = "https://example.com/hook"
CREATED = "session.created"
ENDED = "session.ended"
DELIVERED = AttemptOutcome(delivered=True, status_code=200)
FAILED = AttemptOutcome(delivered=False, status_code=500, error="It answered with 500.")


async def register(
    store: WebhookStore,
    url: str = URL,
    types: Sequence[str] = (CREATED,),
    scope: Scope = SCOPE,
    secret: bytes | None = None,
) -> WebhookRecord:
    return await store.register_webhook(NewWebhook(scope, url, tuple(types), secret), 100)


async def publish(store: WebhookStore, session_id: str, *data: str, scope: Scope = SCOPE) -> None:
    for text in data:
        await store.publish_event(scope, session_id, EventRecord(CREATED, text))


async def claim(store: WebhookStore, limit: int = 100, lease_s: float = 30.0) -> tuple[ClaimedDelivery, ...]:
    return (await store.claim_deliveries(Claim(limit, 1 << 20, lease_s))).deliveries


async def claimed_data(store: WebhookStore, limit: int = 100) -> list[str]:
    return data_of(await claim(store, limit))


def data_of(claimed: Sequence[ClaimedDelivery]) -> list[str]:
    return [one.delivery.event.data for one in claimed]


async def attempt(store: WebhookStore, outcome: AttemptOutcome) -> None:
    """Claims the only delivery that is due, and ends the claim."""
    (claimed,) = await claim(store)
    await store.complete_delivery(claimed.lease, outcome)


async def listed(store: WebhookStore, chosen: DeliveryFilter | None = None) -> tuple[DeliveryRecord, ...]:
    """Returns deliveries, the oldest first."""
    page = await store.list_deliveries(chosen or DeliveryFilter(), 1000, 1 << 30)
    assert page.next_position is None
    return page.deliveries[::-1]
