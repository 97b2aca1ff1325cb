"""The example of docs/adding-a-dialect.md is taken out of the page and run."""

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

import quintet_gateway.dialects
from quintet_errors import DomainError, Reason
from quintet_gateway.app import DIALECTS, build_app
from quintet_gateway.settings import GatewaySettings

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-dialect.md"
BLOCK = re.compile(r"```python (oracle/\w+\.py)\n(.*?)```", re.DOTALL)


@pytest.fixture
async def client(assistant, tmp_path):
    blocks = BLOCK.findall(GUIDE.read_text())
    (tmp_path / "oracle").mkdir()
    for path, code in blocks:
        (tmp_path / path).write_text(code)
    quintet_gateway.dialects.__path__.append(str(tmp_path))
    try:
        from quintet_gateway.dialects.oracle import Oracle

        settings = GatewaySettings(limits="off", data_dir=tmp_path)
        app = build_app(settings, assistant, (*DIALECTS, lambda _settings: Oracle()))
        async with TestClient(TestServer(app, host="127.0.0.1")) as client:
            yield client
    finally:
        quintet_gateway.dialects.__path__.remove(str(tmp_path))


async def ask(client, **request):
    response = await client.post("/oracle/ask", **request)
    return response.status, await response.json()


async def test_example_of_the_guide_is_a_whole_dialect(client, assistant):
    assert await ask(client, json={"question": "What is twelve times twelve?"}) == (200, {"answer": "It is 144."})
    assert await ask(client, json={"question": " "}) == (400, {"problem": "Ask a question."})
    assert (await ask(client, data=b"{"))[0] == 400
    assistant.chat.deltas, assistant.chat.failure = [], DomainError(Reason.ENGINE_BUSY, "Busy.")
    assert await ask(client, json={"question": "x"}) == (503, {"problem": "Busy."})


async def test_plumbing_speaks_in_the_shape_of_the_example(client):
    for method, path, status in (("GET", "/oracle/ask", 405), ("GET", "/oracle/else", 404)):
        response = await client.request(method, path)
        assert response.status == status
        assert set(await response.json()) == {"problem"}


async def test_other_dialects_are_still_there(client):
    response = await client.post("/api/sessions")
    assert (await response.json())["success"] is True
