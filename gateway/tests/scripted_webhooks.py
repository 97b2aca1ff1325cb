"""Webhooks in memory; nothing is delivered."""

import itertools

from google.protobuf.timestamp_pb2 import Timestamp

from quintet.webhooks.v1.webhook_service_pb2 import Webhook
from quintet_errors import DomainError, Reason

REGISTERED_AT = Timestamp(seconds=1705314600)


class ScriptedWebhooks:
    """Keeps what is registered and published; a URL at `inside.example` is refused as a private one would be."""

    def __init__(self):
        self.kept = {}
        self.published = []
        self.forms = {}
        self.failure = None
        self._numbers = itertools.count(1)

    def use_format(self, surface, form):
        self.forms[surface] = form

    async def register(self, owner, url, event_types, secret=""):
        self._fail()
        if "inside.example" in url:
            raise DomainError(Reason.INVALID_ARGUMENT, "`url` must be a public http or https address.")
        known = next((one for one in await self.registered(owner) if one.url == url), None)
        webhook_id = known.webhook_id if known else f"wh_{next(self._numbers)}"
        webhook = Webhook(webhook_id=webhook_id, scope=owner.scope(), url=url, event_types=event_types)
        webhook.has_secret = bool(secret)
        webhook.create_time.CopyFrom(REGISTERED_AT)
        self.kept[owner, webhook_id] = webhook
        return webhook

    async def registered(self, owner):
        return [webhook for (whose, _), webhook in self.kept.items() if whose == owner]

    async def delete(self, owner, webhook_id):
        if self.kept.pop((owner, webhook_id), None) is None:
            raise DomainError(Reason.WEBHOOK_NOT_FOUND, "No webhook has this id.")

    async def publish(self, owner, session_id, event):
        self._fail()
        self.published.append((owner, session_id, event))

    def _fail(self):
        if self.failure:
            raise self.failure
