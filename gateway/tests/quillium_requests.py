"""What the gateway's tests say to the quillium surface, and how they read its answers."""

import re

import pytest

from quintet_gateway.assistant import Owner

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
BASES = pytest.mark.parametrize("base", ["/v1", "/api/v1"])


class Person:
    """A user with a token, and a client that carries it."""

    def __init__(self, assistant, client, **chosen):
        self.identity = assistant.identity
        self.user = assistant.identity.add(**chosen)
        self.owner = Owner("quillium", self.user.user_id)
        self.token = assistant.identity.token(self.user)
        self.client = client

    async def ask(self, method, path, *, token=None, **arguments):
        headers = {"Authorization": f"Bearer {token or self.token}", **arguments.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **arguments)

    async def new_chat(self, **fields):
        response = await self.ask("POST", "/v1/chats", json=fields)
        assert response.status == 201, await response.text()
        return (await response.json())["id"]

    async def connect(self, path="/v1/ws", **arguments):
        return await self.client.ws_connect(f"{path}?token={self.token}", autoping=False, **arguments)


async def failure(response, status, code, message=None):
    body = await response.json()
    assert (response.status, body["error"]["code"]) == (status, code), body
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "details"}
    assert all(isinstance(value, str) for value in body["error"].values())
    assert body["error"]["message"]
    if message is not None:
        assert body["error"]["message"] == message
    return body["error"]


async def success(response, status=200):
    assert response.status == status, await response.text()
    assert response.content_type == "application/json"
    return await response.json()
