"""What webhooks are told, for the tests of whatever tells them."""

from quintet_session.store import Scope, Store
from quintet_session.webhook_store import DeliveryFilter, EventRecord, NewWebhook

EVENT_TYPES = ("session.created", "session.ended", "response.completed")


async def listen(store: Store, scope: Scope) -> None:
    """Registers a webhook of a scope for all events of these tests."""
    webhook = NewWebhook(scope, "https://example.com/hook", EVENT_TYPES, None)
    await store.webhooks.register_webhook(webhook, most_of_scope=10)


async def told(store: Store, scope: Scope) -> list[tuple[str, EventRecord]]:
    """Returns the sessions and the events that the webhook of a scope is told, the oldest first."""
    page = await store.webhooks.list_deliveries(DeliveryFilter(scope.surface, scope.owner), 1000, 1 << 30)
    return [(delivery.session_id, delivery.event) for delivery in reversed(page.deliveries)]
