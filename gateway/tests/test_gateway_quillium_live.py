"""The WebSocket of the quillium surface: frames, and what other connections see of them."""

import asyncio
import json
import time

import aiohttp
import pytest
from quillium_requests import BASES, TIME, Person, failure, success

from quintet_errors import DomainError, Reason
from quintet_testing import eventually


@pytest.fixture
def person(assistant, client):
    return Person(assistant, client)


async def say(connection, kind, **data):
    await connection.send_str(json.dumps({"type": kind, "data": data}))


async def hear(connection):
    async with asyncio.timeout(10):
        message = await connection.receive()
    assert message.type is aiohttp.WSMsgType.TEXT, message
    frame = json.loads(message.data)
    assert frame.keys() == {"type", "data"}
    return frame["type"], frame["data"]


async def closed(connection):
    async with asyncio.timeout(10):
        message = await connection.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return message.data


async def error(connection, code, message=None):
    kind, data = await hear(connection)
    assert (kind, data["code"]) == ("error", code), data
    assert message is None or data["message"] == message
    assert TIME.fullmatch(data["timestamp"])
    return data


async def exchange(connection, chat, content):
    kind, said = await hear(connection)
    assert (kind, said["sender"], said["content"], said["chat_id"]) == ("message", "user", content, chat)
    assert said["id"].startswith("msg_")
    assert TIME.fullmatch(said["timestamp"])
    kind, typing = await hear(connection)
    assert (kind, typing["chat_id"], typing["sender"], typing["is_typing"]) == ("typing", chat, "assistant", True)
    kind, reply = await hear(connection)
    assert (kind, reply["sender"], reply["content"], reply["chat_id"]) == ("message", "assistant", "It is 144.", chat)
    kind, typing = await hear(connection)
    assert (kind, typing["is_typing"]) == ("typing", False)


@BASES
async def test_message_and_reply_reach_all_connections_of_the_user(person, assistant, client, base):
    chat = await person.new_chat()
    stranger = await Person(assistant, client, email="other@example.com").connect()
    mine = [await person.connect(f"{base}/ws") for _ in range(3)]
    await say(mine[0], "message", chat_id=chat, content="12 x 12?", sender="assistant", timestamp="never")
    for connection in mine:
        await exchange(connection, chat, "12 x 12?")
    page = await success(await person.ask("GET", f"/v1/chats/{chat}/messages"))
    assert [one["content"] for one in page["data"]] == ["12 x 12?", "It is 144."]
    await say(stranger, "nothing")
    await error(stranger, "invalid_request", "Unknown message type")


async def test_message_by_http_reaches_the_connections(person):
    chat = await person.new_chat()
    connection = await person.connect()
    said = await success(await person.ask("POST", f"/v1/chats/{chat}/messages", json={"content": "12 x 12?"}), 201)
    await exchange(connection, chat, "12 x 12?")
    assert said["reply"]["content"] == "It is 144."


async def test_token_in_the_header_opens_a_connection(person):
    headers = {"Authorization": f"Bearer {person.token}"}
    connection = await person.client.ws_connect("/v1/ws", headers=headers)
    await say(connection, "x")
    await error(connection, "invalid_request")


async def test_typing_and_read_are_relayed_to_the_others(person, assistant):
    chat = await person.new_chat()
    one, other = await person.connect(), await person.connect()
    await say(one, "typing", chat_id=chat)
    await say(one, "typing", chat_id=chat, is_typing=False)
    for is_typing in (True, False):
        kind, data = await hear(other)
        assert (kind, data["chat_id"], data["sender"], data["is_typing"]) == ("typing", chat, "user", is_typing)
    await say(one, "read", chat_id=chat, message_id="msg_1")
    kind, data = await hear(other)
    assert (kind, data["chat_id"], data["message_id"]) == ("read", chat, "msg_1")
    session, _ = assistant.sessions.kept[person.owner, chat.removeprefix("chat_")]
    assert session.attributes["read_message_id"] == "msg_1"
    assert TIME.fullmatch(session.attributes["read_time"])
    await say(other, "typing", chat_id=chat)
    assert (await hear(one))[0] == "typing"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{", "invalid_request", "Invalid message format"),
        ("[]", "invalid_request", "Invalid message format"),
        ("7", "invalid_request", "Invalid message format"),
        ('{"type": "message"}', "invalid_request", "Invalid message format"),
        ('{"type": 5, "data": {}}', "invalid_request", "Invalid message format"),
        ('{"type": "message", "data": NaN}', "invalid_request", "Invalid message format"),
        ("[" * 100_000, "invalid_request", "Invalid message format"),
        ('{"type": "shout", "data": {}}', "invalid_request", "Unknown message type"),
        ('{"type": "error", "data": {}}', "invalid_request", "Unknown message type"),
        ('{"type": "message", "data": {}}', "invalid_request", "chat_id is required"),
        ('{"type": "message", "data": {"chat_id": 5, "content": "x"}}', "invalid_request", None),
        ('{"type": "message", "data": {"chat_id": "CHAT"}}', "invalid_request", "content is required"),
        ('{"type": "message", "data": {"chat_id": "CHAT", "content": " "}}', "invalid_request", None),
        ('{"type": "message", "data": {"chat_id": "CHAT", "content": "\\ud800"}}', "invalid_request", None),
        ('{"type": "message", "data": {"chat_id": "chat_none", "content": "x"}}', "not_found", "Chat not found"),
        ('{"type": "message", "data": {"chat_id": "\\u0000", "content": "x"}}', "not_found", "Chat not found"),
        ('{"type": "typing", "data": {"chat_id": "chat_none"}}', "not_found", None),
        ('{"type": "typing", "data": {"chat_id": "CHAT", "is_typing": "yes"}}', "invalid_request", None),
        ('{"type": "read", "data": {"chat_id": "chat_none"}}', "not_found", None),
        ('{"type": "read", "data": {"chat_id": "CHAT", "message_id": 5}}', "invalid_request", None),
    ],
)
async def test_bad_frames_are_told_and_the_connection_stays(person, text, code, message):
    chat = await person.new_chat()
    connection = await person.connect()
    await connection.send_str(text.replace("CHAT", chat))
    await error(connection, code, message)
    await say(connection, "message", chat_id=chat, content="Still here?")
    await exchange(connection, chat, "Still here?")


async def test_chat_of_another_user_does_not_exist(person, assistant, client):
    chat = await person.new_chat()
    other = await Person(assistant, client, email="other@example.com").connect()
    for kind in ("message", "typing", "read"):
        await say(other, kind, chat_id=chat, content="x")
        assert (await error(other, "not_found"))["chat_id"] == chat
    assert not assistant.chat.asks


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Reason.ENGINE_FAILED, "provider_error"), (Reason.SERVICE_UNAVAILABLE, "service_unavailable"),
     (Reason.ENGINE_BUSY, "service_unavailable"), (Reason.SOURCE_UNREACHABLE, "provider_error")],
)  # fmt: skip
async def test_reply_that_fails_is_told_to_the_sender(person, assistant, reason, code):
    chat = await person.new_chat()
    sender, other = await person.connect(), await person.connect()
    assistant.chat.failure = DomainError(reason, "It went wrong.")
    await say(sender, "message", chat_id=chat, content="x")
    frames = [await hear(sender) for _ in range(4)]
    assert [kind for kind, _ in frames] == ["message", "typing", "error", "typing"]
    assert (frames[2][1]["code"], frames[2][1]["chat_id"]) == (code, chat)
    assert frames[3][1]["is_typing"] is False
    assert [(await hear(other))[0] for _ in range(3)] == ["message", "typing", "typing"]


async def test_bug_is_told_as_an_internal_error(person, assistant):
    chat = await person.new_chat()
    connection = await person.connect()
    assistant.sessions.failure = RuntimeError("secret place")
    await say(connection, "typing", chat_id=chat)
    assert "secret" not in str(await error(connection, "internal_error"))


async def test_messages_of_one_chat_are_answered_in_order(person, assistant):
    chats = [await person.new_chat() for _ in range(2)]
    connection = await person.connect()
    assistant.chat.release.clear()
    for number in range(6):
        await say(connection, "message", chat_id=chats[number % 2], content=f"q{number}")
    await eventually(lambda: are_running(assistant, 2))
    assistant.chat.release.set()
    frames = [await hear(connection) for _ in range(24)]
    for chat in chats:
        asked = [data["content"] for kind, data in frames if kind == "message" and data["chat_id"] == chat]
        numbers = range(chats.index(chat), 6, 2)
        assert asked == [text for number in numbers for text in (f"q{number}", "It is 144.")]


async def are_running(assistant, count):
    return assistant.chat.running == count


async def test_connection_answers_pings_while_it_works(person, assistant):
    chat = await person.new_chat()
    connection = await person.connect()
    assistant.chat.release.clear()
    for _ in range(16):
        await say(connection, "message", chat_id=chat, content="x")
    await say(connection, "message", chat_id=chat, content="one too many")
    kinds = [(await hear(connection))[0] for _ in range(3)]
    assert sorted(kinds) == ["error", "message", "typing"]
    await connection.ping(b"there?")
    async with asyncio.timeout(5):
        message = await connection.receive()
    assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"there?")
    assistant.chat.release.set()


async def test_reply_is_finished_after_its_connection_closed(person, assistant):
    chat = await person.new_chat()
    sender, other = await person.connect(), await person.connect()
    assistant.chat.release.clear()
    await say(sender, "message", chat_id=chat, content="12 x 12?")
    await assistant.chat.said.wait()
    await sender.close()
    assistant.chat.release.set()
    await exchange(other, chat, "12 x 12?")


async def test_logout_ends_all_connections_and_a_revoked_token_its_own(person):
    one, other = await person.connect(), await person.connect()
    second = person.identity.token(person.user)
    await success(await person.ask("POST", "/v1/auth/logout", token=second))
    assert [await closed(one), await closed(other)] == [1008, 1008]
    connection = await person.connect()
    await person.identity.revoke(person.user.user_id)
    assert await closed(connection) == 1008


async def test_token_that_grows_old_ends_no_connection(person):
    # Clocks may differ by five seconds, so that this token has a second or two to live.
    person.token = person.identity.token(person.user, expires_at=int(time.time()) - 3)
    connection = await person.connect()
    await eventually(lambda: is_refused(person))
    chat = await renewed(person).new_chat()
    await say(connection, "message", chat_id=chat, content="Still here?")
    await exchange(connection, chat, "Still here?")


async def is_refused(person):
    return (await person.ask("GET", "/v1/users/me")).status == 401


def renewed(person):
    person.token = person.identity.token(person.user)
    return person


async def test_messages_of_a_connection_spend_the_requests_of_the_user(start, assistant):
    person = Person(assistant, await start(limits="documented"))
    chat = await person.new_chat()
    connection = await person.connect()
    for number in range(98):
        await say(connection, "message", chat_id=chat, content=f"{number}")
        await exchange(connection, chat, f"{number}")
    await say(connection, "message", chat_id=chat, content="one too many")
    await error(connection, "rate_limit_exceeded")
    await failure(await person.ask("GET", "/v1/chats"), 429, "rate_limit_exceeded")
    await say(connection, "typing", chat_id="chat_none")
    await error(connection, "not_found")
