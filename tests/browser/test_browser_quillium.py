"""The WebSocket and the REST calls of the quillium document, made by pages."""

import uuid

import pytest
from framework.origins import FOREIGN_HOST

pytestmark = pytest.mark.browser

REST = """
async ({base, method, path, token, body}) => {
  const headers = {'Content-Type': 'application/json'};
  if (token) { headers['Authorization'] = 'Bearer ' + token; }
  const response = await fetch(base + path, {method, headers, body: body ? JSON.stringify(body) : undefined});
  return {
    status: response.status,
    body: await response.json(),
    remaining: response.headers.get('X-RateLimit-Remaining'),
  };
}
"""

# Opens a socket, says something as soon as it is open, and returns the frames up to the end of the assistant's turn.
TALK = """
async ({address, chat, content}) => new Promise((resolve, reject) => {
  const frames = [];
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send(JSON.stringify({
    type: 'message', data: {chat_id: chat, content: content, sender: 'user', timestamp: new Date().toISOString()},
  }));
  socket.onerror = () => resolve({frames, code: -1});
  socket.onmessage = (event) => {
    const frame = JSON.parse(event.data);
    frames.push(frame);
    if (frame.type === 'typing' && frame.data.sender === 'assistant' && !frame.data.is_typing) { socket.close(1000); }
  };
  socket.onclose = (event) => resolve({frames, code: event.code});
})
"""


@pytest.fixture
def page(open_page, page_port):
    """A page of a stranger: quillium is open to all origins, because every call carries a secret."""
    return open_page(f"http://{FOREIGN_HOST}:{page_port}/")


def call(page, cluster, method, path, *, token="", body=None):
    return page.evaluate(REST, {"base": cluster.base_url, "method": method, "path": path, "token": token, "body": body})


def registered(page, cluster) -> str:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "secure_password"}
    assert call(page, cluster, "POST", "/v1/auth/register", body=account)["status"] == 201
    signed_in = call(page, cluster, "POST", "/v1/auth/login", body=account)
    assert signed_in["status"] == 200
    assert signed_in["body"]["token_type"] == "Bearer"
    return signed_in["body"]["access_token"]


def test_a_page_talks_over_a_websocket(grounded, page):
    token = registered(page, grounded)
    created = call(
        page, grounded, "POST", "/v1/chats", token=token, body={"title": "New Conversation", "model": "gpt-4"}
    )
    assert created["status"] == 201
    chat = created["body"]["id"]
    address = f"ws://127.0.0.1:{grounded.port}/v1/ws?token={token}"
    heard = page.evaluate(TALK, {"address": address, "chat": chat, "content": "What is 12 times 12?"})
    assert [frame["type"] for frame in heard["frames"]] == ["message", "typing", "message", "typing"]
    assert heard["frames"][0]["data"]["sender"] == "user"
    assert "144" in heard["frames"][2]["data"]["content"]
    assert heard["code"] == 1000
    kept = call(page, grounded, "GET", f"/v1/chats/{chat}/messages", token=token)["body"]
    assert [message["role"] for message in kept["data"]] == ["user", "assistant"]
    assert kept["pagination"]["total"] == 2


def test_a_made_up_token_opens_no_socket(grounded, page):
    address = f"ws://127.0.0.1:{grounded.port}/v1/ws?token=made.up.token"
    heard = page.evaluate(TALK, {"address": address, "chat": "chat_1", "content": "hello"})
    assert heard == {"frames": [], "code": -1}


def test_pages_can_read_the_limits(limited, page):
    refused = call(page, limited, "GET", "/v1/users/me")
    assert refused["status"] == 401
    assert int(refused["remaining"]) < 100
