"""Which language models answer here."""

from quintet.chat.v1.chat_service_pb2 import Model
from quintet.media.v1.engine_pb2 import Engine
from quintet_gateway.assistant.remembered import Remembered
from quintet_gateway.clients.chat import ChatClient

_FRESH_S = 5.0
# Turns wait for this at their end; a service that does not answer at once must not hold them.
_ENGINE_DEADLINE_S = 1.0


class ChatModels:
    """The models of the llm service, as it named them within the last 5 seconds. Methods raise DomainError."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._served = Remembered(self._list, _FRESH_S)
        self._engine = Remembered(self._ask_engine, _FRESH_S)

    async def served(self) -> list[Model]:
        """Returns the models that can be asked for, the default first."""
        return list(await self._served.get())

    async def resolve(self, name: str) -> str:
        """Returns the name of a served model as it is, and "", which means the default, for any other name."""
        if not name:
            return ""
        return name if any(model.name == name for model in await self._served.get()) else ""

    async def engine(self) -> Engine:
        """Describes the engine that answers."""
        return await self._engine.get()

    async def _list(self) -> list[Model]:
        models: list[Model] = []
        token = ""
        while True:
            page = await self._client.models(token)
            models.extend(page.models)
            token = page.next_page_token
            if not token:
                return models

    async def _ask_engine(self) -> Engine:
        return await self._client.engine(deadline_s=_ENGINE_DEADLINE_S)
