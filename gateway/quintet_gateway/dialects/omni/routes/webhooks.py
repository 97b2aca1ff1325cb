"""Webhooks: register, list, delete."""

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.omni import schemas, translate
from quintet_gateway.dialects.omni.access import owner_of
from quintet_gateway.dialects.omni.routes.endpoint import Endpoint


class Webhooks:
    """The endpoints of webhooks."""

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            ("POST", "/webhooks", _register),
            ("GET", "/webhooks", _list),
            ("DELETE", "/webhooks/{webhook_id}", _delete),
        ]


async def _register(request: web.Request) -> web.Response:
    owner, order = owner_of(request), await schemas.read_webhook(request)
    webhooks = request.app[ASSISTANT].webhooks
    registered = await webhooks.register(owner, order.url, order.event_types, order.secret)
    return web.json_response(translate.webhook(registered))


async def _list(request: web.Request) -> web.Response:
    registered = await request.app[ASSISTANT].webhooks.registered(owner_of(request))
    return web.json_response(translate.webhooks(registered))


async def _delete(request: web.Request) -> web.Response:
    owner, webhook_id = owner_of(request), schemas.read_webhook_id(request)
    await request.app[ASSISTANT].webhooks.delete(owner, webhook_id)
    return web.json_response({"status": "deleted", "id": webhook_id})
