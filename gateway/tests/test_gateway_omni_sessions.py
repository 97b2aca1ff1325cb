"""Sessions of the omni surface, its health and its configuration."""

import json

import pytest
from omni_requests import NO_SESSION, TIME, Holder, failure, kept_id, success

from quintet.media.v1.engine_pb2 import Engine
from quintet.session.v1.session_service_pb2 import Message
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import ServiceHealth
from quintet_gateway.dialects.omni.terms import terms_of


@pytest.fixture
def holder(assistant, client):
    return Holder(assistant, client)


@pytest.fixture
def stranger(assistant, client):
    return Holder(assistant, client, "other")


async def test_session_is_created_shown_listed_and_deleted(holder, assistant):
    made = await success(await holder.ask("POST", "/session", json={"system_prompt": "Be brief."}))
    session_id = made["session_id"]
    assert made == {
        "session_id": session_id,
        "created_at": "2024-01-15T10:30:00",
        "message_count": 1,
        "turn_count": 0,
    }
    assert session_id == session_id.lower()
    assert session_id.count("-") == 4
    assert await success(await holder.ask("GET", f"/session/{session_id}")) == made
    assert await success(await holder.ask("GET", "/sessions")) == {"sessions": [session_id], "count": 1}
    deleted = await success(await holder.ask("DELETE", f"/session/{session_id}"))
    assert deleted == {"status": "deleted", "session_id": session_id}
    assert await success(await holder.ask("GET", "/sessions")) == {"sessions": [], "count": 0}
    await failure(await holder.ask("GET", f"/session/{session_id}"), 404, "Session not found")
    told = [(event.type, event.data) for _, event in assistant.sessions.told]
    assert told == [("session.created", ""), ("session.ended", '{"reason": "deleted"}')]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"headers": {"Content-Type": "application/json"}},
        {"data": b"  ", "headers": {"Content-Type": "application/json"}},
        {"json": {}},
        {"json": {"system_prompt": None, "max_history_turns": None, "more": [1]}},
        {"json": {"system_prompt": "", "max_history_turns": 20.0}},
    ],
)
async def test_session_needs_no_body(holder, arguments):
    assert (await success(await holder.ask("POST", "/session", **arguments)))["message_count"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"max_history_turns": NaN}',
        b'{"max_history_turns": 1e999}',
        b'{"max_history_turns": ' + b"9" * 10_000 + b"}",
        b"[" * 10_000,
        b'{"system_prompt": 5}',
        b'{"system_prompt": ["x"]}',
        b'{"system_prompt": "\\ud800"}',
        b'{"system_prompt": "' + b"x" * 16_001 + b'"}',
        b'{"system_prompt": "' + b"x" * (20 << 20) + b'"}',
        b'{"max_history_turns": 0}',
        b'{"max_history_turns": -1}',
        b'{"max_history_turns": 501}',
        b'{"max_history_turns": 1.5}',
        b'{"max_history_turns": "20"}',
        b'{"max_history_turns": true}',
    ],
    ids=lambda body: str(body[:30]),
)
async def test_session_that_cannot_be_made_is_400(holder, body):
    response = await holder.ask("POST", "/session", data=body, headers={"Content-Type": "application/json"})
    await failure(response, 400, "Bad Request")
    assert not holder.sessions


async def test_long_prompt_comes_back_as_it_was(holder, assistant):
    prompt = "".join(f"Rule {number}: speak of नमस्ते. " for number in range(400))[:16_000]
    session_id = await holder.new_session(system_prompt=prompt, max_history_turns=7)
    session, _ = assistant.sessions.kept[holder.owner, kept_id(session_id)]
    assert max(map(len, session.attributes.values())) <= 1000
    assert len(session.attributes) <= 20
    assert (terms_of(session).system_prompt, terms_of(session).max_turns) == (prompt, 7)


@pytest.mark.parametrize(
    ("messages", "max_turns", "counted"),
    [(0, 20, (1, 0)), (4, 20, (5, 2)), (3, 20, (4, 1)), (50, 20, (41, 20)), (9, 2, (5, 2))],
)
async def test_messages_beyond_the_history_do_not_count(holder, assistant, messages, max_turns, counted):
    session_id = await holder.new_session(max_history_turns=max_turns)
    session, kept = assistant.sessions.kept[holder.owner, kept_id(session_id)]
    kept.extend(Message(content=str(number)) for number in range(messages))
    session.message_count = messages
    shown = await success(await holder.ask("GET", f"/session/{session_id}"))
    assert (shown["message_count"], shown["turn_count"]) == counted
    cleared = await success(await holder.ask("POST", f"/session/{session_id}/clear"))
    assert cleared == {"status": "cleared", "session_id": session_id}
    shown = await success(await holder.ask("GET", f"/session/{session_id}"))
    assert (shown["message_count"], shown["turn_count"]) == (1, 0)


ONE_SESSION = [("GET", "/session/{}"), ("DELETE", "/session/{}"), ("POST", "/session/{}/clear")]


@pytest.mark.parametrize(("method", "path"), ONE_SESSION)
@pytest.mark.parametrize("told_id", [NO_SESSION, "abc123", "..%2f..%2fetc", "x" * 500, "%00", "0" * 32])
async def test_unknown_session_is_404(holder, method, path, told_id):
    body = await failure(await holder.ask(method, path.format(told_id)), 404, "Session not found")
    assert body["detail"].startswith("No session with ID: ")
    assert len(body["detail"]) < 150
    if told_id == NO_SESSION:
        assert body["detail"] == f"No session with ID: {NO_SESSION}"


@pytest.mark.parametrize(("method", "path"), ONE_SESSION)
async def test_session_of_another_key_does_not_exist(holder, stranger, method, path):
    session_id = await holder.new_session()
    await failure(await stranger.ask(method, path.format(session_id)), 404, "Session not found")
    assert await success(await stranger.ask("GET", "/sessions")) == {"sessions": [], "count": 0}
    assert await success(await holder.ask("GET", "/sessions")) == {"sessions": [session_id], "count": 1}


async def test_oldest_session_leaves_when_there_are_too_many(start, assistant):
    client = await start(omni_max_sessions=2)
    holder, stranger = Holder(assistant, client), Holder(assistant, client, "other")
    theirs = await stranger.new_session()
    made = [await holder.new_session() for _ in range(3)]
    assert set((await success(await holder.ask("GET", "/sessions")))["sessions"]) == set(made[1:])
    assert (await success(await stranger.ask("GET", "/sessions")))["sessions"] == [theirs]
    (ended,) = [(one, event.data) for one, event in assistant.sessions.told if event.type == "session.ended"]
    assert ended == (kept_id(made[0]), '{"reason": "evicted"}')


async def test_health_is_open_and_counts_the_sessions_of_the_surface(holder, assistant, client):
    await holder.new_session()
    await assistant.sessions.create(Holder(assistant, client, "x").owner, "")
    response = await client.get("/health", headers={"Authorization": "Bearer nonsense"})
    body = await success(response)
    assert not [name for name in response.headers if name.startswith("X-RateLimit")]
    assert TIME.fullmatch(body.pop("timestamp"))
    services = dict.fromkeys(("session", "llm", "vision", "stt", "tts"), "serving")
    assert body == {
        "status": "healthy",
        "model_loaded": True,
        "gpu_available": False,
        "active_sessions": 2,
        "services": services,
    }
    assert (await client.head("/health")).status == 200
    assert (await client.get("/health/")).status == 200
    await failure(await client.post("/health"), 405, "Method not allowed")


@pytest.mark.parametrize("name", ["llm", "stt", "tts"])
async def test_health_stays_healthy_while_a_model_is_missing(client, assistant, name):
    assistant.health.known[name] = ServiceHealth(serving=False, engine=None)
    assistant.sessions.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    body = await success(await client.get("/health"))
    assert (body["status"], body["model_loaded"], body["active_sessions"]) == ("healthy", False, 0)
    assert body["services"][name] == "unavailable"


async def test_configuration_is_what_answers_are_made_with(start, assistant):
    client = await start(omni_temperature=0.2, omni_max_new_tokens=64)
    holder = Holder(assistant, client)
    engine = Engine(name="provider", model="gpt-4o", loaded=True)
    assistant.health.known["llm"] = ServiceHealth(serving=True, engine=engine)
    expected = {
        "model_path": "gpt-4o",
        "quantization": "none",
        "sample_rate_input": 16000,
        "sample_rate_output": 24000,
        "temperature": 0.2,
        "max_new_tokens": 64,
    }
    assert json.loads(await (await holder.ask("GET", "/config")).text()) == expected
    assistant.health.known["llm"] = ServiceHealth(serving=False, engine=None)
    assert (await success(await holder.ask("GET", "/config")))["model_path"] == ""
