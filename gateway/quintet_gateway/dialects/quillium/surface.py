"""The surface and its parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from quintet_gateway.dialects.quillium.access import SURFACE, Admission, Limits
from quintet_gateway.dialects.quillium.errors import render
from quintet_gateway.dialects.quillium.live import Live
from quintet_gateway.dialects.quillium.routes.accounts import Accounts
from quintet_gateway.dialects.quillium.routes.chats import Chats
from quintet_gateway.dialects.quillium.routes.endpoint import Endpoint
from quintet_gateway.dialects.quillium.routes.settings import Settings
from quintet_gateway.dialects.quillium.turns import Turns
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.large_json import JsonThreads
from quintet_gateway.http.rate_limits import RateLimiter
from quintet_gateway.http.routing import add_route
from quintet_gateway.http.surfaces import Surface
from quintet_gateway.http.websocket import WebSocketRules

_BASES = (("v1",), ("api", "v1"))
_SEGMENTS = ("auth", "users", "chats", "settings", "ws")


@dataclass(frozen=True)
class QuilliumOptions:
    """What an operator chooses: limits (None limits nothing), bounds of WebSockets, the process's environment."""

    limiter: RateLimiter | None = None
    websockets: WebSocketRules = field(default_factory=WebSocketRules)
    environment: Mapping[str, str] = field(default_factory=dict)


class Quillium:
    """The surface and its handlers."""

    def __init__(self, options: QuilliumOptions) -> None:
        limits = Limits(options.limiter)
        admission = Admission(limits, KeyChecks(options.limiter))
        prefixes = tuple((*base, segment) for base in _BASES for segment in _SEGMENTS)
        # Every call carries a secret, so that pages of any origin may use it.
        self.surface = Surface(SURFACE, prefixes, render, admission, open_to_origins=True, keyless=None)
        self._turns = Turns()
        self._threads = JsonThreads()
        self._live = Live(self._turns, limits, options.websockets)
        self._accounts = Accounts(limits)
        self._chats = Chats(self._turns, self._threads)
        self._settings = Settings(options.environment)

    def add_routes(self, app: web.Application) -> None:
        """Adds each endpoint at both of its paths."""
        self._live.install(app)
        app.on_cleanup.append(self._turns.close)
        app.on_cleanup.append(self._threads.close)
        for base in _BASES:
            for method, path, handler in self._endpoints():
                add_route(app, method, "/" + "/".join(base) + path, handler, head=path != "/ws")

    def _endpoints(self) -> list[Endpoint]:
        live: Endpoint = ("GET", "/ws", self._live.serve)
        return [*self._accounts.endpoints(), *self._chats.endpoints(), *self._settings.endpoints(), live]
