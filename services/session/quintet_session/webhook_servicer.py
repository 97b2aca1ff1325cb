"""quintet.webhooks.v1 over a store and its queue."""

from cryptography.exceptions import InvalidTag

from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as rpc
from quintet_observability import get_logger
from quintet_rpc.context import Context
from quintet_session import event_validation, page_tokens, validation, webhook_validation
from quintet_session.identity import Identity
from quintet_session.scope import Scope
from quintet_session.webhook_queue import DeliveryQueue
from quintet_session.webhook_store import (
    AttemptOutcome,
    ClaimedDelivery,
    DeliveryFilter,
    NewWebhook,
    WebhookRecord,
    WebhookStore,
)
from quintet_session.webhook_translate import to_delivery, to_webhook

_log = get_logger(__name__)

_MOST_OF_SCOPE = 100
# Responses repeat the webhooks beside the data of events, and must fit into one gRPC message.
_LARGEST_PAGE_BYTES = 3 << 20
_UNREADABLE = AttemptOutcome(
    delivered=False,
    error="The secret cannot be read, because the key of the session service has changed. Register the webhook again.",
)


class WebhookServicer(rpc.WebhookServiceServicer):
    """Checks arguments, keeps secrets encrypted, and translates."""

    def __init__(self, store: WebhookStore, queue: DeliveryQueue, identity: Identity) -> None:
        self._store = store
        self._queue = queue
        self._identity = identity

    async def RegisterWebhook(self, request: pb.RegisterWebhookRequest, context: Context) -> pb.RegisterWebhookResponse:
        """Stores or replaces a target."""
        scope = validation.scope(request.webhook.scope)
        url = webhook_validation.url(request.webhook.url)
        event_types = webhook_validation.event_types(request.webhook.event_types)
        secret = webhook_validation.secret(request.webhook.secret)
        sealed = self._identity.secret_box.seal(secret, *_place(scope, url)) if secret else None
        webhook = await self._store.register_webhook(NewWebhook(scope, url, event_types, sealed), _MOST_OF_SCOPE)
        _log.info("webhook_registered", webhook_id=webhook.webhook_id, surface=scope.surface)
        return pb.RegisterWebhookResponse(webhook=to_webhook(webhook))

    async def ListWebhooks(self, request: pb.ListWebhooksRequest, context: Context) -> pb.ListWebhooksResponse:
        """Returns the targets of a scope."""
        webhooks = await self._store.list_webhooks(validation.scope(request.scope))
        return pb.ListWebhooksResponse(webhooks=[to_webhook(webhook) for webhook in webhooks])

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, context: Context) -> pb.DeleteWebhookResponse:
        """Deletes a target."""
        scope = validation.scope(request.scope)
        webhook_id = validation.required(request.webhook_id, "webhook_id")
        await self._store.delete_webhook(scope, webhook_id)
        _log.info("webhook_deleted", webhook_id=webhook_id, surface=scope.surface)
        return pb.DeleteWebhookResponse()

    async def PublishEvent(self, request: pb.PublishEventRequest, context: Context) -> pb.PublishEventResponse:
        """Stores an event."""
        scope = validation.scope(request.scope)
        session_id = webhook_validation.session_id(request.session_id)
        event = event_validation.optional_event(request, "event")
        if event is None:
            raise validation.missing("event")
        await self._store.publish_event(scope, session_id, event)
        return pb.PublishEventResponse()

    async def ClaimDeliveries(self, request: pb.ClaimDeliveriesRequest, context: Context) -> pb.ClaimDeliveriesResponse:
        """Hands out what is due."""
        wanted = webhook_validation.claim(request, _LARGEST_PAGE_BYTES)
        claimed = await self._queue.claim(wanted, webhook_validation.wait_s(request))
        if context.cancelled():
            await self._queue.give_back(claimed)
            return pb.ClaimDeliveriesResponse()
        handed = [await self._hand_out(delivery) for delivery in claimed]
        return pb.ClaimDeliveriesResponse(deliveries=[delivery for delivery in handed if delivery is not None])

    async def CompleteDelivery(
        self, request: pb.CompleteDeliveryRequest, context: Context
    ) -> pb.CompleteDeliveryResponse:
        """Ends a claim."""
        await self._store.complete_delivery(webhook_validation.lease(request), webhook_validation.outcome(request))
        return pb.CompleteDeliveryResponse()

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Context) -> pb.ListDeliveriesResponse:
        """Returns one page of deliveries."""
        chosen = webhook_validation.delivery_filter(request)
        listing = _listing(chosen)
        page = await self._store.list_deliveries(
            chosen,
            validation.page_size(request.page_size),
            _LARGEST_PAGE_BYTES,
            page_tokens.decode(request.page_token, *listing),
        )
        return pb.ListDeliveriesResponse(
            deliveries=[to_delivery(delivery) for delivery in page.deliveries],
            next_page_token=page_tokens.encode(page.next_position, *listing),
        )

    async def RedeliverDeliveries(
        self, request: pb.RedeliverDeliveriesRequest, context: Context
    ) -> pb.RedeliverDeliveriesResponse:
        """Makes one delivery or dead ones due again."""
        chosen = webhook_validation.delivery_filter(request)
        if request.delivery_id:
            await self._store.redeliver(request.delivery_id, chosen)
            return pb.RedeliverDeliveriesResponse(redelivered_count=1)
        return pb.RedeliverDeliveriesResponse(redelivered_count=await self._store.redeliver_dead(chosen))

    async def _hand_out(self, claimed: ClaimedDelivery) -> pb.Delivery | None:
        """Returns a delivery with its secret; one whose secret is lost fails, and takes no other one with it."""
        try:
            secret = self._secret(claimed.delivery.webhook)
        except InvalidTag:
            _log.warning("webhook_secret_unreadable", webhook_id=claimed.delivery.webhook.webhook_id)
            await self._store.complete_delivery(claimed.lease, _UNREADABLE)
            return None
        delivery = to_delivery(claimed.delivery)
        delivery.lease_token = claimed.lease.token
        delivery.webhook.secret = secret
        return delivery

    def _secret(self, webhook: WebhookRecord) -> str:
        if webhook.sealed_secret is None:
            return ""
        return self._identity.secret_box.unseal(webhook.sealed_secret, *_place(webhook.scope, webhook.url))


def _place(scope: Scope, url: str) -> tuple[str, str, str, str]:
    return ("webhooks", scope.surface, scope.owner, url)


def _listing(chosen: DeliveryFilter) -> tuple[str, ...]:
    return ("deliveries", chosen.surface or "", chosen.owner or "", chosen.state or "")
