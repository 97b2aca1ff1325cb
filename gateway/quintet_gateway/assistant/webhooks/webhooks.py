"""Webhooks as their owners see them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from quintet.session.v1.event_pb2 import Event
from quintet.webhooks.v1.webhook_service_pb2 import Webhook
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.assistant.webhooks.deliverer import Deliverer, DeliveryForm, Posts
from quintet_gateway.clients.webhooks import WebhookClient


class Webhooks:
    """Registers targets and publishes events; with `posts` it also delivers, from `start` to `close`."""

    def __init__(self, client: WebhookClient, contact: SessionContact, posts: Posts | None = None) -> None:
        self._client = client
        self._posts = posts
        self._deliverer = Deliverer(client, posts, contact) if posts is not None else None

    async def register(self, owner: Owner, url: str, event_types: Sequence[str], secret: str = "") -> Webhook:
        """Registers a target; one with the same URL is replaced.

        Raises:
            DomainError: INVALID_ARGUMENT for a URL that is no target or not to be reached, and what the service
                refuses.
        """
        self._check(url)
        webhook = Webhook(scope=owner.scope(), url=url, event_types=event_types, secret=secret)
        return await self._client.register(webhook)

    async def registered(self, owner: Owner) -> list[Webhook]:
        """Returns the targets of an owner, the oldest first."""
        return await self._client.registered(owner.scope())

    async def delete(self, owner: Owner, webhook_id: str) -> None:
        """Deletes a target and what is on its way to it.

        Raises:
            DomainError: WEBHOOK_NOT_FOUND.
        """
        await self._client.delete(owner.scope(), webhook_id)

    async def publish(self, owner: Owner, session_id: str, event: Event) -> None:
        """Tells of something that belongs to no change of a session."""
        await self._client.publish(owner.scope(), session_id, event)

    def use_format(self, surface: str, form: DeliveryForm) -> None:
        """Says how the events of a surface are written."""
        if self._deliverer is not None:
            self._deliverer.use_format(surface, form)

    def start(self) -> None:
        """Begins to deliver."""
        if self._deliverer is not None:
            self._deliverer.start()

    async def close(self, grace_s: float = 0) -> None:
        """Ends deliveries, those at work after `grace_s` seconds at the latest; what is left is delivered later."""
        if self._deliverer is not None:
            await self._deliverer.close(grace_s)
        if self._posts is not None:
            await self._posts.close()

    def _check(self, url: str) -> None:
        try:
            target = urlsplit(url)
            if "@" in target.netloc:
                raise _has_password()
            host = target.hostname
            if self._posts is not None and host:
                self._posts.check_host(host)
        except (OSError, ValueError):
            raise DomainError(
                Reason.INVALID_ARGUMENT, "`url` must be a public http or https address.", {"field": "url"}
            ) from None


def _has_password() -> DomainError:
    # It would be shown to everybody who may list webhooks, and stand in logs of whatever is between.
    told = "`url` must not hold a name or a password: a receiver knows its webhooks by their signatures."
    return DomainError(Reason.INVALID_ARGUMENT, told, {"field": "url"})
