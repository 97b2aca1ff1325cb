"""The EventSource client of the aegis document, in pages of the gateway, of another port, and of a stranger."""

import pytest
from framework.origins import FOREIGN_HOST

pytestmark = pytest.mark.browser

# The client listens as the document's does; what it would draw, it returns.
EVENT_SOURCE = """
async ({base, message, user}) => new Promise((resolve) => {
  const query = new URLSearchParams({message: message, user_id: user});
  const source = new EventSource(base + '/ai/chat/stream?' + query);
  const seen = {text: '', chunks: 0, final: null, error: null, opened: 0, failed: 0};
  source.addEventListener('open', () => { seen.opened += 1; });
  source.addEventListener('chunk', (event) => {
    const data = JSON.parse(event.data);
    seen.text += data.content;
    seen.chunks += 1;
  });
  source.addEventListener('final', (event) => { seen.final = JSON.parse(event.data); });
  source.addEventListener('error', (event) => {
    seen.failed += 1;
    if (event.data) { seen.error = JSON.parse(event.data); }
    source.close();
    resolve(seen);
  });
  source.addEventListener('complete', () => { source.close(); resolve(seen); });
})
"""

FETCH_CHAT = """
async ({base, message, user}) => {
  const response = await fetch(base + '/ai/chat', {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({message: message, user_id: user}),
  });
  return await response.json();
}
"""

READ_CONVERSATIONS = """
async ({base, user}) => {
  try {
    const response = await fetch(base + '/ai/conversations?user_id=' + user);
    return {status: response.status, body: await response.text()};
  } catch (failure) {
    return {status: 0, body: String(failure)};
  }
}
"""


def ask(page, base: str, message: str = "What is 12 times 12?", user: str = "web-user"):
    return page.evaluate(EVENT_SOURCE, {"base": base, "message": message, "user": user})


def assert_answered(seen) -> None:
    assert "144" in seen["text"]
    assert seen["final"]["content"] == seen["text"]
    assert seen["final"]["is_final"] is True
    assert seen["final"]["response_time_ms"] > 0
    assert (seen["opened"], seen["failed"], seen["error"]) == (1, 0, None)


def test_a_page_of_the_gateway_streams(grounded, open_page):
    assert_answered(ask(open_page(f"{grounded.base_url}/livez"), ""))


def test_a_page_of_another_port_streams(grounded, open_page, page_port):
    assert_answered(ask(open_page(f"http://127.0.0.1:{page_port}/"), grounded.base_url))


def test_fetch_and_stream_share_the_history(grounded, open_page, page_port):
    page = open_page(f"http://127.0.0.1:{page_port}/")
    said = page.evaluate(
        FETCH_CHAT, {"base": grounded.base_url, "message": "What is 2 + 2?", "user": "history-of-a-page"}
    )
    assert "4" in said["content"]
    read = page.evaluate(READ_CONVERSATIONS, {"base": grounded.base_url, "user": "history-of-a-page"})
    assert read["status"] == 200
    assert said["conversation_id"] in read["body"]


def test_a_failure_is_told_once(scripted, open_page):
    """The engine fails half-way: one error event with its text, and no second question."""
    page = open_page(f"{scripted.base_url}/livez")
    page.set_extra_http_headers({"X-Quintet-Script": "steps=5,error=ENGINE_FAILED,error_after=3"})
    seen = ask(page, "", user="unlucky")
    assert seen["chunks"] >= 1
    assert seen["error"]["error"] == "AI provider error"
    assert seen["error"]["detail"]
    assert (seen["opened"], seen["failed"]) == (1, 1)
    with scripted.client() as client:
        conversations = client.get("/ai/conversations", params={"user_id": "unlucky"}).json()
    assert len(conversations) == 1


def test_a_strange_page_reads_nothing(grounded, open_page, page_port):
    with grounded.client() as client:
        client.post("/ai/chat", json={"message": "What is 3 + 3?", "user_id": "secretive"})
    page = open_page(f"http://{FOREIGN_HOST}:{page_port}/")
    read = page.evaluate(READ_CONVERSATIONS, {"base": grounded.base_url, "user": "secretive"})
    assert read["status"] == 0
    rebound = page.evaluate(READ_CONVERSATIONS, {"base": f"http://{FOREIGN_HOST}:{grounded.port}", "user": "secretive"})
    assert rebound["status"] == 0
