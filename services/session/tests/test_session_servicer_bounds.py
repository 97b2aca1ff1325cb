"""Bounds, events and the parts of messages of quintet.session.v1 over real gRPC."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from refusals import refused
from told_events import listen, told

from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet.session.v1.event_pb2 import Event
from quintet.vision.v1 import vision_service_pb2 as vision_pb
from quintet_errors import Reason
from quintet_session import store as records
from quintet_session.webhook_store import EventRecord

SCOPE = pb.Scope(surface="omni", owner="ann")
STORE_SCOPE = records.Scope("omni", "ann")
DAY_S = 86_400
CREATED = Event(type="session.created", data='{"n": 1}')
ENDED = Event(type="session.ended", data='{"reason": "evicted"}')
COMPLETED = Event(type="response.completed")
ANALYSIS = vision_pb.ImageAnalysis(
    objects=[vision_pb.DetectedObject(label="cup", confidence=0.75)], description="एक कप", confidence=0.5, width=640
)


def user(text: str, **parts: Any) -> pb.Message:
    return pb.Message(role=pb.Message.ROLE_USER, content=text, **parts)


def appending(session_id: str, *messages: pb.Message, key: str = "k", **rest: Any) -> pb.AppendMessagesRequest:
    return pb.AppendMessagesRequest(scope=SCOPE, session_id=session_id, messages=messages, idempotency_key=key, **rest)


async def create(sessions: rpc.SessionServiceStub, **rest: Any) -> pb.CreateSessionResponse:
    return await sessions.CreateSession(pb.CreateSessionRequest(scope=SCOPE, **rest))


@pytest.fixture
def wakes(service: Any) -> Iterator[list[None]]:
    """Grows by one each time that the service wakes who waits for deliveries."""
    seen: list[None] = []
    service.store.webhooks.on_notify(lambda: seen.append(None))
    yield seen
    service.store.webhooks.on_notify(lambda: None)


async def test_an_owner_gets_one_session_again_and_again(sessions: rpc.SessionServiceStub) -> None:
    made = await asyncio.gather(*(create(sessions, title=str(number), reuse_newest=True) for number in range(10)))
    assert len({created.session.session_id for created in made}) == 1
    assert len({created.session.title for created in made}) == 1
    listed = await sessions.ListSessions(pb.ListSessionsRequest(scope=SCOPE))
    assert list(listed.sessions) == [made[0].session]


async def test_the_least_recently_updated_sessions_leave(service: Any, wakes: list[None]) -> None:
    sessions = service.sessions
    await listen(service.store, STORE_SCOPE)
    first, second = [(await create(sessions)).session.session_id for _ in range(2)]
    await sessions.AppendMessages(appending(first, user("x")))
    assert wakes == []
    created = await create(sessions, max_sessions=2, created_event=CREATED, evicted_event=ENDED)
    assert list(created.evicted_session_ids) == [second]
    error = await refused(sessions.GetSession(pb.GetSessionRequest(scope=SCOPE, session_id=second)))
    assert error.reason is Reason.SESSION_NOT_FOUND
    assert len(wakes) == 1
    assert await told(service.store, STORE_SCOPE) == [
        (created.session.session_id, EventRecord(CREATED.type, CREATED.data)),
        (second, EventRecord(ENDED.type, ENDED.data)),
    ]


@pytest.mark.parametrize("idle", [Duration(seconds=1), Duration(seconds=400 * DAY_S), Duration(seconds=90, nanos=5000)])
async def test_a_session_says_when_it_ends(sessions: rpc.SessionServiceStub, idle: Duration) -> None:
    created = (await create(sessions, idle_lifetime=idle)).session
    microseconds = created.expire_time.ToMicroseconds() - created.update_time.ToMicroseconds()
    assert microseconds == idle.ToMicroseconds()
    assert not (await create(sessions)).session.HasField("expire_time")


async def test_changes_are_told_once_each_and_wake_who_waits(service: Any, wakes: list[None]) -> None:
    sessions = service.sessions
    await listen(service.store, STORE_SCOPE)
    session_id = (await create(sessions, created_event=CREATED)).session.session_id
    assert len(wakes) == 1
    for _ in range(2):
        await sessions.AppendMessages(appending(session_id, user("x"), event=COMPLETED))
    await sessions.AppendMessages(appending(session_id, user("y"), key="untold"))
    assert len(wakes) == 3
    await sessions.DeleteSession(pb.DeleteSessionRequest(scope=SCOPE, session_id=session_id, event=ENDED))
    assert len(wakes) == 4
    error = await refused(
        sessions.DeleteSession(pb.DeleteSessionRequest(scope=SCOPE, session_id=session_id, event=ENDED))
    )
    assert (error.reason, len(wakes)) == (Reason.SESSION_NOT_FOUND, 4)
    assert await told(service.store, STORE_SCOPE) == [
        (session_id, EventRecord(event.type, event.data)) for event in (CREATED, COMPLETED, ENDED)
    ]


async def test_the_parts_of_a_message_come_back_as_they_were_sent(sessions: rpc.SessionServiceStub) -> None:
    session_id = (await create(sessions)).session.session_id
    sent = [
        user("look", message_id="m", attributes={"kind": "voice", "empty": ""}, image_analysis=ANALYSIS),
        user("an analysis of nothing", image_analysis=vision_pb.ImageAnalysis()),
        user("plain"),
    ]
    appended = (await sessions.AppendMessages(appending(session_id, *sent))).messages
    listed = (await sessions.ListMessages(pb.ListMessagesRequest(scope=SCOPE, session_id=session_id))).messages
    assert list(listed) == list(appended)
    assert (await sessions.GetMessage(pb.GetMessageRequest(scope=SCOPE, message_id="m"))).message == appended[0]
    assert (dict(listed[0].attributes), listed[0].image_analysis) == ({"kind": "voice", "empty": ""}, ANALYSIS)
    assert [message.HasField("image_analysis") for message in listed] == [True, True, False]


async def test_the_largest_parts_come_in_pages_that_fit(sessions: rpc.SessionServiceStub) -> None:
    session_id = (await create(sessions)).session.session_id
    attributes = {f"{number:02}" + "न" * 62: "😀" * 1000 for number in range(16)}
    largest = vision_pb.ImageAnalysis(description="x" * ((256 << 10) - 4))
    assert largest.ByteSize() == 256 << 10
    message = user("", attributes=attributes, image_analysis=largest)
    for number in range(2):
        await sessions.AppendMessages(appending(session_id, *[message] * 18, key=str(number)))
    request = pb.ListMessagesRequest(scope=SCOPE, session_id=session_id, page_size=1000)
    sequences: list[int] = []
    while True:
        page = await sessions.ListMessages(request)
        assert page.ByteSize() < 5 << 20
        sequences += [found.sequence for found in page.messages]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert sequences == list(range(1, 37))


@pytest.mark.parametrize(
    "messages",
    [
        [user("", image_analysis=vision_pb.ImageAnalysis(description="x" * (256 << 10)))],
        [user("", image_analysis=vision_pb.ImageAnalysis(description="x" * (250 << 10)))] * 25,
        [user("", attributes={str(number): "😀" * 1000 for number in range(16)})] * 100,
        [user("x" * (1 << 20))] * 5 + [user("x" * (1 << 20), attributes={"a": "b"})],
    ],
    ids=["one", "analyses", "attributes", "contents"],
)
async def test_too_much_is_refused(sessions: rpc.SessionServiceStub, messages: list[pb.Message]) -> None:
    session_id = (await create(sessions)).session.session_id
    error = await refused(sessions.AppendMessages(appending(session_id, *messages)))
    assert error.reason is Reason.PAYLOAD_TOO_LARGE
    assert int(error.metadata["receivedBytes"]) > int(error.metadata["maxBytes"])


BAD_CREATIONS: list[tuple[dict[str, Any], str]] = [
    *(
        ({"idle_lifetime": idle}, "idle_lifetime")
        for idle in (
            Duration(),
            Duration(nanos=999_999_999),
            Duration(seconds=-1),
            Duration(seconds=400 * DAY_S, nanos=1),
            Duration(seconds=2, nanos=-1),
            Duration(seconds=2, nanos=1_000_000_000),
            Duration(seconds=2**63 - 1),
        )
    ),
    ({"max_sessions": -1}, "max_sessions"),
    ({"created_event": Event(type="t" * 65)}, "created_event.type"),
    ({"evicted_event": Event(type="t", data="[]")}, "evicted_event.data"),
]


@pytest.mark.parametrize(("fields", "field"), BAD_CREATIONS)
async def test_bad_bounds_are_named(sessions: rpc.SessionServiceStub, fields: dict[str, Any], field: str) -> None:
    error = await refused(create(sessions, **fields))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": field})
    assert (await sessions.CountSessions(pb.CountSessionsRequest(surface="omni"))).session_count == 0


@pytest.mark.parametrize(
    "attributes",
    [{"": "x"}, {"n" * 65: "x"}, {"n": "x" * 1001}, {str(number): "x" for number in range(17)}],
    ids=["unnamed", "name", "value", "count"],
)
async def test_bad_attributes_of_messages_are_named(
    sessions: rpc.SessionServiceStub, attributes: dict[str, str]
) -> None:
    error = await refused(sessions.AppendMessages(appending("s", user("x", attributes=attributes))))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "messages.attributes"})


async def test_bad_events_are_named(sessions: rpc.SessionServiceStub) -> None:
    for call in (
        sessions.AppendMessages(appending("s", user("x"), event=Event(data="{}"))),
        sessions.DeleteSession(pb.DeleteSessionRequest(scope=SCOPE, session_id="s", event=Event())),
    ):
        error = await refused(call)
        assert (error.reason, error.metadata) == (Reason.MISSING_FIELD, {"field": "event.type"})
