"""The surface and all of its endpoints."""

from aiohttp import web

from quintet_gateway.dialects.aegis.errors import render
from quintet_gateway.dialects.aegis.owner import SURFACE
from quintet_gateway.dialects.aegis.routes.catalogue import CatalogueRoutes
from quintet_gateway.dialects.aegis.routes.chat import ChatRoutes
from quintet_gateway.dialects.aegis.routes.conversations import ConversationRoutes
from quintet_gateway.dialects.aegis.routes.documents import DocumentRoutes
from quintet_gateway.dialects.aegis.routes.usage import UsageRoutes
from quintet_gateway.dialects.aegis.routes.voice import VoiceRoutes
from quintet_gateway.http.large_json import JsonThreads
from quintet_gateway.http.routing import add_route
from quintet_gateway.http.surfaces import Keyless, Surface

_SEGMENTS = ("ai", "llm", "rag", "voice")
_BASES = ("", "/api/v1")


class Aegis:
    """The surface and its handlers. `silence_s` and `write_s` are the times of streams in seconds."""

    def __init__(self, silence_s: float, write_s: float) -> None:
        prefixes = [prefix for name in _SEGMENTS for prefix in ((name,), ("api", "v1", name))]
        open_paths = frozenset(base + path for base in _BASES for path in ("/ai/health", "/rag/health"))
        self.surface = Surface(SURFACE, tuple(prefixes), render, keyless=Keyless(open_paths))
        self._answers = JsonThreads()
        self._rooms = (
            ChatRoutes(silence_s, write_s),
            ConversationRoutes(self._answers),
            UsageRoutes(),
            CatalogueRoutes(),
            DocumentRoutes(self._answers),
            VoiceRoutes(),
        )

    def add_routes(self, app: web.Application) -> None:
        """Adds each endpoint at both of its paths."""
        app.on_cleanup.append(self._answers.close)
        for endpoint in (each for room in self._rooms for each in room.endpoints()):
            for base in _BASES:
                add_route(app, endpoint.method, base + endpoint.path, endpoint.handler, head=endpoint.head)
