"""Chats and messages of the quillium surface."""

import asyncio

import pytest
from quillium_requests import BASES, TIME, Person, failure, success

from quintet_errors import DomainError, Reason
from quintet_testing import eventually

CHAT_KEYS = {"id", "title", "model", "created_at", "updated_at"}
MESSAGE_KEYS = {"id", "chat_id", "role", "sender", "content", "created_at", "timestamp"}


@pytest.fixture
def person(assistant, client):
    return Person(assistant, client)


@BASES
async def test_chat_of_the_document(person, base):
    body = {"title": "New Conversation", "model": "gpt-4"}
    chat = await success(await person.ask("POST", f"{base}/chats", json=body), 201)
    assert chat.keys() == CHAT_KEYS
    assert (chat["title"], chat["model"]) == ("New Conversation", "gpt-4")
    assert chat["id"].startswith("chat_")
    assert TIME.fullmatch(chat["created_at"])
    found = await success(await person.ask("GET", f"{base}/chats/{chat['id']}/"))
    assert found == {**chat, "message_count": 0}
    assert await success(await person.ask("DELETE", f"{base}/chats/{chat['id']}")) == {
        "message": "Chat deleted successfully"
    }
    await failure(await person.ask("GET", f"{base}/chats/{chat['id']}"), 404, "not_found", "Chat not found")


@pytest.mark.parametrize("body", [None, {}, {"title": None, "model": None}, {"title": " ", "model": ""}])
async def test_defaults_of_a_chat(person, assistant, body):
    chat = await success(await person.ask("POST", "/v1/chats", json=body), 201)
    assert (chat["title"], chat["model"]) == ("New Chat", "gpt-4o")
    await assistant.identity.update_settings("quillium", "admin", {"llm_profile_balanced": "mine"})
    assert (await success(await person.ask("POST", "/v1/chats", json=body), 201))["model"] == "mine"


@pytest.mark.parametrize(
    "body", [{"title": 5}, {"model": []}, {"title": "x" * 201}, {"model": "x" * 201}, {"title": "\ud800"}, [], "x"]
)
async def test_bad_chats_are_invalid(person, assistant, body):
    await failure(await person.ask("POST", "/v1/chats", json=body), 400, "invalid_request")
    assert not assistant.sessions.kept


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages")])
@pytest.mark.parametrize(
    "chat", ["chat_nothing", "s1", "chat_", "chat_" + "x" * 65, "chat_%00", "chat_%F0%9F", "x%2Fy"]
)
async def test_chats_that_do_not_exist(person, method, path, chat):
    response = await person.ask(method, f"/v1/chats/{chat}{path}", json={"content": "x"} if method == "POST" else None)
    await failure(response, 404, "not_found")


async def test_chats_of_others_do_not_exist(person, assistant, client):
    chat = await person.new_chat()
    other = Person(assistant, client, email="other@example.com")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages")):
        response = await other.ask(
            method, f"/v1/chats/{chat}{path}", json={"content": "x"} if method == "POST" else None
        )
        await failure(response, 404, "not_found", "Chat not found")
    assert (await success(await other.ask("GET", "/v1/chats")))["pagination"]["total"] == 0
    assert (await success(await person.ask("GET", f"/v1/chats/{chat}")))["message_count"] == 0


@BASES
async def test_pages_lead_to_each_other(person, base):
    for number in range(45):
        await person.new_chat(title=f"chat {number}")
    page = await success(await person.ask("GET", f"{base}/chats"))
    assert page["pagination"] == {
        "total": 45, "limit": 20, "offset": 0, "next": f"{base}/chats?limit=20&offset=20", "previous": None,
    }  # fmt: skip
    titles = [chat["title"] for chat in page["data"]]
    sizes = [20]
    while page["pagination"]["next"]:
        page = await success(await person.ask("GET", page["pagination"]["next"]))
        titles += [chat["title"] for chat in page["data"]]
        sizes.append(len(page["data"]))
    assert sizes == [20, 20, 5]
    assert titles == [f"chat {number}" for number in reversed(range(45))]
    assert page["pagination"]["previous"] == f"{base}/chats?limit=20&offset=20"
    assert page["data"][0].keys() == CHAT_KEYS


@pytest.mark.parametrize(
    ("query", "pagination"),
    [
        ("limit=500", {"limit": 100, "offset": 0, "next": None, "previous": None}),
        ("limit=2&offset=1", {"limit": 2, "offset": 1, "next": None, "previous": "/v1/chats?limit=2&offset=0"}),
        ("offset=999", {"limit": 20, "offset": 999, "next": None, "previous": "/v1/chats?limit=20&offset=0"}),
        ("limit=1&offset=999", {"limit": 1, "offset": 999, "next": None, "previous": "/v1/chats?limit=1&offset=2"}),
        ("limit=1", {"limit": 1, "offset": 0, "next": "/v1/chats?limit=1&offset=1", "previous": None}),
    ],
)
async def test_edges_of_pages(person, query, pagination):
    for _ in range(3):
        await person.new_chat()
    page = await success(await person.ask("GET", f"/v1/chats?{query}"))
    assert page["pagination"] == {"total": 3, **pagination}


@pytest.mark.parametrize("path", ["/v1/chats", "/v1/chats/{}/messages"])
@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "offset=-1", "limit=x", "offset=1.5", "limit=", "offset=+1", "limit=%D9%A3",
     "limit=" + "9" * 5000, "offset=" + "9" * 20, "limit=1e3", "offset=0x10", "limit=1%00"],
)  # fmt: skip
async def test_bad_pages_are_invalid(person, path, query):
    chat = await person.new_chat()
    await failure(await person.ask("GET", f"{path.format(chat)}?{query}"), 400, "invalid_request")


@BASES
async def test_message_is_answered(person, assistant, base):
    chat = await person.new_chat(model="gpt-4")
    said = await success(await person.ask("POST", f"{base}/chats/{chat}/messages", json={"content": " 12 x 12? "}), 201)
    assert said.keys() == MESSAGE_KEYS | {"reply"}
    assert said["reply"].keys() == MESSAGE_KEYS
    assert (said["role"], said["sender"], said["content"]) == ("user", "user", " 12 x 12? ")
    assert (said["reply"]["role"], said["reply"]["content"]) == ("assistant", "It is 144.")
    assert said["chat_id"] == said["reply"]["chat_id"] == chat
    assert said["id"].startswith("msg_")
    page = await success(await person.ask("GET", f"{base}/chats/{chat}/messages"))
    assert page["data"] == [{key: said[key] for key in MESSAGE_KEYS}, said["reply"]]
    assert page["pagination"] == {"total": 2, "limit": 20, "offset": 0, "next": None, "previous": None}
    (ask,) = assistant.chat.asks
    assert (ask.owner, ask.must_exist, ask.documents, ask.model) == (person.owner, True, True, "gpt-4")


async def test_pages_of_messages(person):
    chat = await person.new_chat()
    for number in range(3):
        await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": f"question {number}"})
    page = await success(await person.ask("GET", f"/api/v1/chats/{chat}/messages?limit=2&offset=2"))
    assert [one["content"] for one in page["data"]] == ["question 1", "It is 144."]
    path = f"/api/v1/chats/{chat}/messages"
    assert page["pagination"]["next"] == f"{path}?limit=2&offset=4"
    assert page["pagination"]["previous"] == f"{path}?limit=2&offset=0"


async def test_large_messages_come_back_whole(person, assistant):
    chat = await person.new_chat()
    text = "\u0939" * 300_000
    assistant.chat.deltas = [text]
    await success(await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "x"}), 201)
    page = await success(await person.ask("GET", f"/v1/chats/{chat}/messages"))
    assert page["data"][1]["content"] == text


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Short", "Short"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 47 + "..."),
        ("x" * 46 + "e\u0301" + "y" * 20, "x" * 46 + "..."),
        ("x" * 45 + "\U0001f469\u200d\U0001f4bb" + "y" * 20, "x" * 45 + "..."),
        ("x" * 46 + "\U0001f44d\U0001f3fd" + "y" * 20, "x" * 46 + "..."),
    ],
)
async def test_new_chat_is_named_after_its_first_message(person, content, title):
    chat = await person.new_chat()
    await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": content})
    assert (await success(await person.ask("GET", f"/v1/chats/{chat}")))["title"] == title


async def test_named_chat_keeps_its_name(person):
    chat = await person.new_chat(title="Mine")
    await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "Something"})
    assert (await success(await person.ask("GET", f"/v1/chats/{chat}")))["title"] == "Mine"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"{", b'{"content": ""}', b'{"content": " \\n"}', b'{"content": 5}', b'{"content": null}',
     b'{"content": "\\ud83d"}', b'\xef\xbb\xbf{"content": "x"}', b'{"content": "\xff"}'],
)  # fmt: skip
async def test_bad_messages_are_invalid(person, assistant, body):
    chat = await person.new_chat()
    await failure(await person.ask("POST", f"/v1/chats/{chat}/messages", data=body), 400, "invalid_request")
    assert not assistant.chat.asks


@pytest.mark.parametrize(
    ("reason", "metadata", "status", "code"),
    [
        (Reason.ENGINE_FAILED, {}, 502, "provider_error"),
        (Reason.SOURCE_UNREACHABLE, {}, 502, "provider_error"),
        (Reason.UNAUTHENTICATED, {"provider": "openai"}, 502, "provider_error"),
        (Reason.RATE_LIMITED, {"provider": "openai"}, 502, "provider_error"),
        (Reason.DEADLINE_EXCEEDED, {"provider": "openai"}, 502, "provider_error"),
        (Reason.INVALID_ARGUMENT, {"field": "messages"}, 502, "provider_error"),
        (Reason.INTERNAL, {}, 502, "provider_error"),
        (Reason.ENGINE_BUSY, {"retryAfterSeconds": "7"}, 503, "service_unavailable"),
        (Reason.SERVICE_UNAVAILABLE, {}, 503, "service_unavailable"),
        (Reason.DEADLINE_EXCEEDED, {}, 503, "service_unavailable"),
    ],
)
async def test_reply_that_fails_leaves_the_message(person, assistant, *, reason, metadata, status, code):
    chat = await person.new_chat()
    assistant.chat.failure = DomainError(reason, "It went wrong.", metadata)
    response = await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "x"})
    await failure(response, status, code)
    assert ("Retry-After" in response.headers) is (status == 503)
    page = await success(await person.ask("GET", f"/v1/chats/{chat}/messages"))
    assert [one["role"] for one in page["data"]] == ["user"]


@pytest.mark.slow
async def test_bug_is_500_and_tells_nothing(person, assistant):
    chat = await person.new_chat()
    assistant.chat.failure = RuntimeError("secret place")
    response = await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "x"})
    assert "secret" not in str(await failure(response, 500, "internal_error"))


async def test_messages_of_one_chat_wait_for_each_other_and_others_do_not(person, assistant):
    first, second = await person.new_chat(), await person.new_chat()
    assistant.chat.release.clear()
    paths = [f"/v1/chats/{chat}/messages" for chat in (first, first, second)]
    asking = []
    for number, path in enumerate(paths):
        asking.append(asyncio.create_task(person.ask("POST", path, json={"content": f"q{number}"})))
        await eventually(lambda number=number: begun(assistant, (1, 1, 2)[number]))
    assert [ask.text for ask in assistant.chat.asks] == ["q0", "q2"]
    assistant.chat.release.set()
    assert [(await one).status for one in asking] == [201, 201, 201]
    page = await success(await person.ask("GET", paths[0]))
    assert [one["content"] for one in page["data"]] == ["q0", "It is 144.", "q1", "It is 144."]


async def begun(assistant, count):
    return assistant.chat.running >= count


async def test_reply_is_finished_after_its_client_left(person, assistant):
    chat = await person.new_chat()
    assistant.chat.release.clear()
    asking = asyncio.create_task(person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "x"}))
    await assistant.chat.said.wait()
    asking.cancel()
    await asyncio.wait({asking})
    assert assistant.chat.running == 1
    assistant.chat.release.set()
    page = await eventually(lambda: answered(person, chat))
    assert page["data"][1]["content"] == "It is 144."


async def answered(person, chat):
    page = await success(await person.ask("GET", f"/v1/chats/{chat}/messages"))
    return page if len(page["data"]) == 2 else None


async def test_messages_beyond_the_bound_are_refused(person, assistant):
    chats = [await person.new_chat() for _ in range(17)]
    assistant.chat.release.clear()
    asking = [
        asyncio.create_task(person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "x"}))
        for chat in chats[:16]
    ]
    await eventually(lambda: begun(assistant, 16))
    response = await person.ask("POST", f"/v1/chats/{chats[16]}/messages", json={"content": "x"})
    await failure(response, 429, "rate_limit_exceeded")
    assistant.chat.release.set()
    assert {(await one).status for one in asking} == {201}


async def test_chat_that_is_deleted_while_it_is_answered_is_gone(person, assistant):
    chat = await person.new_chat()
    assistant.chat.release.clear()
    asking = asyncio.create_task(person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "x"}))
    await assistant.chat.said.wait()
    await success(await person.ask("DELETE", f"/v1/chats/{chat}"))
    assistant.chat.release.set()
    await failure(await asking, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/chats", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/api/v1/users/me", "GET, HEAD, OPTIONS, PUT"),
        ("GET", "/v1/auth/login", "OPTIONS, POST"),
        ("POST", "/v1/ws", "GET, OPTIONS"),
    ],
)
async def test_other_methods(client, method, path, allowed):
    response = await client.request(method, path)
    await failure(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/v1/chats/a/b", "/api/v1/settings", "/v1/users", "/v1/auth/x", "/v1/ws/x"])
async def test_unknown_paths(client, path):
    await failure(await client.get(path), 404, "not_found")
