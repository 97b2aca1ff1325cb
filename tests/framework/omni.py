"""What the tests need to know of the omni surface, in the document's words."""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import httpx
import numpy as np

from framework.cluster import Cluster
from framework.nexus import SCRIPT_HEADER
from framework.spoken import RATE_HZ, pieces
from quintet.identity.v1.identity_service_pb2 import CreateApiKeyRequest
from quintet.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from quintet.session.v1 import session_service_pb2 as session_pb
from quintet.session.v1.session_service_pb2_grpc import SessionServiceStub

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
EVENTS = ("session.created", "session.ended", "response.completed", "error.occurred")
_ROLES = {session_pb.Message.ROLE_USER: "user", session_pb.Message.ROLE_ASSISTANT: "assistant"}
_DEADLINE_S = 10
_FRAME_WITHIN_S = 60


def new_key(cluster: Cluster, owner: str = "tests") -> str:
    """Creates an API key as `quintet keys create --surface omni` does."""
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        request = CreateApiKeyRequest(surface="omni", owner=owner)
        return str(IdentityServiceStub(channel).CreateApiKey(request, timeout=_DEADLINE_S).secret)


def client_of(cluster: Cluster, key: str = "") -> httpx.Client:
    """Opens a client that carries a key; the caller closes it."""
    return cluster.client(headers={"Authorization": f"Bearer {key or new_key(cluster)}"})


def assert_error(response: httpx.Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """Asserts the documented error object and returns it."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert {"error", "detail", "timestamp"} <= body.keys()
    assert isinstance(body["error"], str)
    assert isinstance(body["detail"], str)
    assert TIMESTAMP.fullmatch(body["timestamp"])
    if kind is not None:
        assert body["error"] == kind
    return body


class Talk:
    """One WebSocket, with every frame that came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []

    async def send_audio(self, data: bytes, sample_rate: int = 16_000, **fields: Any) -> None:
        """Sends one audio chunk."""
        chunk = {"type": "audio_chunk", "data": base64.b64encode(data).decode(), "sample_rate": sample_rate}
        await self.socket.send_str(json.dumps({**chunk, **fields}))

    async def control(self, action: str) -> None:
        """Sends a control message."""
        await self.socket.send_str(json.dumps({"type": "control", "action": action}))

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Reads frames up to one that is wanted, and returns it."""
        async with asyncio.timeout(_FRAME_WITHIN_S):
            while True:
                message = await self.socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, (message, self.frames[-3:])
                frame = json.loads(message.data)
                self.frames.append(frame)
                if wanted(frame):
                    return dict(frame)

    async def until_type(self, kind: str) -> dict[str, Any]:
        """Reads frames up to one of a type."""
        return await self.until(lambda frame: frame["type"] == kind)

    async def say(self, samples: np.ndarray, rate_hz: int = RATE_HZ, piece_s: float = 0.1, **fields: Any) -> int:
        """Sends float samples, `piece_s` seconds a chunk, as fast as they are taken; returns the number of chunks."""
        chunks = list(pieces(samples, piece_s, rate_hz))
        for chunk in chunks:
            await self.send_audio(chunk, rate_hz, **fields)
        return len(chunks)

    async def closed(self) -> int | None:
        """Reads frames up to the end of the connection, and returns its code."""
        async with asyncio.timeout(_FRAME_WITHIN_S):
            while (message := await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self.frames.append(json.loads(message.data))
        return self.socket.close_code

    def types(self, *without: str) -> list[str]:
        """Returns the types of the frames so far."""
        return [frame["type"] for frame in self.frames if frame["type"] not in without]


@asynccontextmanager
async def talking(cluster: Cluster, key: str, script: str = "", **query: str) -> AsyncIterator[Talk]:
    """Opens a WebSocket for the length of the block; scripted engines play `script` in all of its turns."""
    parameters = {"api_key": key, **query}
    headers = {SCRIPT_HEADER: script} if script else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{cluster.base_url}/ws", params=parameters, max_msg_size=1 << 26) as socket,
    ):
        yield Talk(socket)


def kept_messages(cluster: Cluster, session_id: str) -> list[tuple[str, str]]:
    """Reads role and content of what the session service keeps, which no endpoint of this surface shows."""
    kept_id = uuid.UUID(session_id).hex
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        stub = SessionServiceStub(channel)
        owner = session_pb.GetSessionOwnerRequest(surface="omni", session_id=kept_id)
        scope = stub.GetSessionOwner(owner, timeout=_DEADLINE_S).scope
        asked = session_pb.ListMessagesRequest(scope=scope, session_id=kept_id)
        found = stub.ListMessages(asked, timeout=_DEADLINE_S).messages
    return [(_ROLES[message.role], message.content) for message in found]
