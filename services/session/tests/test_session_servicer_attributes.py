"""Attributes, given message ids and offsets of quintet.session.v1 over real gRPC."""

from typing import Any

import pytest
from refusals import refused

from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet_errors import Reason

SCOPE = pb.Scope(surface="quillium", owner="ann")
OTHERS = [pb.Scope(surface="quillium", owner="bob"), pb.Scope(surface="nexus", owner="ann")]
ODD_TEXTS = ("'; DROP TABLE sessions;--", "<script>x</script>", "a\r\nSet-Cookie: b=c", "a\x00b", "{{7*7}} %s", "नमस्ते")


async def create(sessions: rpc.SessionServiceStub, scope: pb.Scope = SCOPE, **attributes: str) -> pb.Session:
    return (await sessions.CreateSession(pb.CreateSessionRequest(scope=scope, attributes=attributes))).session


def appending(session_id: str, *ids: str, key: str = "k", scope: pb.Scope = SCOPE) -> pb.AppendMessagesRequest:
    messages = [pb.Message(message_id=given, role=pb.Message.ROLE_USER, content=f"text of {given}") for given in ids]
    return pb.AppendMessagesRequest(scope=scope, session_id=session_id, messages=messages, idempotency_key=key)


async def test_attributes_from_creation_to_removal(sessions: rpc.SessionServiceStub) -> None:
    created = await create(sessions, model="small", mode="voice")
    assert dict(created.attributes) == {"model": "small", "mode": "voice"}
    update = pb.UpdateSessionRequest(scope=SCOPE, session_id=created.session_id, attributes={"mode": "", "tag": "x"})
    updated = (await sessions.UpdateSession(update)).session
    assert dict(updated.attributes) == {"model": "small", "tag": "x"}
    assert (updated.title, updated.update_time) == (created.title, created.update_time)
    request = appending(created.session_id, "")
    request.attributes["model"] = "large"
    appended = (await sessions.AppendMessages(request)).session
    assert dict(appended.attributes) == {"model": "large", "tag": "x"}
    listed = await sessions.ListSessions(pb.ListSessionsRequest(scope=SCOPE))
    assert list(listed.sessions) == [appended]


async def test_odd_texts_are_answered_as_they_came(sessions: rpc.SessionServiceStub) -> None:
    for number, text in enumerate(ODD_TEXTS):
        session = (
            await sessions.CreateSession(pb.CreateSessionRequest(scope=SCOPE, title=text, attributes={text: text}))
        ).session
        assert (session.title, dict(session.attributes)) == (text, {text: text})
        request = appending(session.session_id, text, key=text)
        request.messages[0].content = text
        (stored,) = (await sessions.AppendMessages(request)).messages
        found = await sessions.GetMessage(pb.GetMessageRequest(scope=SCOPE, message_id=text))
        assert (found.message, found.session_id) == (stored, session.session_id)
        assert (stored.message_id, stored.content) == (text, text)
        counted = await sessions.CountSessions(pb.CountSessionsRequest(surface="quillium"))
        assert counted.session_count == number + 1


async def test_a_given_id_is_kept_and_taken_once(sessions: rpc.SessionServiceStub) -> None:
    session_id = (await create(sessions)).session_id
    request = appending(session_id, "question", "")
    appended = await sessions.AppendMessages(request)
    assert [message.message_id for message in appended.messages] == ["question", f"{session_id}-2"]
    assert await sessions.AppendMessages(request) == appended
    error = await refused(sessions.AppendMessages(appending(session_id, "question", key="other")))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "messages.message_id"})
    await sessions.DeleteSession(pb.DeleteSessionRequest(scope=SCOPE, session_id=session_id))
    error = await refused(sessions.GetMessage(pb.GetMessageRequest(scope=SCOPE, message_id="question")))
    assert (error.reason, error.metadata) == (Reason.MESSAGE_NOT_FOUND, {"messageId": "question"})


@pytest.mark.parametrize("other", OTHERS)
async def test_other_scopes_reach_nothing(sessions: rpc.SessionServiceStub, other: pb.Scope) -> None:
    session = await create(sessions, secret="mine")
    session_id = session.session_id
    await sessions.AppendMessages(appending(session_id, "id"))
    calls: list[tuple[Any, Reason]] = [
        (sessions.GetMessage(pb.GetMessageRequest(scope=other, message_id="id")), Reason.MESSAGE_NOT_FOUND),
        (
            sessions.UpdateSession(
                pb.UpdateSessionRequest(scope=other, session_id=session_id, attributes={"secret": ""})
            ),
            Reason.SESSION_NOT_FOUND,
        ),
        (sessions.AppendMessages(appending(session_id, "x", scope=other)), Reason.SESSION_NOT_FOUND),
        (
            sessions.ListMessages(pb.ListMessagesRequest(scope=other, session_id=session_id, offset=0)),
            Reason.SESSION_NOT_FOUND,
        ),
    ]
    for call, reason in calls:
        assert (await refused(call)).reason is reason
    listed = await sessions.ListSessions(pb.ListSessionsRequest(scope=other, offset=0))
    assert (list(listed.sessions), listed.total_count) == ([], 0)
    kept = (await sessions.GetSession(pb.GetSessionRequest(scope=SCOPE, session_id=session_id))).session
    assert (dict(kept.attributes), kept.message_count) == ({"secret": "mine"}, 1)


async def test_offsets_of_both_lists(sessions: rpc.SessionServiceStub) -> None:
    ids = [(await create(sessions)).session_id for _ in range(5)]
    page = await sessions.ListSessions(pb.ListSessionsRequest(scope=SCOPE, page_size=2, offset=1))
    assert [session.session_id for session in page.sessions] == [ids[3], ids[2]]
    assert page.total_count == 5
    rest = await sessions.ListSessions(pb.ListSessionsRequest(scope=SCOPE, page_token=page.next_page_token))
    assert [session.session_id for session in rest.sessions] == [ids[1], ids[0]]
    await sessions.AppendMessages(appending(ids[0], *map(str, range(10))))
    request = pb.ListMessagesRequest(scope=SCOPE, session_id=ids[0], page_size=2, offset=7)
    listed = await sessions.ListMessages(request)
    assert [message.message_id for message in listed.messages] == ["7", "8"]
    request.order = pb.ListMessagesRequest.ORDER_NEWEST_FIRST
    listed = await sessions.ListMessages(request)
    assert [message.message_id for message in listed.messages] == ["2", "1"]
    request.offset = 2**63 - 1
    assert not (await sessions.ListMessages(request)).messages


async def test_a_surface_knows_its_owners(sessions: rpc.SessionServiceStub) -> None:
    session_id = (await create(sessions)).session_id
    answer = await sessions.GetSessionOwner(pb.GetSessionOwnerRequest(surface="quillium", session_id=session_id))
    assert answer.scope == SCOPE
    error = await refused(sessions.GetSessionOwner(pb.GetSessionOwnerRequest(surface="nexus", session_id=session_id)))
    assert (error.reason, error.metadata) == (Reason.SESSION_NOT_FOUND, {"sessionId": session_id})


async def test_the_largest_attributes_come_in_pages_that_fit(sessions: rpc.SessionServiceStub) -> None:
    largest = {f"{number:02}" + "न" * 62: "😀" * 1000 for number in range(32)}
    count = 60
    for _ in range(count):
        await sessions.CreateSession(pb.CreateSessionRequest(scope=SCOPE, attributes=largest))
    request = pb.ListSessionsRequest(scope=SCOPE, page_size=1000)
    seen: set[str] = set()
    while True:
        page = await sessions.ListSessions(request)
        assert page.ByteSize() < 8 << 20
        seen |= {session.session_id for session in page.sessions}
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert len(seen) == count
