"""Webhooks of the omni surface: registration, and what their receivers get."""

import hashlib
import hmac
import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from omni_requests import NO_SESSION, Holder, failure, success

from quintet.session.v1.event_pb2 import Event
from quintet.webhooks.v1.webhook_service_pb2 import Delivery, Webhook
from quintet_gateway.dialects.omni import events
from quintet_gateway.dialects.omni.webhook_form import canonical, prepare, sign

URL = "https://receiver.example/hook"
KEPT = NO_SESSION.replace("-", "")
ALL = ["session.created", "session.ended", "response.completed", "error.occurred"]


@pytest.fixture
def holder(assistant, client):
    return Holder(assistant, client)


async def register(holder, **fields):
    return await holder.ask("POST", "/webhooks", json=fields)


async def test_webhook_is_registered_listed_replaced_and_deleted(holder, assistant, client):
    made = await success(await register(holder, url=URL, events=["response.completed"], secret="hush"))
    assert made == {
        "id": "wh_1",
        "url": URL,
        "events": ["response.completed"],
        "active": True,
        "created_at": "2024-01-15T10:30:00",
    }
    again = await success(await register(holder, url=URL))
    assert (again["id"], again["events"]) == ("wh_1", ALL)
    assert await success(await holder.ask("GET", "/webhooks")) == {"webhooks": [again], "count": 1}
    stranger = Holder(assistant, client, "other")
    assert (await success(await stranger.ask("GET", "/webhooks")))["count"] == 0
    await failure(await stranger.ask("DELETE", "/webhooks/wh_1"), 404, "Not found")
    deleted = await success(await holder.ask("DELETE", "/webhooks/wh_1"))
    assert deleted == {"status": "deleted", "id": "wh_1"}
    await failure(await holder.ask("DELETE", "/webhooks/wh_1"), 404, "Not found")
    await failure(await holder.ask("DELETE", "/webhooks/%00%20"), 404, "Not found")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"url": None},
        {"url": ""},
        {"url": 5},
        {"url": "receiver.example"},
        {"url": "ftp://receiver.example/x"},
        {"url": "https://"},
        {"url": "https:///path"},
        {"url": "https://[::1"},
        {"url": "https://receiver.example/a b"},
        {"url": "https://receiver.example/\n"},
        {"url": "https://receiver.example/" + "x" * 2000},
        {"url": "http://inside.example/"},
        {"url": URL, "events": []},
        {"url": URL, "events": "session.created"},
        {"url": URL, "events": ["session.renamed"]},
        {"url": URL, "events": ["session.created", 5]},
        {"url": URL, "events": [["session.created"]]},
        {"url": URL, "secret": 5},
        {"url": URL, "secret": "x" * 1001},
        {"url": URL, "secret": "\ud800"},
    ],
    ids=lambda fields: json.dumps(fields)[:50],
)
async def test_webhook_that_is_none_is_400(holder, assistant, fields):
    await failure(await register(holder, **fields), 400, "Bad Request")
    assert not assistant.webhooks.kept


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"url": NaN}'])
async def test_body_that_is_no_object_is_400(holder, body):
    await failure(await holder.ask("POST", "/webhooks", data=body), 400, "Bad Request")


async def test_secret_comes_back_nowhere(holder, capfd):
    texts = [
        await (await register(holder, url=URL, secret="hush-hush")).text(),
        await (await holder.ask("GET", "/webhooks")).text(),
    ]
    written = capfd.readouterr()
    assert not [text for text in (*texts, written.out, written.err) if "hush-hush" in text]


async def test_surface_says_how_its_events_are_written(client, assistant):
    assert assistant.webhooks.forms["omni"] is prepare


def delivery(event, key="hush", attempts=0, session_id=KEPT):
    return Delivery(
        delivery_id="d1",
        event_id="ev_1",
        webhook=Webhook(webhook_id="wh_1", url=URL, secret=key),
        session_id=session_id,
        event=event,
        event_time=Timestamp(seconds=1705314600, nanos=5),
        attempt_count=attempts,
    )


EVENTS = {
    "session.created": (events.session_created(), {"created_at": "2024-01-15T10:30:00"}),
    "session.ended": (events.session_ended("evicted"), {"reason": "evicted"}),
    "response.completed": (
        events.response_completed("Es ist 12 Uhr. नमस्ते <&>", 1.2345),
        {"text": "Es ist 12 Uhr. नमस्ते <&>", "processing_time_ms": 1234},
    ),
    "error.occurred": (Event(type="error.occurred", data='{"error": "x"}'), {"error": "x"}),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_payload_is_the_documented_one_and_its_signatures_verify(kind):
    event, data = EVENTS[kind]
    prepared = prepare(delivery(event, attempts=2))
    payload = json.loads(prepared.body)
    signature = payload.pop("signature")
    assert payload == {
        "event": kind,
        "timestamp": "2024-01-15T10:30:00",
        "data": {"session_id": NO_SESSION, **data},
    }
    # As a receiver that knows the document would check it, without our code.
    unsigned = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    assert signature == "sha256=" + hmac.new(b"hush", unsigned, hashlib.sha256).hexdigest()
    whole = hmac.new(b"hush", prepared.body, hashlib.sha256).hexdigest()
    assert prepared.headers == {
        "Content-Type": "application/json",
        "X-Webhook-Event-Id": "ev_1",
        "X-Webhook-Attempt": "3",
        "X-Webhook-Signature": f"sha256={whole}",
    }


def test_payload_without_a_secret_is_not_signed():
    prepared = prepare(delivery(events.session_created(), key=""))
    assert json.loads(prepared.body)["signature"] is None
    assert "X-Webhook-Signature" not in prepared.headers


def test_event_without_a_session_says_so():
    payload = json.loads(prepare(delivery(Event(type="error.occurred", data='{"error": "x"}'), session_id="")).body)
    assert payload["data"] == {"session_id": None, "error": "x"}


def test_form_of_a_payload_does_not_depend_on_the_order_of_its_keys():
    assert canonical({"b": 1, "a": {"d": "ü", "c": None}}) == '{"a":{"c":null,"d":"ü"},"b":1}'.encode()
    assert sign(b"x", "schlüssel") == "sha256=" + hmac.new("schlüssel".encode(), b"x", hashlib.sha256).hexdigest()
