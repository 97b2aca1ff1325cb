"""What the gateway's tests say to the omni surface, and how they read its answers."""

import asyncio
import json
import re
import uuid

import aiohttp

from quintet.identity.v1.identity_service_pb2 import ApiKey
from quintet_gateway.assistant import Owner

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
LEAD = bytes(2 * 24_000 // 20)
"""The silence in front of a whole answer's sound: 50 ms."""
NO_SESSION = "01234567-89ab-4def-8123-456789abcdef"


class Holder:
    """Somebody with an API key, and a client that carries it."""

    def __init__(self, assistant, client, name="mine", scopes=()):
        assistant.sessions.new_id = lambda: uuid.uuid4().hex
        self.assistant = assistant
        self.secret = f"qo_{name}"
        self.owner = Owner("omni", f"key_{name}")
        self.client = client
        assistant.identity.had_keys.add("omni")
        assistant.identity.keys["omni", self.secret] = ApiKey(
            key_id=self.owner.owner, surface="omni", owner="operator", scopes=scopes
        )

    async def ask(self, method, path, **arguments):
        headers = {"Authorization": f"Bearer {self.secret}", **arguments.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **arguments)

    async def new_session(self, **fields):
        response = await self.ask("POST", "/session", json=fields)
        return (await success(response))["session_id"]

    async def connect(self, session_id=None, **query):
        """Returns an open connection behind its first message, and its session."""
        chosen = {"session_id": session_id} if session_id else {}
        connection = await self.client.ws_connect("/ws", params={"api_key": self.secret, **chosen, **query})
        first = await hear(connection)
        assert first.keys() == {"type", "session_id"}
        assert first["type"] == "connected"
        return connection, first["session_id"]

    @property
    def sessions(self):
        return {session.session_id for (owner, _), (session, _) in self.assistant.sessions.kept.items() if
                owner == self.owner}  # fmt: skip


def kept_id(session_id):
    """Returns the id of a session as the services know it."""
    return uuid.UUID(session_id).hex


async def success(response):
    assert response.status == 200, await response.text()
    assert response.content_type == "application/json"
    return await response.json()


async def failure(response, status, error, detail=None):
    body = await response.json()
    assert (response.status, body["error"]) == (status, error), body
    expected = {"error", "detail", "timestamp"} | ({"retry_after"} if status == 429 else set())
    assert body.keys() == expected
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert TIME.fullmatch(body["timestamp"])
    if status == 429:
        assert body["retry_after"] == int(response.headers["Retry-After"]) > 0
    if detail is not None:
        assert body["detail"] == detail
    return body


async def say(connection, **message):
    await connection.send_str(json.dumps(message))


async def hear(connection):
    async with asyncio.timeout(10):
        message = await connection.receive()
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return json.loads(message.data)


async def closed(connection):
    async with asyncio.timeout(10):
        message = await connection.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return message.data
