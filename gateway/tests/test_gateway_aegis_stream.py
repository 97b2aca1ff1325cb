"""aegis: the stream of named events, byte by byte, and how clients of its document read it."""

import asyncio
import json
import uuid

import pytest
from aegis_requests import API_USER, AWAY, begin_conversation, furnish, refused, within
from hypothesis import given
from hypothesis import strategies as st

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Owner
from quintet_gateway.dialects.aegis.events import ChatEvents
from quintet_gateway.dialects.aegis.ids import question_id_of
from quintet_gateway.http.drain import DRAIN

PATHS = ["/ai/chat/stream", "/api/v1/ai/chat/stream"]
CONNECTED = {"status": "connected", "message": "Streaming started"}
COMPLETED = {"status": "completed", "message": "Stream finished"}


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


def events_of(text):
    """Reads events as a browser does: fields in any order, comments left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"]), fields["id"]))
    return found


async def stream(client, body=None, path="/ai/chat/stream"):
    response = await client.post(path, json=body or {"message": "x"})
    assert response.status == 200
    return events_of(await response.text())


def post(body):
    data = json.dumps(body).encode()
    head = f"POST /ai/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def read_chunk(reader):
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size)
    assert await reader.readexactly(2) == b"\r\n"
    return data.decode("ascii")


@pytest.mark.parametrize("path", PATHS)
async def test_stream_has_the_documented_events(client, assistant, path):
    (first, *chunks, final, last) = await stream(client, {"message": "x", "user_id": "ada"}, path)
    ids = {event_id for _, _, event_id in (first, *chunks, final, last)}
    message_id = final[1]["message_id"]
    assert ids == {message_id}
    assert first[:2] == ("connect", CONNECTED)
    assert last[:2] == ("complete", COMPLETED)
    same = {"message_id": message_id, "conversation_id": str(uuid.UUID(final[1]["conversation_id"], version=4))}
    for name, data, _ in chunks:
        assert name == "chunk"
        assert data == {
            **same,
            "content": data["content"],
            "is_final": False,
            "is_delta": True,
            "timestamp": data["timestamp"],
        }
    assert "".join(data["content"] for _, data, _ in chunks) == "It is 144."
    assert final[0] == "final"
    assert final[1] == {
        **same,
        "content": "It is 144.",
        "is_final": True,
        "is_delta": False,
        "timestamp": final[1]["timestamp"],
        "response_time_ms": 250.0,
        "provider": "scripted",
        "model": "scripted-1",
        "stream_complete": True,
        "input_tokens": 12,
        "output_tokens": 5,
        "cost": 0.0,
        "gen_tps": 20.0,
    }
    (ask,) = assistant.chat.asks
    assert (ask.owner, ask.action, ask.documents) == (Owner("aegis", "ada"), "stream_chat", True)
    assert (ask.answer_id, ask.question_id) == (message_id, question_id_of(message_id))


async def test_headers_are_the_documented_ones(client, send_raw):
    response = await client.post("/ai/chat/stream", json={"message": "x"}, headers={"Origin": "http://localhost:1"})
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Connection"] == "keep-alive"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers.getall("Access-Control-Allow-Origin") == ["http://localhost:1"]
    old = await send_raw(client, b"GET /ai/chat/stream?message=x HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert b"keep-alive" not in old
    assert old.endswith(b"\n\n")


async def test_connect_leaves_at_once_and_each_write_holds_whole_events(client, assistant, send_raw):
    assistant.chat.deltas = []
    assistant.chat.release.clear()
    reader, writer = await send_raw(client, post({"message": "x"}), finish=False)
    head = await within(5, reader.readuntil(b"\r\n\r\n"))
    assert b"Transfer-Encoding: chunked" in head
    first = await within(5, read_chunk(reader))
    lines = first.split("\n")
    assert lines[0] == "event: connect"
    assert lines[1] == 'data: {"status":"connected","message":"Streaming started"}'
    assert lines[2].startswith("id: ")
    assert lines[3:] == ["", ""]
    assistant.chat.release.set()
    last = await within(5, read_chunk(reader))
    writer.close()
    assert [name for name, _, _ in events_of(last)] == ["final", "complete"]


async def test_silence_is_filled_with_pings(start, assistant, send_raw):
    client = await start(aegis_silence_s=0.05)
    assistant.chat.deltas = []
    assistant.chat.release.clear()
    reader, writer = await send_raw(client, post({"message": "x"}), finish=False)
    await within(5, reader.readuntil(b"\r\n\r\n"))
    assert events_of(await within(5, read_chunk(reader)))[0][0] == "connect"
    assert [await within(5, read_chunk(reader)) for _ in range(3)] == [": ping\n\n"] * 3
    assistant.chat.release.set()
    chunk = ": ping\n\n"
    while chunk == ": ping\n\n":
        chunk = await within(5, read_chunk(reader))
    writer.close()
    assert [name for name, _, _ in events_of(chunk)] == ["final", "complete"]


async def test_silence_of_two_seconds_is_the_default(start):
    from quintet_gateway.settings import GatewaySettings

    assert GatewaySettings.model_fields["aegis_silence_s"].default == 2


@pytest.mark.parametrize("deltas", [["data: 1, data:2"], ["da", "ta: split"], ['metadata: \\data: "data:"']])
async def test_pieces_that_hold_the_field_name_survive_the_python_client(client, assistant, deltas):
    assistant.chat.deltas = deltas
    text = await (await client.post("/ai/chat/stream", json={"message": "x"})).text()
    heard, event = "", None
    for line in text.split("\n"):
        if line.startswith("event:"):
            event = line.split(":")[1].strip()
        elif line.startswith("data:"):
            data = json.loads(line.split("data:")[1])
            if event == "chunk":
                heard += data["content"]
            elif event == "final":
                assert data["content"] == heard
    assert heard == "".join(deltas)
    assert event == "complete"


@given(st.lists(st.text()))
def test_events_are_ascii_and_one_line_of_json_that_holds_the_field_name_once(pieces):
    events = ChatEvents(str(uuid.UUID(int=5)))
    (written,) = events.events(pieces)
    assert written.isascii()
    assert written.count(b"data:") == 1
    ((name, data, _),) = events_of(written.decode())
    assert (name, data["content"]) == ("chunk", "".join(pieces))


async def test_answer_of_any_characters_arrives_whole(client, assistant):
    assistant.chat.deltas = ["Zoë 🙂\n\n", "event: x\r\n", "\u2028id: 7\x00", "x" * 5000]
    (_, *chunks, final, _) = await stream(client)
    assert "".join(data["content"] for _, data, _ in chunks) == final[1]["content"] == "".join(assistant.chat.deltas)


async def test_empty_answer_has_a_final_event(client, assistant):
    assistant.chat.deltas = []
    events = await stream(client)
    assert [name for name, _, _ in events] == ["connect", "final", "complete"]
    assert events[1][1]["content"] == ""


FAILURES = [
    (AWAY, "AI service error", "The service is away."),
    (DomainError(Reason.ENGINE_BUSY, "Full."), "AI service error", "Full."),
    (DomainError(Reason.ENGINE_FAILED, "Broke."), "AI provider error", "Broke."),
    (
        DomainError(Reason.ENGINE_BUSY, "Rate limit exceeded", {"provider": "p"}),
        "AI provider error",
        "Rate limit exceeded",
    ),
    (DomainError(Reason.INVALID_ARGUMENT, "Too long."), "AI service error", "Too long."),
    (DomainError(Reason.STORAGE_FAILED, "/data is broken"), "Unexpected error", "Internal server error"),
    (KeyError("secret"), "Unexpected error", "Internal server error"),
]


@pytest.mark.parametrize("failed", FAILURES, ids=str)
@pytest.mark.parametrize("deltas", [[], ["It is "]])
async def test_failure_is_the_last_event(client, assistant, failed, deltas):
    failure, title, detail = failed
    assistant.chat.deltas, assistant.chat.failure = deltas, failure
    events = await stream(client)
    assert [name for name, _, _ in events] == ["connect", *(["chunk"] if deltas else []), "error"]
    assert events[-1][1] == {"error": title, "detail": detail}


async def test_failure_before_the_question_is_kept_is_an_event_too(client, assistant):
    assistant.sessions.failure = AWAY
    assert [event[:2] for event in await stream(client)] == [
        ("connect", CONNECTED),
        ("error", {"error": "AI service error", "detail": "The service is away."}),
    ]


@pytest.mark.parametrize("conversation_id", ["abc-123", str(uuid.UUID(int=9))])
async def test_unknown_conversation_is_an_event(client, conversation_id):
    detail = f"Conversation {conversation_id} not found"
    (_, (name, data, _)) = await stream(client, {"message": "x", "conversation_id": conversation_id})
    assert (name, data) == ("error", {"error": "Conversation error", "detail": detail})


async def test_conversation_of_another_user_is_an_event(client):
    mine = await begin_conversation(client, user_id="ada")
    body = {"message": "x", "conversation_id": mine["conversation_id"]}
    (_, (name, data, _)) = await stream(client, body)
    assert (name, data) == ("error", {"error": "Conversation error", "detail": "Access denied"})


async def test_conversation_remembers_that_it_was_streamed(client):
    events = await stream(client)
    found = await client.get(f"/ai/conversations/{events[-2][1]['conversation_id']}")
    body = await found.json()
    assert body["metadata"]["streaming"] is True
    assert [message["content"] for message in body["messages"]] == ["x", "It is 144."]


@pytest.mark.parametrize("path", PATHS)
async def test_get_streams_the_same_for_event_source(client, assistant, path):
    response = await client.get(path, params={"message": "Größe?", "user_id": "web-user"})
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    names = [name for name, _, _ in events_of(await response.text())]
    assert (names[0], names[-2:]) == ("connect", ["final", "complete"])
    assert (assistant.chat.asks[0].text, assistant.chat.asks[0].owner.owner) == ("Größe?", "web-user")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "Field 'message' is required"),
        ("message=", "Field 'message' must not be blank"),
        ("message=+", "Field 'message' must not be blank"),
        ("message=x&user_id=", "Field 'user_id' must not be blank"),
        ("message=x&conversation_id=null", "Conversation error: Invalid conversation_id"),
        ("message=x&conversation_id=a%0Ab", "Conversation error: Invalid conversation_id"),
    ],
)
async def test_get_refuses_what_it_can_before_the_stream(client, query, detail):
    await refused(await client.get(f"/ai/chat/stream?{query}"), 400, detail)


async def test_get_goes_on_in_a_conversation_and_takes_an_empty_one_as_none(client):
    begun = await begin_conversation(client)
    for conversation_id, expected in ((begun["conversation_id"], 1), ("", 2)):
        response = await client.get("/ai/chat/stream", params={"message": "x", "conversation_id": conversation_id})
        assert events_of(await response.text())[-1][0] == "complete"
        assert len(await (await client.get("/ai/conversations")).json()) == expected


async def test_reconnect_does_not_ask_again(client, assistant):
    response = await client.get("/ai/chat/stream?message=x")
    last_id = events_of(await response.text())[-1][2]
    again = await client.get("/ai/chat/stream?message=x", headers={"Last-Event-ID": last_id})
    assert (again.status, await again.read()) == (204, b"")
    assert len(assistant.chat.asks) == 1
    other = await client.get("/ai/chat/stream?message=x&user_id=bob", headers={"Last-Event-ID": last_id})
    assert other.status == 200


async def test_reconnect_after_a_broken_answer_does_not_ask_again(client, assistant, send_raw):
    assistant.chat.release.clear()
    request = b"GET /ai/chat/stream?message=x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    reader, writer = await send_raw(client, request, finish=False)
    await within(5, reader.readuntil(b"\r\n\r\n"))
    event_id = events_of(await within(5, read_chunk(reader)))[0][2]
    await within(5, assistant.chat.said.wait())
    writer.transport.abort()
    await within(5, assistant.chat.closed.wait())
    again = await client.get("/ai/chat/stream?message=x", headers={"Last-Event-ID": event_id})
    assert again.status == 204


@pytest.mark.parametrize("event_id", ["", "x", str(uuid.UUID(int=3)), "7" * 5000])
async def test_unknown_last_event_is_no_reconnect(client, event_id):
    assert (await client.get("/ai/chat/stream?message=x", headers={"Last-Event-ID": event_id})).status == 200


@pytest.mark.parametrize("path", PATHS)
async def test_head_would_have_effects_and_is_refused(client, assistant, path):
    response = await client.head(f"{path}?message=x")
    assert response.status == 405
    assert "HEAD" not in response.headers["Allow"]
    assert not assistant.chat.asks


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:5173"}, 200),
        ({"Origin": "http://127.0.0.1:5173", "Sec-Fetch-Site": "cross-site"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://example.org"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ],
)
async def test_page_elsewhere_cannot_make_a_browser_ask(client, assistant, headers, status):
    response = await client.get("/ai/chat/stream?message=x", headers=headers)
    assert response.status == status
    assert len(assistant.chat.asks) == (status == 200)


async def test_client_that_leaves_stops_the_answer_at_once(client, assistant, send_raw):
    assistant.chat.release.clear()
    _reader, writer = await send_raw(client, post({"message": "x"}), finish=False)
    await within(5, assistant.chat.said.wait())
    writer.transport.abort()
    await within(0.5, assistant.chat.closed.wait())
    assert assistant.chat.running == 0


async def test_end_of_the_server_is_told_in_the_stream(client, assistant):
    assistant.chat.release.clear()
    asking = asyncio.create_task(stream(client))
    await within(5, assistant.chat.said.wait())
    client.app[DRAIN].expire()
    events = await within(5, asking)
    assert events[-1][:2] == (
        "error",
        {"error": "AI service error", "detail": "The server is shutting down. Try again."},
    )


async def test_new_conversation_is_the_users_own(client, assistant):
    await stream(client)
    assert [owner for owner, _ in assistant.sessions.kept] == [API_USER]
