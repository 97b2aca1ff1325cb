"""What the tests need to know of the quillium surface, in the document's words."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from framework.cluster import Cluster

PASSWORD = "secure_password"


@dataclass
class Account:
    """A signed-in user and a client that carries the access token."""

    email: str
    tokens: dict[str, Any]
    client: httpx.Client

    @property
    def access_token(self) -> str:
        return str(self.tokens["access_token"])

    def new_chat(self, **fields: Any) -> str:
        """Creates a chat and returns its id."""
        response = self.client.post("/v1/chats", json=fields)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def say(self, chat: str, content: str) -> dict[str, Any]:
        """Sends a message and returns the answer of the surface."""
        response = self.client.post(f"/v1/chats/{chat}/messages", json={"content": content})
        assert response.status_code == 201, response.text
        return dict(response.json())


def register(cluster: Cluster, email: str = "") -> Account:
    """Makes a new user; the caller closes the client."""
    email = email or f"{uuid.uuid4().hex}@example.com"
    client = cluster.client()
    response = client.post("/v1/auth/register", json={"email": email, "password": PASSWORD})
    assert response.status_code == 201, response.text
    tokens = response.json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return Account(email, tokens, client)


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    """Asserts the documented error object."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert all(isinstance(value, str) for value in body["error"].values())
