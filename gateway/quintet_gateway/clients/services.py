"""All clients of one gateway and the channels that they share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from quintet_gateway.clients.chat import ChatClient
from quintet_gateway.clients.embedding import EmbeddingClient
from quintet_gateway.clients.health import HealthClient
from quintet_gateway.clients.identity import IdentityClient
from quintet_gateway.clients.jobs import JobClient
from quintet_gateway.clients.knowledge import KnowledgeClient
from quintet_gateway.clients.session import SessionClient
from quintet_gateway.clients.stt import SttClient
from quintet_gateway.clients.tts import TtsClient
from quintet_gateway.clients.usage import UsageClient
from quintet_gateway.clients.vision import VisionClient
from quintet_gateway.clients.webhooks import WebhookClient
from quintet_rpc.channel import create_channel


@dataclass(frozen=True)
class ServiceAddresses:
    """Where the services listen: `host:port`, `dns:///name:port` or `unix:path`."""

    session: str
    llm: str
    vision: str
    stt: str
    tts: str


class ServiceClients:
    """Opens one channel a service; channels connect when they are first used."""

    def __init__(self, addresses: ServiceAddresses) -> None:
        self._channels: Mapping[str, grpc.aio.Channel] = {
            "session": create_channel(addresses.session),
            "llm": create_channel(addresses.llm),
            "vision": create_channel(addresses.vision),
            "stt": create_channel(addresses.stt),
            "tts": create_channel(addresses.tts),
        }
        self.session = SessionClient(self._channels["session"])
        self.identity = IdentityClient(self._channels["session"])
        self.jobs = JobClient(self._channels["session"])
        self.usage = UsageClient(self._channels["session"])
        self.knowledge = KnowledgeClient(self._channels["session"])
        self.webhooks = WebhookClient(self._channels["session"])
        self.chat = ChatClient(self._channels["llm"])
        self.embedding = EmbeddingClient(self._channels["llm"])
        self.vision = VisionClient(self._channels["vision"])
        self.stt = SttClient(self._channels["stt"])
        self.tts = TtsClient(self._channels["tts"])
        self.health = {name: HealthClient(channel) for name, channel in self._channels.items()}

    async def close(self) -> None:
        """Closes the channels and ends calls that still run."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
