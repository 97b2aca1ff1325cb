"""The surface and its parts."""

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.omni.access import SURFACE, Admission, create_limiter
from quintet_gateway.dialects.omni.errors import render
from quintet_gateway.dialects.omni.live import Live
from quintet_gateway.dialects.omni.options import OmniOptions
from quintet_gateway.dialects.omni.routes.processing import Processing
from quintet_gateway.dialects.omni.routes.sessions import Sessions
from quintet_gateway.dialects.omni.routes.status import Status
from quintet_gateway.dialects.omni.routes.webhooks import Webhooks
from quintet_gateway.dialects.omni.webhook_form import prepare
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.large_json import JsonThreads
from quintet_gateway.http.routing import add_route
from quintet_gateway.http.surfaces import Surface

__all__ = ["Omni", "OmniOptions"]

_SEGMENTS = ("health", "config", "session", "sessions", "process", "webhooks", "ws")


class Omni:
    """The surface and its handlers."""

    def __init__(self, options: OmniOptions) -> None:
        limiter = create_limiter(options.requests_per_minute) if options.limiter else None
        admission = Admission(limiter, KeyChecks(options.limiter))
        prefixes = tuple((segment,) for segment in _SEGMENTS)
        # Every call that tells something carries a secret, so that pages of any origin may use it.
        self.surface = Surface(SURFACE, prefixes, render, admission, open_to_origins=True, keyless=None)
        self._threads = JsonThreads()
        self._live = Live(options, self._threads)
        self._routes = (
            Status(options.generation),
            Sessions(options.max_sessions),
            Processing(options, self._threads),
            Webhooks(),
        )

    def add_routes(self, app: web.Application) -> None:
        """Adds the endpoints, and says how webhooks are written."""
        app[ASSISTANT].webhooks.use_format(SURFACE, prepare)
        self._live.install(app)
        app.on_cleanup.append(self._threads.close)
        for routes in self._routes:
            for method, path, handler in routes.endpoints():
                add_route(app, method, path, handler)
        add_route(app, "GET", "/ws", self._live.serve, head=False)
