"""Which events are taken."""

import pytest

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import CreateSessionRequest
from quintet_errors import DomainError, Reason
from quintet_session.event_validation import MAX_DATA_BYTES, event, optional_event
from quintet_session.webhook_store import EventRecord


def refusal(message: Event) -> DomainError:
    with pytest.raises(DomainError) as caught:
        event(message, "event")
    return caught.value


@pytest.mark.parametrize("data", ["", "{}", ' {"text": "नमस्ते", "n": 1e999}\n', '{"a":"' + "x" * (2**21 - 8) + '"}'])
def test_data_are_kept_as_they_came(data: str) -> None:
    assert event(Event(type="t" * 64, data=data), "event") == EventRecord("t" * 64, data)


@pytest.mark.parametrize(
    "data",
    [
        *("null", "[]", '"text"', "1", "{", "{}{}", "{a: 1}", '{"a": NaN}', '{"a": -Infinity}', " ", "\ufeff{}"),
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a":' + "9" * 10_000 + "}",
    ],
    ids=range(13),
)
def test_data_that_are_no_object_are_refused(data: str) -> None:
    error = refusal(Event(type="t", data=data))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "event.data"})


@pytest.mark.parametrize(
    ("event_type", "reason"),
    [("", Reason.MISSING_FIELD), (" ", Reason.MISSING_FIELD), ("t" * 65, Reason.INVALID_ARGUMENT)],
)
def test_an_event_needs_a_type(event_type: str, reason: Reason) -> None:
    error = refusal(Event(type=event_type, data="{}"))
    assert (error.reason, error.metadata) == (reason, {"field": "event.type"})


def test_data_over_two_mebibytes_are_refused_by_their_bytes() -> None:
    data = '{"a":"' + "é" * (MAX_DATA_BYTES // 2) + '"}'
    error = refusal(Event(type="t", data=data))
    assert error.reason is Reason.PAYLOAD_TOO_LARGE
    assert error.metadata == {"maxBytes": str(2 << 20), "receivedBytes": str((2 << 20) + 8)}


def test_an_event_that_is_not_there_is_none() -> None:
    request = CreateSessionRequest(evicted_event=Event(type="session.ended"))
    assert optional_event(request, "created_event") is None
    assert optional_event(request, "evicted_event") == EventRecord("session.ended", "")
    with pytest.raises(DomainError) as caught:
        optional_event(CreateSessionRequest(created_event=Event()), "created_event")
    assert caught.value.metadata == {"field": "created_event.type"}
