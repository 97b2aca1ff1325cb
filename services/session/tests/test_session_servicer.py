"""quintet.session.v1 over real gRPC."""

import asyncio

import pytest
from refusals import refused

from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet_errors import Reason
from quintet_session import page_tokens

SCOPE = pb.Scope(surface="nexus", owner="anonymous")


def user(text: str) -> pb.Message:
    return pb.Message(role=pb.Message.ROLE_USER, content=text)


@pytest.fixture
async def session_id(sessions: rpc.SessionServiceStub) -> str:
    response = await sessions.CreateSession(pb.CreateSessionRequest(scope=SCOPE, title="New Chat"))
    return response.session.session_id


async def test_a_conversation_from_its_start_to_its_end(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    append = pb.AppendMessagesRequest(
        scope=SCOPE,
        session_id=session_id,
        messages=[user("नमस्ते \x00\u202e"), pb.Message(role=pb.Message.ROLE_ASSISTANT, content="Hello")],
        idempotency_key="k",
        title_if_first="Greeting",
    )
    appended = await sessions.AppendMessages(append)
    assert appended == await sessions.AppendMessages(append)
    assert [(message.sequence, message.role) for message in appended.messages] == [(1, 1), (2, 2)]
    assert (appended.session.title, appended.session.message_count) == ("Greeting", 2)
    assert appended.session.update_time.ToMicroseconds() >= appended.session.create_time.ToMicroseconds() > 0
    renamed = await sessions.UpdateSession(pb.UpdateSessionRequest(scope=SCOPE, session_id=session_id, title="T"))
    assert (
        await sessions.GetSession(pb.GetSessionRequest(scope=SCOPE, session_id=session_id))
    ).session == renamed.session
    listed = await sessions.ListMessages(pb.ListMessagesRequest(scope=SCOPE, session_id=session_id))
    assert list(listed.messages) == list(appended.messages)
    assert listed.session == renamed.session
    await sessions.ClearMessages(pb.ClearMessagesRequest(scope=SCOPE, session_id=session_id))
    listed = await sessions.ListMessages(pb.ListMessagesRequest(scope=SCOPE, session_id=session_id))
    assert (len(listed.messages), listed.session.title) == (0, "T")
    await sessions.DeleteSession(pb.DeleteSessionRequest(scope=SCOPE, session_id=session_id))
    error = await refused(sessions.GetSession(pb.GetSessionRequest(scope=SCOPE, session_id=session_id)))
    assert (error.reason, error.metadata) == (Reason.SESSION_NOT_FOUND, {"sessionId": session_id})


async def test_pages_of_sessions(sessions: rpc.SessionServiceStub) -> None:
    ids = [(await sessions.CreateSession(pb.CreateSessionRequest(scope=SCOPE))).session.session_id for _ in range(7)]
    seen: list[str] = []
    token = ""
    while True:
        page = await sessions.ListSessions(pb.ListSessionsRequest(scope=SCOPE, page_size=3, page_token=token))
        assert page.total_count == 7
        seen += [session.session_id for session in page.sessions]
        token = page.next_page_token
        if not token:
            break
    assert seen == ids[::-1]


async def test_pages_of_messages_in_both_orders(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    await sessions.AppendMessages(
        pb.AppendMessagesRequest(
            scope=SCOPE, session_id=session_id, messages=[user(str(n)) for n in range(10)], idempotency_key="k"
        )
    )
    request = pb.ListMessagesRequest(scope=SCOPE, session_id=session_id, page_size=4)
    for order, expected in (
        (pb.ListMessagesRequest.ORDER_UNSPECIFIED, list(range(1, 11))),
        (pb.ListMessagesRequest.ORDER_NEWEST_FIRST, list(range(10, 0, -1))),
    ):
        request.order = order
        request.page_token = ""
        seen: list[int] = []
        while True:
            page = await sessions.ListMessages(request)
            seen += [message.sequence for message in page.messages]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        assert seen == expected


async def test_large_messages_come_in_pages_that_fit(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    for number in range(3):
        await sessions.AppendMessages(
            pb.AppendMessagesRequest(
                scope=SCOPE,
                session_id=session_id,
                messages=[user("x" * (1 << 20)) for _ in range(5)],
                idempotency_key=str(number),
            )
        )
    request = pb.ListMessagesRequest(scope=SCOPE, session_id=session_id, page_size=1000)
    sequences: list[int] = []
    while True:
        page = await sessions.ListMessages(request)
        assert page.ByteSize() < 8 << 20
        sequences += [message.sequence for message in page.messages]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert sequences == list(range(1, 16))


APPEND = {"scope": SCOPE, "session_id": "s", "messages": [user("x")], "idempotency_key": "k"}
BAD_CALLS = [
    ("CreateSession", pb.CreateSessionRequest(), "scope.surface", Reason.MISSING_FIELD),
    (
        "CreateSession",
        pb.CreateSessionRequest(scope=pb.Scope(surface="nexus", owner=" ")),
        "scope.owner",
        Reason.MISSING_FIELD,
    ),
    (
        "CreateSession",
        pb.CreateSessionRequest(scope=pb.Scope(surface="x" * 33, owner="a")),
        "scope.surface",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "CreateSession",
        pb.CreateSessionRequest(scope=pb.Scope(surface="x", owner="a" * 129)),
        "scope.owner",
        Reason.INVALID_ARGUMENT,
    ),
    ("CreateSession", pb.CreateSessionRequest(scope=SCOPE, title="x" * 201), "title", Reason.INVALID_ARGUMENT),
    ("GetSession", pb.GetSessionRequest(scope=SCOPE), "session_id", Reason.MISSING_FIELD),
    ("ListSessions", pb.ListSessionsRequest(scope=SCOPE, page_size=-1), "page_size", Reason.INVALID_ARGUMENT),
    ("ListSessions", pb.ListSessionsRequest(scope=SCOPE, page_size=1001), "page_size", Reason.INVALID_ARGUMENT),
    ("ListSessions", pb.ListSessionsRequest(scope=SCOPE, page_token="%%%"), "page_token", Reason.INVALID_ARGUMENT),
    (
        "ListMessages",
        pb.ListMessagesRequest(scope=SCOPE, session_id="s", page_token="QUJD"),
        "page_token",
        Reason.INVALID_ARGUMENT,
    ),
    ("ListMessages", pb.ListMessagesRequest(scope=SCOPE, session_id="s", order=9), "order", Reason.INVALID_ARGUMENT),  # type: ignore[arg-type]
    ("ListSessions", pb.ListSessionsRequest(scope=SCOPE, offset=-1), "offset", Reason.INVALID_ARGUMENT),
    (
        "ListSessions",
        pb.ListSessionsRequest(
            scope=SCOPE, offset=1, page_token=page_tokens.encode(5, "sessions", "nexus", "anonymous")
        ),
        "offset",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "ListMessages",
        pb.ListMessagesRequest(scope=SCOPE, session_id="s", offset=-(2**63)),
        "offset",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "ListMessages",
        pb.ListMessagesRequest(
            scope=SCOPE, session_id="s", offset=1, page_token=page_tokens.encode(5, "messages", "s", "False")
        ),
        "offset",
        Reason.INVALID_ARGUMENT,
    ),
    ("GetMessage", pb.GetMessageRequest(scope=SCOPE), "message_id", Reason.MISSING_FIELD),
    ("CountSessions", pb.CountSessionsRequest(), "surface", Reason.MISSING_FIELD),
    ("CountSessions", pb.CountSessionsRequest(surface="x" * 33), "surface", Reason.INVALID_ARGUMENT),
    ("GetSessionOwner", pb.GetSessionOwnerRequest(surface="nexus"), "session_id", Reason.MISSING_FIELD),
    ("GetSessionOwner", pb.GetSessionOwnerRequest(session_id="s"), "surface", Reason.MISSING_FIELD),
    ("UpdateSession", pb.UpdateSessionRequest(scope=SCOPE, session_id="s"), "title", Reason.MISSING_FIELD),
    (
        "UpdateSession",
        pb.UpdateSessionRequest(scope=SCOPE, session_id="s", title="x" * 201),
        "title",
        Reason.INVALID_ARGUMENT,
    ),
    ("AppendMessages", pb.AppendMessagesRequest(**{**APPEND, "messages": []}), "messages", Reason.MISSING_FIELD),
    (
        "AppendMessages",
        pb.AppendMessagesRequest(**{**APPEND, "messages": [user("x")] * 101}),
        "messages",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AppendMessages",
        pb.AppendMessagesRequest(**{**APPEND, "messages": [pb.Message(content="x")]}),
        "messages.role",
        Reason.MISSING_FIELD,
    ),
    (
        "AppendMessages",
        pb.AppendMessagesRequest(**{**APPEND, "messages": [pb.Message(role=9)]}),
        "messages.role",
        Reason.INVALID_ARGUMENT,
    ),  # type: ignore[arg-type]
    (
        "AppendMessages",
        pb.AppendMessagesRequest(**{**APPEND, "idempotency_key": ""}),
        "idempotency_key",
        Reason.MISSING_FIELD,
    ),
    (
        "AppendMessages",
        pb.AppendMessagesRequest(**{**APPEND, "idempotency_key": "k" * 129}),
        "idempotency_key",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AppendMessages",
        pb.AppendMessagesRequest(**APPEND, title_if_first="x" * 201),
        "title_if_first",
        Reason.INVALID_ARGUMENT,
    ),
    *(
        (
            "AppendMessages",
            pb.AppendMessagesRequest(**{**APPEND, "messages": [pb.Message(role=1, message_id=message_id)]}),
            "messages.message_id",
            Reason.INVALID_ARGUMENT,
        )
        for message_id in ("x" * 65, "0123456789abcdef" * 2 + "-7")
    ),
    *(
        (method, request_type(**arguments, attributes=attributes), "attributes", Reason.INVALID_ARGUMENT)
        for attributes in ({"": "x"}, {"n" * 65: "x"}, {"n": "x" * 1001})
        for method, request_type, arguments in (
            ("CreateSession", pb.CreateSessionRequest, {"scope": SCOPE}),
            ("UpdateSession", pb.UpdateSessionRequest, {"scope": SCOPE, "session_id": "s", "title": "T"}),
            ("AppendMessages", pb.AppendMessagesRequest, APPEND),
        )
    ),
    (
        "CreateSession",
        pb.CreateSessionRequest(scope=SCOPE, attributes={str(number): "x" for number in range(33)}),
        "attributes",
        Reason.INVALID_ARGUMENT,
    ),
]


@pytest.mark.parametrize(("method", "request_message", "field", "reason"), BAD_CALLS)
async def test_bad_arguments_are_named(
    sessions: rpc.SessionServiceStub, method: str, request_message: object, field: str, reason: Reason
) -> None:
    error = await refused(getattr(sessions, method)(request_message))
    assert (error.reason, dict(error.metadata)) == (reason, {"field": field})


async def test_messages_over_a_mebibyte_are_refused(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    for contents in (["é" * (1 << 19) + "x"], ["x" * (1 << 20)] * 7):
        request = pb.AppendMessagesRequest(
            scope=SCOPE, session_id=session_id, messages=[user(text) for text in contents], idempotency_key="k"
        )
        error = await refused(sessions.AppendMessages(request))
        assert error.reason is Reason.PAYLOAD_TOO_LARGE
        assert int(error.metadata["receivedBytes"]) > int(error.metadata["maxBytes"])


@pytest.mark.parametrize("session_id", ["../../etc/passwd", "x" * 100_000, "' OR 1=1 --", "\x00", "日本"])
async def test_odd_session_ids_are_just_not_found(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    error = await refused(sessions.GetSession(pb.GetSessionRequest(scope=SCOPE, session_id=session_id)))
    assert error.reason is Reason.SESSION_NOT_FOUND


async def test_one_owner_cannot_read_anothers_sessions(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    other = pb.Scope(surface="nexus", owner="someone")
    error = await refused(sessions.ListMessages(pb.ListMessagesRequest(scope=other, session_id=session_id)))
    assert error.reason is Reason.SESSION_NOT_FOUND
    token_page = await sessions.ListSessions(pb.ListSessionsRequest(scope=other))
    assert (len(token_page.sessions), token_page.total_count) == (0, 0)


async def test_appends_of_many_callers_leave_no_gap(sessions: rpc.SessionServiceStub, session_id: str) -> None:
    async def append(number: int) -> int:
        response = await sessions.AppendMessages(
            pb.AppendMessagesRequest(
                scope=SCOPE, session_id=session_id, messages=[user(str(number))], idempotency_key=str(number)
            )
        )
        return response.messages[0].sequence

    sequences = await asyncio.gather(*(append(number) for number in range(200)))
    assert sorted(sequences) == list(range(1, 201))
