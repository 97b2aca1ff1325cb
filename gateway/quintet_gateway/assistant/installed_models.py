"""The models that run here, as the services describe them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError
from quintet_gateway.assistant.models import ChatModels

_DEADLINE_S = 1.0

MODALITIES: Mapping[str, tuple[str, ...]] = {
    "embedding": ("text",),
    "stt": ("audio", "text"),
    "tts": ("audio", "text"),
    "vision": ("image", "text"),
}
"""What the models of each service take and give."""


AskEngine = Callable[[], Awaitable[Engine]]
"""Asks a service which engine is live. Raises DomainError."""


@dataclass(frozen=True)
class InstalledModel:
    """A model that can be used here; `provider` is set for one that somebody else runs."""

    model_id: str
    engine: str
    provider: str
    modalities: tuple[str, ...]


class InstalledModels:
    """Asks the services; what a service that is away would name is left out."""

    def __init__(self, chat: ChatModels, engines: Mapping[str, AskEngine]) -> None:
        self._chat = chat
        self._engines = engines

    async def _chat_models(self) -> list[InstalledModel]:
        try:
            served, engine = await asyncio.gather(self._chat.served(), self._chat.engine())
        except DomainError:
            return []
        return [InstalledModel(model.name, model.engine, engine.provider, ("text",)) for model in served]

    async def _models(self, service: str, ask_engine: AskEngine) -> list[InstalledModel]:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                engine = await ask_engine()
        except (DomainError, TimeoutError):
            return []
        if engine.kind == Engine.KIND_UNSPECIFIED:
            return []
        return [InstalledModel(engine.model or engine.name, engine.name, engine.provider, MODALITIES[service])]

    async def list(self) -> list[InstalledModel]:
        """Returns all of them, those that chat first and their default before the others."""
        chat, *others = await asyncio.gather(
            self._chat_models(), *(self._models(name, ask) for name, ask in self._engines.items())
        )
        return [*chat, *(model for models in others for model in models)]
