"""The gateway's own paths: metrics for Prometheus, and the probes of an orchestrator."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.http.drain import DRAIN
from quintet_gateway.http.routing import add_route


async def metrics(_request: web.Request) -> web.Response:
    """Answers with every metric of the process."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def livez(_request: web.Request) -> web.Response:
    """Says that the event loop turns."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Says whether requests should be sent here, and which services serve.

    A gateway without one of the model services still answers everything that does not need it; without the session
    service it can answer next to nothing.
    """
    services = {name: health.serving for name, health in (await request.app[ASSISTANT].health.services()).items()}
    status = "ready" if services.get("session") else "unavailable"
    if request.app[DRAIN].begun:
        status = "draining"
    return web.json_response(
        {"status": status, "complete": all(services.values()), "services": services},
        status=200 if status == "ready" else 503,
    )


def add_routes(app: web.Application) -> None:
    """Adds the gateway's own paths."""
    for path, handler in (("/metrics", metrics), ("/livez", livez), ("/readyz", readyz)):
        add_route(app, "GET", path, handler)
