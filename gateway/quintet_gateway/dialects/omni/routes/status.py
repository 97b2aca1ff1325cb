"""How the process is, and how it answers."""

import asyncio
import time

from aiohttp import web

from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant
from quintet_gateway.dialects.omni import translate
from quintet_gateway.dialects.omni.access import HEALTH_PATH, SURFACE, owner_of
from quintet_gateway.dialects.omni.options import Generation
from quintet_gateway.dialects.omni.routes.endpoint import Endpoint

# Anyone may ask for the health, and whoever does so often wants an answer at once.
_FRESH_S = 1.0
_DEADLINE_S = 0.5


class Status:
    """The endpoints of health and configuration."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._sessions = _SessionCount()

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [("GET", HEALTH_PATH, self._health), ("GET", "/config", self._config)]

    async def _health(self, request: web.Request) -> web.Response:
        assistant = request.app[ASSISTANT]
        services, active = await asyncio.gather(assistant.health.services(), self._sessions.read(assistant))
        return web.json_response(translate.health(services, active))

    async def _config(self, request: web.Request) -> web.Response:
        owner_of(request)
        llm = (await request.app[ASSISTANT].health.services()).get("llm")
        return web.json_response(translate.configuration(llm.engine if llm else None, self._generation))


class _SessionCount:
    """How many sessions the surface has, as it was a second ago at most; the last known number if nobody can tell."""

    def __init__(self) -> None:
        self._count = 0
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def read(self, assistant: Assistant) -> int:
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH_S:
                await self._ask(assistant)
            return self._count

    async def _ask(self, assistant: Assistant) -> None:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                self._count = await assistant.sessions.count(SURFACE)
        except (DomainError, TimeoutError):
            pass
        self._asked_at = time.monotonic()
