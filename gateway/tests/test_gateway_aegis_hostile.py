"""aegis: whatever a client sends, the answer is never 422, and never 500 for its own mistake."""

import json

import pytest
from aegis_requests import furnish

ENDPOINTS = {
    "/ai/chat": ("message", "conversation_id", "user_id"),
    "/ai/chat/stream": ("message", "conversation_id", "user_id"),
    "/rag/index": ("path", "collection_name", "extensions", "exclude_patterns"),
    "/rag/search": ("query", "collection_name", "top_k", "filter_metadata"),
    "/voice/settings": (
        *("tts_provider", "tts_model", "tts_voice", "tts_speed"),
        *("stt_provider", "stt_model", "stt_language"),
    ),
    "/voice/preview": ("voice_id", "text"),
}
QUERIES = {
    "/ai/chat/stream": ("message", "conversation_id", "user_id"),
    "/ai/conversations": ("user_id", "limit"),
    "/ai/conversations/x": ("user_id",),
    "/ai/usage/stats": ("user_id", "start_time", "end_time", "recent_limit"),
    "/llm/models": ("pattern", "vendor", "modality", "limit", "include_disabled"),
    "/voice/preview/alloy": ("text", "speed"),
}
INJECTIONS = [
    "'; DROP TABLE messages;--",
    '{"$ne": null}',
    "<script>alert(1)</script>",
    "a\r\nSet-Cookie: x=1",
    "%s%n${7*7}",
]
VALUES = [
    *(
        None,
        True,
        0,
        -1,
        10**30,
        10**400,
        1.5,
        1e308,
        "",
        " ",
        "\x00",
        "\ud800",
        "\u202e",
        "🙂" * 3,
        "null",
        "NaN",
        "x" * 70_000,
    ),
    *([], [None], [[]], ["x"], {}, {"": ""}, {"a": {"b": []}}, {"x" * 2000: "y"}),
    *INJECTIONS,
]
BODIES = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b"{}" * 2,
    b"[" * 5000,
    b'{"message": 1e999}',
    b"\xef\xbb\xbf{}",
]


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


async def check(response):
    """Checks that a refusal is one of the document's, in its shape."""
    assert response.status in {200, 204, 400, 403, 404}, await response.text()
    if response.status >= 400:
        body = await response.json()
        assert body.keys() == {"detail"}
        assert isinstance(body["detail"], str)
    await response.read()


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_any_value_in_any_field(client, path):
    fields = ENDPOINTS[path]
    whole = dict.fromkeys(fields[:2], "x") if path not in {"/ai/chat", "/ai/chat/stream"} else {"message": "x"}
    for field in fields:
        for value in VALUES:
            await check(await client.post(path, data=json.dumps({**whole, field: value}).encode()))


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_any_body(client, path):
    for body in BODIES:
        await check(await client.post(path, data=body))


@pytest.mark.parametrize("path", QUERIES)
async def test_any_value_in_any_query(client, path):
    texts = [value for value in VALUES if isinstance(value, str) and value != "\ud800" and len(value) < 4000]
    for field in QUERIES[path]:
        for value in (*texts, "0", "-1", "9" * 40, "1e400", "inf", "0x10", "٣"):
            await check(await client.get(path, params={"message": "x", field: value}))
        await check(await client.get(f"{path}?message=x&{field}=%FF%ED%A0%80&{field}=2"))


async def test_injections_come_back_as_they_were(client, assistant):
    for text in INJECTIONS:
        assistant.chat.deltas = [text]
        said = await (await client.post("/ai/chat", json={"message": text})).json()
        assert said["content"] == text
        found = await (await client.get(f"/ai/conversations/{said['conversation_id']}")).json()
        assert [message["content"] for message in found["messages"]] == [text, text]
        assert found["title"] == text
