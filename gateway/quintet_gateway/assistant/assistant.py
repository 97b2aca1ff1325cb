"""Everything the dialects can ask for, built from the addresses of the services."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from quintet.media.v1.engine_pb2 import Engine
from quintet_gateway.assistant.catalogue import ModelCatalogue
from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.events import EventHub, LocalEventHub
from quintet_gateway.assistant.health import Health
from quintet_gateway.assistant.history import History
from quintet_gateway.assistant.identity import Identity
from quintet_gateway.assistant.installed_models import AskEngine, InstalledModels
from quintet_gateway.assistant.job_runner import JobRunner
from quintet_gateway.assistant.job_works import JobWorks
from quintet_gateway.assistant.jobs import Jobs
from quintet_gateway.assistant.knowledge import MAX_FILES, Knowledge
from quintet_gateway.assistant.look import Looks
from quintet_gateway.assistant.metering import Meter
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.price_book import PriceBook
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.assistant.sessions import Sessions
from quintet_gateway.assistant.usage import Usage
from quintet_gateway.assistant.voice import Hearing, Speech, Voice
from quintet_gateway.assistant.voices import Voices
from quintet_gateway.assistant.webhooks import Posts, Webhooks
from quintet_gateway.clients import ServiceAddresses, ServiceClients
from quintet_rpc.channel import READ_DEADLINE_S

_USAGE_DRAIN_S = 3.0


class Assistant:
    """The assistant of one gateway process; it also works on accepted jobs until it is closed."""

    def __init__(
        self,
        addresses: ServiceAddresses,
        job_slots: int = 8,
        *,
        catalogue_file: Path | None = None,
        catalogue_refresh_s: float = 0,
        document_roots: Sequence[Path] = (),
        knowledge_max_files: int = MAX_FILES,
        posts: Posts | None = None,
    ) -> None:
        self._clients = ServiceClients(addresses)
        self.sessions = Sessions(self._clients.session)
        self.models = ChatModels(self._clients.chat)
        speech = Speech(self._clients.tts)
        self.voices = Voices(self._clients.tts, speech)
        self.usage = Usage(self._clients.usage)
        installed = InstalledModels(self.models, _engines(self._clients))
        self.catalogue = ModelCatalogue(PriceBook(catalogue_file), installed, catalogue_refresh_s)
        self._meter = Meter(self.models, self.catalogue, self.usage)
        self.knowledge = Knowledge(
            self._clients.knowledge, self._clients.embedding, document_roots, max_files=knowledge_max_files
        )
        self.chat = ChatTurns(
            self._clients.chat, History(self._clients.session), self.models, self.knowledge, self._meter
        )
        self.voice = Voice(self.chat, Hearing(self._clients.stt), speech, self._clients.stt)
        self.looks = Looks(self._clients.vision, self.voice)
        self.jobs = Jobs(self._clients.jobs)
        self.health = Health(self._clients)
        contact = SessionContact()
        self.identity = Identity(self._clients.identity, contact)
        self.events: EventHub = LocalEventHub()
        self.webhooks = Webhooks(self._clients.webhooks, contact, posts)
        works = JobWorks(self.chat, self._clients.vision, self.voice)
        self._runner = JobRunner(self._clients.jobs, works, job_slots, contact)

    def start(self) -> None:
        """Begins to watch credentials and to work on jobs."""
        self.identity.start()
        self.catalogue.start()
        self._runner.start()
        self.webhooks.start()

    async def stop_claiming(self) -> None:
        """Takes no more jobs; other processes may have them."""
        await self._runner.stop_claiming()

    async def finish(self, grace_s: float) -> None:
        """Lets the jobs at work go on for at most `grace_s` seconds, and waits for what has to be stored."""
        await asyncio.gather(self._runner.close(grace_s), self.webhooks.close(grace_s))
        await self.chat.close()

    async def close(self) -> None:
        """Stores what is left to store and closes the channels."""
        await self.chat.close()
        await self.webhooks.close()
        await self._meter.close(_USAGE_DRAIN_S)
        await self.usage.close(_USAGE_DRAIN_S)
        await self.catalogue.close()
        await self.identity.close()
        await self.knowledge.close()
        await self._clients.close()


def _engines(clients: ServiceClients) -> Mapping[str, AskEngine]:
    """Returns whom to ask for the engines of all services but the llm."""

    async def embedding() -> Engine:
        return (await clients.embedding.engine()).engine

    return {
        "embedding": embedding,
        "stt": partial(clients.stt.engine, deadline_s=READ_DEADLINE_S),
        "tts": partial(clients.tts.engine, deadline_s=READ_DEADLINE_S),
        "vision": partial(clients.vision.engine, deadline_s=READ_DEADLINE_S),
    }
