"""aegis: answers and conversations, every field, default and row of errors."""

import asyncio
import uuid

import pytest
from aegis_requests import API_USER, AWAY, begin_conversation, furnish, refused

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Owner, ServiceHealth
from quintet_gateway.dialects.aegis.ids import question_id_of
from quintet_testing import eventually

UNKNOWN = str(uuid.UUID(int=7))
MALFORMED = ["", "   ", "null", "a" * 129, "a\x00b", "tab\t", 7, True, ["x"], {}]


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_answer_has_the_documented_fields(client, base):
    response = await client.post(f"{base}/ai/chat", json={"message": "What is 12 times 12?"})
    assert response.status == 200
    body = await response.json()
    assert body == {
        "message_id": str(uuid.UUID(body["message_id"], version=4)),
        "content": "It is 144.",
        "conversation_id": str(uuid.UUID(body["conversation_id"], version=4)),
        "response_time_ms": 250.0,
    }


async def test_question_is_asked_with_documents_and_under_ids_that_follow_from_each_other(client, assistant):
    body = await begin_conversation(client, "  Hello?  ", user_id="ada")
    (ask,) = assistant.chat.asks
    assert (ask.owner, ask.text, ask.action) == (Owner("aegis", "ada"), "  Hello?  ", "chat")
    assert ask.session_id == body["conversation_id"].replace("-", "")
    assert (ask.must_exist, ask.documents, ask.model) == (True, True, "")
    assert ask.answer_id == body["message_id"]
    assert ask.question_id == question_id_of(body["message_id"])


async def test_conversation_goes_on_without_a_user(client, assistant):
    first = await begin_conversation(client, "My name is Ada.")
    second = await begin_conversation(client, "What is my name?", conversation_id=first["conversation_id"])
    assert second["conversation_id"] == first["conversation_id"]
    assert len(assistant.sessions.kept) == 1
    upper = await begin_conversation(client, "Again?", conversation_id=first["conversation_id"].upper())
    assert upper["conversation_id"] == first["conversation_id"]


async def test_null_means_the_default(client):
    body = await begin_conversation(client, conversation_id=None, user_id=None)
    listed = await (await client.get("/ai/conversations")).json()
    assert [one["id"] for one in listed] == [body["conversation_id"]]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Field 'message' is required"),
        ({"message": None}, "Field 'message' is required"),
        ({"message": ""}, "Field 'message' must not be blank"),
        ({"message": " \n"}, "Field 'message' must not be blank"),
        ({"message": 5}, "Field 'message' must be a string"),
        ({"message": "\ud800"}, "Field 'message' holds half of a character"),
        ({"message": "x", "user_id": 5}, "Field 'user_id' must be a string"),
        ({"message": "x", "user_id": ""}, "Field 'user_id' must not be blank"),
        ({"message": "x", "user_id": "a\nb"}, "Field 'user_id' must not hold control characters"),
        ({"message": "x", "user_id": "u" * 129}, "Field 'user_id' must be at most 128 characters long"),
        *(
            ({"message": "x", "conversation_id": one}, "Conversation error: Invalid conversation_id")
            for one in MALFORMED
        ),
        ([], "The body is not a JSON object."),
        ("text", "The body is not a JSON object."),
    ],
)
async def test_mistakes_are_told_before_anything_is_kept(client, assistant, body, detail):
    for path in ("/ai/chat", "/ai/chat/stream"):
        await refused(await client.post(path, json=body), 400, detail)
    assert not assistant.sessions.kept
    assert not assistant.chat.asks


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"message": NaN}', b"[" * 100_000])
async def test_broken_json_is_400(client, data):
    response = await client.post("/ai/chat", data=data)
    assert response.status == 400
    assert set(await response.json()) == {"detail"}


async def test_body_over_a_mebibyte_is_400(client):
    await refused(
        await client.post("/ai/chat", json={"message": "x" * (1 << 20)}), 400, "The body is larger than 1048576 bytes."
    )


async def test_longest_user_id_and_any_character_are_taken(client):
    for user in ("u" * 128, "Zoë 🙂 <b>'; DROP TABLE sessions;--", "sha256:1"):
        body = await begin_conversation(client, user_id=user)
        found = await client.get(f"/ai/conversations/{body['conversation_id']}", params={"user_id": user})
        assert (await found.json())["metadata"]["user_id"] == user


@pytest.mark.parametrize("conversation_id", ["abc-123", UNKNOWN, "a" * 128, "a{b}", "Zoë"])
async def test_unknown_conversation_is_404(client, assistant, conversation_id):
    detail = f"Conversation error: Conversation {conversation_id} not found"
    body = {"message": "x", "conversation_id": conversation_id}
    await refused(await client.post("/ai/chat", json=body), 404, detail)
    await refused(await client.get(f"/ai/conversations/{conversation_id}"), 404, detail)
    assert not assistant.sessions.kept


async def test_conversation_of_another_user_is_403(client, assistant):
    mine = await begin_conversation(client, user_id="ada")
    path = f"/ai/conversations/{mine['conversation_id']}"
    body = {"message": "x", "conversation_id": mine["conversation_id"], "user_id": "bob"}
    await refused(await client.post("/ai/chat", json=body), 403, "Access denied")
    await refused(await client.get(path, params={"user_id": "bob"}), 403, "Access denied")
    await refused(await client.get(path), 403, "Access denied")
    assert (await client.get(path, params={"user_id": "ada"})).status == 200
    assert await (await client.get("/ai/conversations", params={"user_id": "bob"})).json() == []


@pytest.mark.parametrize(
    ("failure", "status", "detail"),
    [
        (AWAY, 503, "AI service error: The service is away."),
        (DomainError(Reason.ENGINE_BUSY, "Full."), 503, "AI service error: Full."),
        (DomainError(Reason.MODEL_NOT_INSTALLED, "No model."), 503, "AI service error: No model."),
        (DomainError(Reason.ENGINE_FAILED, "Broke."), 502, "AI provider error: Broke."),
        (DomainError(Reason.DEADLINE_EXCEEDED, "Too slow."), 502, "AI provider error: Too slow."),
        (
            DomainError(Reason.ENGINE_BUSY, "Rate limit exceeded", {"provider": "p", "retryAfterSeconds": "9"}),
            502,
            "AI provider error: Rate limit exceeded",
        ),
        (DomainError(Reason.SERVICE_UNAVAILABLE, "No key.", {"provider": "p"}), 502, "AI provider error: No key."),
        (DomainError(Reason.INVALID_ARGUMENT, "Too long.", {"provider": "p"}), 400, "Too long."),
        (DomainError(Reason.STORAGE_FAILED, "/data is broken"), 500, "Unexpected error: Internal server error"),
        (KeyError("secret"), 500, "Unexpected error: Internal server error"),
    ],
)
async def test_failure_of_the_model(client, assistant, failure, status, detail):
    assistant.chat.deltas, assistant.chat.failure = [], failure
    response = await client.post("/ai/chat", json={"message": "x"})
    await refused(response, status, detail)
    if status == 503:
        assert int(response.headers["Retry-After"]) >= 1
    if "retryAfterSeconds" in getattr(failure, "metadata", {}):
        assert response.headers["Retry-After"] == "9"


async def test_a_question_that_cannot_be_stored_leaves_no_conversation(client, assistant):
    assistant.chat.refusal = AWAY
    assert (await client.post("/ai/chat", json={"message": "hi"})).status == 503
    assert await (await client.get("/ai/conversations")).json() == []


async def test_failure_of_the_store(client, assistant):
    assistant.sessions.failure = AWAY
    for request in (client.post("/ai/chat", json={"message": "x"}), client.get("/ai/conversations")):
        await refused(await request, 503, "AI service error: The service is away.")


async def test_client_that_leaves_stops_the_model(client, assistant):
    assistant.chat.release.clear()
    asking = asyncio.create_task(client.post("/ai/chat", json={"message": "x"}))
    await asyncio.wait_for(assistant.chat.said.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(assistant.chat.closed.wait(), 5)
    await eventually(lambda: nobody_runs(assistant))


async def nobody_runs(assistant):
    return assistant.chat.running == 0


async def test_conversations_are_listed_newest_first(client, assistant):
    ids = [(await begin_conversation(client, f"Question {number}"))["conversation_id"] for number in range(3)]
    listed = await (await client.get("/ai/conversations")).json()
    assert [one["id"] for one in listed] == ids[::-1]
    assert listed[0] == {
        "id": ids[2],
        "title": "Question 2",
        "message_count": 2,
        "last_activity": "2024-01-15T10:30:00Z",
        "provider": "scripted",
        "model": "scripted-1",
    }
    some = await (await client.get("/ai/conversations", params={"limit": "2", "user_id": "api-user"})).json()
    assert [one["id"] for one in some] == ids[:0:-1]
    assert len(await (await client.get("/ai/conversations/", params={"limit": "9" * 18})).json()) == 3


async def test_fifty_conversations_unless_more_are_asked_for(client, assistant):
    for number in range(51):
        await assistant.sessions.create(API_USER, f"t{number}")
    assert len(await (await client.get("/ai/conversations")).json()) == 50
    assert len(await (await client.get("/ai/conversations?limit=51")).json()) == 51


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "Field 'limit' must be at least 1"),
        ("limit=-1", "Field 'limit' must be at least 1"),
        ("limit=x", "Field 'limit' must be an integer"),
        ("limit=", "Field 'limit' must be an integer"),
        ("limit=1.5", "Field 'limit' must be an integer"),
        ("limit=" + "9" * 5000, "Field 'limit' must be an integer"),
        ("user_id=", "Field 'user_id' must not be blank"),
        ("user_id=a%00b", "Field 'user_id' must not hold control characters"),
        ("user_id=" + "u" * 129, "Field 'user_id' must be at most 128 characters long"),
    ],
)
async def test_list_refuses(client, query, detail):
    await refused(await client.get(f"/ai/conversations?{query}"), 400, detail)


async def test_long_list_is_the_same_out_of_a_thread(client, assistant):
    for number in range(600):
        await assistant.sessions.create(API_USER, f"Nr. {number} é")
    listed = await (await client.get("/ai/conversations?limit=600")).json()
    assert [one["title"] for one in listed] == [f"Nr. {number} é" for number in reversed(range(600))]


async def test_conversation_without_an_answer_names_the_live_engine(client, assistant):
    await assistant.sessions.create(API_USER, "")
    assistant.models.live = Engine(name="provider", provider="groq", model="llama")
    (one,) = await (await client.get("/ai/conversations")).json()
    assert (one["title"], one["provider"], one["model"]) == (None, "groq", "llama")
    assistant.models.failure = AWAY
    (one,) = await (await client.get("/ai/conversations")).json()
    assert (one["provider"], one["model"]) == ("", "")


async def test_conversation_holds_every_message(client):
    first = await begin_conversation(client, "Zoë's question: " + "x" * 50, user_id="ada")
    second = await begin_conversation(client, "More?", user_id="ada", conversation_id=first["conversation_id"])
    response = await client.get(f"/ai/conversations/{first['conversation_id']}?user_id=ada")
    body = await response.json()
    at = "2024-01-15T10:30:00Z"
    turns = [(first, "Zoë's question: " + "x" * 50), (second, "More?")]
    messages = [
        message
        for answer, text in turns
        for message in (
            {"id": question_id_of(answer["message_id"]), "role": "user", "content": text, "timestamp": at},
            {"id": answer["message_id"], "role": "assistant", "content": "It is 144.", "timestamp": at},
        )
    ]
    assert body == {
        "id": first["conversation_id"],
        "title": "Zoë's question: " + "x" * 34 + "...",
        "provider": "scripted",
        "model": "scripted-1",
        "created_at": at,
        "updated_at": at,
        "message_count": 4,
        "messages": messages,
        "metadata": {
            "user_id": "ada",
            "created_by": "ai_service",
            "last_response_time_ms": 250.0,
            "total_messages": 4,
            "last_activity": at,
            "streaming": False,
        },
    }


@pytest.mark.parametrize("conversation_id", ["null", "a" * 129, "a%00b", "%20"])
async def test_malformed_conversation_in_the_path_is_400(client, conversation_id):
    response = await client.get(f"/ai/conversations/{conversation_id}")
    await refused(response, 400, "Conversation error: Invalid conversation_id")


async def test_health(client, assistant):
    await begin_conversation(client)
    healthy = {
        "service": "ai",
        "status": "healthy",
        "enabled": True,
        "provider": "scripted",
        "model": "scripted-1",
        "agent_ready": True,
        "total_conversations": 1,
        "configuration_valid": True,
        "validation_errors": [],
    }
    assert await (await client.get("/ai/health")).json() == healthy
    assistant.health.known = {**assistant.health.known, "llm": ServiceHealth(serving=False, engine=None)}
    response = await client.get("/api/v1/ai/health")
    assert response.status == 200
    assert await response.json() == {
        **healthy,
        "status": "unhealthy",
        "provider": "",
        "model": "",
        "agent_ready": False,
        "configuration_valid": False,
        "validation_errors": ["The llm service is not available"],
    }
    assistant.sessions.failure = AWAY
    response = await client.get("/ai/health")
    assert response.status == 200
    assert await response.json() == {"service": "ai", "status": "error", "error": "The service is away."}


async def test_version(client):
    body = await (await client.get("/ai/version")).json()
    assert set(body) == {"service", "engine", "version", "features", "providers_supported"}
    assert (body["service"], body["version"]) == ("ai", "1.0")
    assert body["features"] == [
        *("chat", "conversation_management", "multi_provider_support"),
        *("health_monitoring", "api_endpoints", "cli_commands"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/ai/nothing", 404, "Not Found"),
        ("GET", "/api/v1/ai", 404, "Not Found"),
        ("GET", "/ai/chat", 405, "Method Not Allowed"),
        ("DELETE", "/ai/conversations", 405, "Method Not Allowed"),
        ("POST", "/llm/status", 405, "Method Not Allowed"),
        ("PUT", "/api/v1/voice/settings", 405, "Method Not Allowed"),
        ("GET", "/voice/else", 404, "Not Found"),
    ],
)
async def test_plumbing_speaks_the_shape_of_the_document(client, method, path, status, detail):
    response = await client.request(method, path)
    await refused(response, status, detail)
    if status == 405:
        assert "OPTIONS" in response.headers["Allow"]


async def test_pages_of_this_machine_may_read_and_others_may_not(client):
    own, foreign = "http://localhost:3000", "https://example.org"
    response = await client.get("/ai/conversations", headers={"Origin": own})
    assert response.headers["Access-Control-Allow-Origin"] == own
    assert (
        "Access-Control-Allow-Origin"
        not in (await client.get("/ai/conversations", headers={"Origin": foreign})).headers
    )
    response = await client.post("/ai/chat", json={"message": "x"}, headers={"Origin": foreign})
    assert response.status == 403
    assert (await client.head("/ai/health")).status == 200
