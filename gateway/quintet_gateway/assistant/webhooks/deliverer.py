"""Delivers events, at least once: claims them from the session service, posts them, and says how it went.

Any number of gateways may do this at once. One that is killed in the middle leaves claims that end by themselves.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from quintet.webhooks.v1.webhook_service_pb2 import CompleteDeliveryRequest, Delivery
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.running_job import retrying
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.clients.webhooks import WebhookClient
from quintet_observability import get_logger, metrics

_log = get_logger(__name__)

_AT_ONCE = 32
_CLAIM_WAIT_S = 20.0
# Longer than one attempt may take, so that a claim ends only where its worker has.
_LEASE_S = 15.0
_PAUSE_AFTER_FAILURE_S = 0.5


@dataclass(frozen=True)
class PreparedDelivery:
    """What is posted."""

    body: bytes
    headers: Mapping[str, str]


DeliveryForm = Callable[[Delivery], PreparedDelivery]
"""Writes a delivery as the surface documents it; the webhook in it has its secret."""


class Posts(Protocol):
    """Whatever can post to a target that somebody has named."""

    def check_host(self, host: str) -> None:
        """Raises OSError for a host that is not to be reached, as far as that can be told without a network."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Returns the status of the answer, or raises OSError with a sentence."""

    async def close(self) -> None:
        """Ends all connections."""


class Deliverer:
    """Makes at most 32 deliveries at once."""

    def __init__(self, client: WebhookClient, posts: Posts, contact: SessionContact) -> None:
        self._client = client
        self._posts = posts
        self._contact = contact
        self._forms: dict[str, DeliveryForm] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._delivering: set[asyncio.Task[None]] = set()
        self._claiming: asyncio.Task[None] | None = None

    def use_format(self, surface: str, form: DeliveryForm) -> None:
        """Says how the events of a surface are written."""
        self._forms[surface] = form

    def start(self) -> None:
        """Begins to claim."""
        self._claiming = asyncio.create_task(self._claim_deliveries())

    async def close(self, grace_s: float) -> None:
        """Claims no more, and leaves what is not delivered in time to the next worker."""
        if self._claiming is not None:
            self._claiming.cancel()
            with suppress(asyncio.CancelledError):
                await self._claiming
        if self._delivering:
            await asyncio.wait(self._delivering, timeout=grace_s)
        for task in self._delivering:
            task.cancel()
        await asyncio.gather(*self._delivering, return_exceptions=True)

    async def _claim_deliveries(self) -> None:
        while True:
            async with self._places:
                free = _AT_ONCE - len(self._delivering)
                deliveries = await self._claim(free)
            for delivery in deliveries:
                await self._places.acquire()
                task = asyncio.create_task(self._deliver(delivery))
                self._delivering.add(task)
                task.add_done_callback(self._ended)

    async def _claim(self, most: int) -> list[Delivery]:
        try:
            deliveries = await self._client.claim(most, _LEASE_S, _CLAIM_WAIT_S)
        except DomainError as error:
            if not self._contact.is_awaited(error):
                _log.warning("deliveries_not_claimed", reason=error.reason.value)
            await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)
            return []
        except Exception as error:  # noqa: BLE001 - without this task nothing is delivered any more
            _log.error("deliveries_not_claimed", exc_info=error)
            await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)
            return []
        self._contact.made()
        return deliveries

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._delivering.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()):
            _log.error("delivery_crashed", exc_info=error)

    async def _deliver(self, delivery: Delivery) -> None:
        began = time.perf_counter()
        outcome = await self._attempt(delivery)
        metrics.WEBHOOK_SECONDS.observe(time.perf_counter() - began)
        metrics.WEBHOOK_ATTEMPTS.labels("delivered" if outcome.delivered else "failed").inc()
        try:
            await retrying()(self._client.complete, outcome)
        except DomainError as error:
            # Somebody else has claimed it by now, or its webhook is gone.
            if error.reason not in {Reason.LEASE_LOST, Reason.DELIVERY_NOT_FOUND}:
                raise

    async def _attempt(self, delivery: Delivery) -> CompleteDeliveryRequest:
        outcome = CompleteDeliveryRequest(delivery_id=delivery.delivery_id, lease_token=delivery.lease_token)
        form = self._forms.get(delivery.webhook.scope.surface)
        if form is None:
            outcome.error = "The surface has no events."
            return outcome
        try:
            prepared = form(delivery)
            outcome.status_code = await self._posts.post(delivery.webhook.url, prepared.body, prepared.headers)
            outcome.delivered = 200 <= outcome.status_code < 300
            outcome.error = "" if outcome.delivered else f"The target answered with {outcome.status_code}."
        except OSError as error:
            outcome.error = str(error)
        except Exception as error:  # noqa: BLE001 - it would be claimed for ever if it did not count as an attempt
            _log.error("delivery_crashed", delivery_id=delivery.delivery_id, exc_info=error)
            outcome.error = "The event could not be sent."
        return outcome
