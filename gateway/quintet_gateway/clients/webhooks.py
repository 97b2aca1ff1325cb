"""Client of quintet.webhooks.v1."""

import grpc
from google.protobuf.duration_pb2 import Duration

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import Scope
from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as rpc
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import READ_DEADLINE_S, WRITE_DEADLINE_S


class WebhookClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.WebhookServiceStub(channel)

    async def register(self, webhook: pb.Webhook) -> pb.Webhook:
        """Registers a target, or replaces the one with its URL."""
        request = pb.RegisterWebhookRequest(webhook=webhook)
        return (await call_unary(self._stub.RegisterWebhook, request, deadline_s=WRITE_DEADLINE_S)).webhook

    async def registered(self, scope: Scope) -> list[pb.Webhook]:
        """Returns the targets of an owner, the oldest first."""
        request = pb.ListWebhooksRequest(scope=scope)
        return list((await call_unary(self._stub.ListWebhooks, request, deadline_s=READ_DEADLINE_S)).webhooks)

    async def delete(self, scope: Scope, webhook_id: str) -> None:
        """Deletes a target and what is on its way to it."""
        request = pb.DeleteWebhookRequest(scope=scope, webhook_id=webhook_id)
        await call_unary(self._stub.DeleteWebhook, request, deadline_s=WRITE_DEADLINE_S)

    async def publish(self, scope: Scope, session_id: str, event: Event) -> None:
        """Stores an event that belongs to no change of a session."""
        request = pb.PublishEventRequest(scope=scope, session_id=session_id, event=event)
        await call_unary(self._stub.PublishEvent, request, deadline_s=WRITE_DEADLINE_S)

    async def claim(self, most: int, lease_s: float, wait_s: float) -> list[pb.Delivery]:
        """Returns deliveries that are due, after at most `wait_s` seconds."""
        request = pb.ClaimDeliveriesRequest(
            max_deliveries=most, lease_duration=_duration(lease_s), wait_duration=_duration(wait_s)
        )
        deadline_s = wait_s + WRITE_DEADLINE_S
        return list((await call_unary(self._stub.ClaimDeliveries, request, deadline_s=deadline_s)).deliveries)

    async def complete(self, request: pb.CompleteDeliveryRequest) -> None:
        """Ends a claim."""
        await call_unary(self._stub.CompleteDelivery, request, deadline_s=WRITE_DEADLINE_S)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
