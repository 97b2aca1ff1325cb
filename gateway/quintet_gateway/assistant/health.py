"""Which services serve, and with which engines."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError
from quintet_gateway.clients import ServiceClients

# Probes come often, from many places; a service that hangs must not hold them for long.
_FRESH_S = 1.0
_DEADLINE_S = 0.5


@dataclass(frozen=True)
class ServiceHealth:
    """Whether a service serves; `engine` is None for a service that has none or does not serve."""

    serving: bool
    engine: Engine | None


class _HasEngine(Protocol):
    async def engine(self, *, deadline_s: float) -> Engine: ...


class Health:
    """Asks all services at once and remembers their answers for a second."""

    def __init__(self, clients: ServiceClients) -> None:
        self._clients = clients
        self._engines: Mapping[str, _HasEngine] = {
            "llm": clients.chat,
            "vision": clients.vision,
            "stt": clients.stt,
            "tts": clients.tts,
        }
        self._known: Mapping[str, ServiceHealth] = {}
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def services(self) -> Mapping[str, ServiceHealth]:
        """Returns the health of each service by its name."""
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH_S:
                names = list(self._clients.health)
                states = await asyncio.gather(*(self._ask(name) for name in names))
                self._known = dict(zip(names, states, strict=True))
                self._asked_at = time.monotonic()
            return self._known

    async def _ask(self, name: str) -> ServiceHealth:
        if not await self._clients.health[name].is_serving(deadline_s=_DEADLINE_S):
            return ServiceHealth(serving=False, engine=None)
        client = self._engines.get(name)
        try:
            engine = await client.engine(deadline_s=_DEADLINE_S) if client else None
        except DomainError:
            return ServiceHealth(serving=False, engine=None)
        return ServiceHealth(serving=True, engine=engine)
