"""`quintet webhooks`: what was delivered, what was not, and another attempt."""

from collections.abc import AsyncIterator
from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet_cli.session_link import WebhookDeliveries
from quintet_cli.terminal_text import harmless
from quintet_cli.user_commands import cell

STATES = {
    "pending": pb.Delivery.STATE_PENDING,
    "delivered": pb.Delivery.STATE_DELIVERED,
    "dead": pb.Delivery.STATE_DEAD,
}
_STATE_NAMES = {number: name for name, number in STATES.items()}


async def list_deliveries(webhooks: WebhookDeliveries, request: pb.ListDeliveriesRequest, most: int) -> None:
    """Prints the newest deliveries, one a line: id, time, event, state, attempts, target, why the last one failed."""
    shown = 0
    async for delivery in _all(webhooks, request, most):
        print(harmless("\t".join(_cells(delivery))))
        shown += 1
    if not shown:
        Console(stderr=True).print("There are no such deliveries.", highlight=False)


async def redeliver(webhooks: WebhookDeliveries, request: pb.RedeliverDeliveriesRequest) -> None:
    """Makes deliveries due again and prints how many."""
    response: pb.RedeliverDeliveriesResponse = await webhooks.call("RedeliverDeliveries", request)
    print(response.redelivered_count)


async def _all(webhooks: WebhookDeliveries, request: pb.ListDeliveriesRequest, most: int) -> AsyncIterator[pb.Delivery]:
    left = most
    while left > 0:
        request.page_size = min(left, 1000)
        page: pb.ListDeliveriesResponse = await webhooks.call("ListDeliveries", request)
        for delivery in page.deliveries:
            yield delivery
        left -= len(page.deliveries)
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


def _cells(delivery: pb.Delivery) -> list[str]:
    attempts = "1 attempt" if delivery.attempt_count == 1 else f"{delivery.attempt_count} attempts"
    return [
        delivery.delivery_id,
        _time(delivery.event_time),
        cell(delivery.event.type),
        _STATE_NAMES.get(delivery.state, "unknown"),
        attempts,
        cell(delivery.webhook.url),
        cell(delivery.last_error),
    ]


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
