"""Conversations over real gRPC, page by page."""

import pytest
from scripted_services import ScriptedServices

from quintet.session.v1.session_service_pb2 import Message
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Owner, Sessions
from quintet_gateway.clients.session import SessionClient
from quintet_testing import serve

MAYA, ZOE = Owner("aegis", "maya"), Owner("aegis", "zoe")


@pytest.fixture
async def services():
    return ScriptedServices()


@pytest.fixture
async def sessions(services):
    async with serve(services.register) as channel:
        yield Sessions(SessionClient(channel))


async def test_session_keeps_its_attributes(sessions):
    made = await sessions.create(MAYA, "Sums", {"model": "fast", "colour": "red"})
    changed = await sessions.set_attributes(MAYA, made.session_id, {"colour": "", "size": "4"})
    assert dict(changed.attributes) == {"model": "fast", "size": "4"}
    assert await sessions.get(MAYA, made.session_id) == changed


async def test_session_of_another_owner_does_not_exist(sessions):
    made = await sessions.create(MAYA, "Sums")
    for asking in (sessions.get(ZOE, made.session_id), sessions.set_attributes(ZOE, made.session_id, {"a": "b"})):
        with pytest.raises(DomainError) as failure:
            await asking
        assert failure.value.reason is Reason.SESSION_NOT_FOUND


async def test_owner_of_a_session_is_told_within_its_surface(sessions):
    made = await sessions.create(MAYA, "Sums")
    assert await sessions.owner_of("aegis", made.session_id) == MAYA
    with pytest.raises(DomainError) as failure:
        await sessions.owner_of("nexus", made.session_id)
    assert failure.value.reason is Reason.SESSION_NOT_FOUND


@pytest.mark.parametrize(("limit", "offset", "expected"), [(2, 0, "01"), (5, 1, "12345"), (50, 6, "67"), (5, 9, "")])
async def test_page_of_sessions_is_as_long_as_asked(services, sessions, limit, offset, expected):
    for number in range(8):
        services.session.put(str(number), "maya")
    services.session.put("z", "zoe")
    page, total = await sessions.page(MAYA, limit, offset)
    assert ("".join(one.session_id for one in page), total) == (expected, 8)


async def test_all_sessions_come_from_all_pages(services, sessions):
    for number in range(8):
        services.session.put(str(number), "maya")
    assert [one.session_id for one in await sessions.list_all(MAYA)] == list("01234567")


@pytest.mark.parametrize(("limit", "offset", "expected"), [(2, 0, [0, 1]), (6, 3, [3, 4, 5, 6, 7, 8]), (9, 8, [8, 9])])
async def test_page_of_messages_is_as_long_as_asked(services, sessions, limit, offset, expected):
    services.session.put("s1", "maya", count=10)
    session, messages = await sessions.messages_page(MAYA, "s1", limit, offset)
    assert session.message_count == 10
    assert [message.content for message in messages] == [f"m{number}" for number in expected]


async def test_message_is_found_by_its_id_for_its_owner_only(services, sessions):
    services.session.put("s1", "maya", count=2)
    wanted = services.session.messages["s1"][1]
    assert await sessions.message(MAYA, wanted.message_id) == wanted
    with pytest.raises(DomainError) as failure:
        await sessions.message(ZOE, wanted.message_id)
    assert failure.value.reason is Reason.MESSAGE_NOT_FOUND


async def test_count_is_that_of_a_surface(services, sessions):
    services.session.put("1", "maya")
    services.session.put("2", "zoe")
    services.session.put("3", "maya", surface="nexus")
    assert await sessions.count("aegis") == 2


async def test_a_conversation_too_long_for_memory_is_refused(services, sessions):
    services.session.put("long", "maya")
    for _ in range(17):
        services.session._add("long", Message(role=Message.ROLE_USER, content="x" * (1 << 20)))
    assert len((await sessions.messages(MAYA, "long"))[1]) == 17
    for _ in range(50):
        services.session._add("long", Message(role=Message.ROLE_USER, content="x" * (1 << 20)))
    with pytest.raises(DomainError) as failure:
        await sessions.messages(MAYA, "long")
    assert failure.value.reason is Reason.PAYLOAD_TOO_LARGE
