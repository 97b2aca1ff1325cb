"""quintet.webhooks.v1 over real gRPC."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from refusals import reason_of, refused

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import CreateSessionRequest, Scope
from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as rpc
from quintet_errors import Reason
from quintet_testing import eventually

SCOPE = Scope(surface="omni", owner="key-1")
URL = "https://example.com/hook"
CREATED = "session.created"
EVENT = Event(type=CREATED, data='{"n": 1}')
SECRET = "do not tell anybody"


async def register(webhooks: rpc.WebhookServiceStub, url: str = URL, **fields: Any) -> pb.Webhook:
    webhook = pb.Webhook(**{"scope": SCOPE, "url": url, "event_types": [CREATED], **fields})
    return (await webhooks.RegisterWebhook(pb.RegisterWebhookRequest(webhook=webhook))).webhook


async def publish(webhooks: rpc.WebhookServiceStub, session_id: str = "s", event: Event = EVENT) -> None:
    await webhooks.PublishEvent(pb.PublishEventRequest(scope=SCOPE, session_id=session_id, event=event))


def claiming(most: int = 10, lease_s: int = 30, wait_s: int = 0) -> pb.ClaimDeliveriesRequest:
    return pb.ClaimDeliveriesRequest(
        max_deliveries=most, lease_duration=Duration(seconds=lease_s), wait_duration=Duration(seconds=wait_s)
    )


async def claim(webhooks: rpc.WebhookServiceStub, most: int = 10, wait_s: int = 0) -> Sequence[pb.Delivery]:
    return (await webhooks.ClaimDeliveries(claiming(most, wait_s=wait_s))).deliveries


async def complete(webhooks: rpc.WebhookServiceStub, delivery: pb.Delivery, **outcome: Any) -> None:
    await webhooks.CompleteDelivery(
        pb.CompleteDeliveryRequest(delivery_id=delivery.delivery_id, lease_token=delivery.lease_token, **outcome)
    )


async def listed(webhooks: rpc.WebhookServiceStub, **fields: Any) -> Sequence[pb.Delivery]:
    return (await webhooks.ListDeliveries(pb.ListDeliveriesRequest(**fields))).deliveries


async def test_an_event_from_its_session_to_its_target(service: Any) -> None:
    registered = await register(service.webhooks, event_types=[CREATED, CREATED], secret=SECRET)
    assert registered.webhook_id.startswith("wh_")
    assert (registered.secret, registered.has_secret, registered.event_types) == ("", True, [CREATED])
    created = await service.sessions.CreateSession(CreateSessionRequest(scope=SCOPE, created_event=EVENT))
    (delivery,) = await claim(service.webhooks)
    assert (delivery.session_id, delivery.event) == (created.session.session_id, EVENT)
    assert (delivery.webhook.url, delivery.webhook.scope, delivery.webhook.secret) == (URL, SCOPE, SECRET)
    assert delivery.event_time.ToMicroseconds() >= created.session.create_time.ToMicroseconds()
    await complete(service.webhooks, delivery, status_code=503, error="It answered with 503.")
    (failed,) = await listed(service.webhooks)
    assert (failed.state, failed.attempt_count, failed.last_status_code) == (pb.Delivery.STATE_PENDING, 1, 503)
    assert failed.last_error == "It answered with 503."
    (again,) = await claim(service.webhooks, wait_s=10)
    assert (again.event_id, again.delivery_id) == (delivery.event_id, delivery.delivery_id)
    assert again.lease_token != delivery.lease_token
    await complete(service.webhooks, again, delivered=True, status_code=204)
    (ended,) = await listed(service.webhooks, state=pb.Delivery.STATE_DELIVERED)
    assert (ended.attempt_count, ended.last_status_code, ended.last_error) == (2, 204, "")
    assert not ended.HasField("due_time")


async def test_a_secret_leaves_only_with_a_claim_and_is_encrypted_on_disk(service: Any, tmp_path: Path) -> None:
    registered = await register(service.webhooks, secret=SECRET)
    await publish(service.webhooks)
    await publish(service.webhooks)
    listing = await service.webhooks.ListWebhooks(pb.ListWebhooksRequest(scope=SCOPE))
    assert listing.webhooks == [registered]
    (claimed,) = await claim(service.webhooks)
    assert claimed.webhook.secret == SECRET
    deliveries = await listed(service.webhooks)
    assert [(one.webhook.secret, one.webhook.has_secret, one.lease_token) for one in deliveries] == [("", True, "")] * 2
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("quintet.db*"))
    assert URL.encode() in kept
    assert SECRET.encode() not in kept


async def test_a_secret_that_cannot_be_read_fails_its_delivery_and_no_other_one(serving: Any) -> None:
    async with serving(token_key="k" * 32) as running:
        await register(running.webhooks, secret=SECRET)
        await register(running.webhooks, f"{URL}/open")
        await publish(running.webhooks)
    async with serving(token_key="another key of 32 bytes and more") as running:
        (claimed,) = await claim(running.webhooks)
        assert claimed.webhook.url == f"{URL}/open"
        failed = next(one for one in await listed(running.webhooks) if one.webhook.url == URL)
        assert (failed.state, failed.attempt_count) == (pb.Delivery.STATE_PENDING, 1)
        assert failed.last_error.startswith("The secret cannot be read")
        await register(running.webhooks, secret="new")
        (again,) = await claim(running.webhooks, wait_s=10)
        assert again.webhook.secret == "new"


async def test_a_waiting_claim_gets_an_event_when_it_comes(service: Any) -> None:
    await register(service.webhooks)
    waiting = asyncio.ensure_future(claim(service.webhooks, wait_s=30))
    # It may wait already or not: either way it gets the event.
    await publish(service.webhooks)
    async with asyncio.timeout(10):
        (delivery,) = await waiting
    assert delivery.event == EVENT


async def test_a_waiting_claim_gets_what_a_silent_worker_held(service: Any) -> None:
    await register(service.webhooks)
    await publish(service.webhooks)
    (held,) = (await service.webhooks.ClaimDeliveries(claiming(lease_s=1))).deliveries
    async with asyncio.timeout(20):
        (again,) = await claim(service.webhooks, wait_s=30)
    assert again.delivery_id == held.delivery_id
    assert await reason_of(complete(service.webhooks, held, delivered=True)) is Reason.LEASE_LOST


async def test_a_cancelled_claim_takes_nothing_with_it(service: Any) -> None:
    await register(service.webhooks)
    calls = [service.webhooks.ClaimDeliveries(claiming(wait_s=30)) for _ in range(10)]
    staying = asyncio.ensure_future(claim(service.webhooks, wait_s=30))
    await asyncio.wait({staying}, timeout=0.1)
    publishing = asyncio.ensure_future(publish(service.webhooks))
    for call in calls:
        call.cancel()
    await publishing
    async with asyncio.timeout(10):
        (delivery,) = await staying
    assert delivery.attempt_count == 0


async def test_pages_of_deliveries(service: Any) -> None:
    await register(service.webhooks)
    for number in range(5):
        await publish(service.webhooks, f"s{number}")
    request = pb.ListDeliveriesRequest(surface="omni", owner=SCOPE.owner, page_size=2)
    seen = []
    while True:
        page = await service.webhooks.ListDeliveries(request)
        seen.append([delivery.session_id for delivery in page.deliveries])
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == [["s4", "s3"], ["s2", "s1"], ["s0"]]
    foreign = pb.ListDeliveriesRequest(surface="sight", page_token=request.page_token)
    assert await reason_of(service.webhooks.ListDeliveries(foreign)) is Reason.INVALID_ARGUMENT


async def test_many_large_events_are_handed_out_in_answers_that_fit(service: Any) -> None:
    await register(service.webhooks)
    large = Event(type=CREATED, data=json.dumps({"text": "x" * ((2 << 20) - 20)}))
    for number in range(4):
        await publish(service.webhooks, f"s{number}", large)
    assert len(await listed(service.webhooks)) >= 1
    handed: list[pb.Delivery] = []
    while claimed := await claim(service.webhooks):
        handed.extend(claimed)
    assert sorted(delivery.session_id for delivery in handed) == ["s0", "s1", "s2", "s3"]
    assert all(delivery.event == large for delivery in handed)


async def test_deliveries_are_redelivered_by_id_or_by_filter(service: Any) -> None:
    await register(service.webhooks)
    await publish(service.webhooks)
    (claimed,) = await claim(service.webhooks)
    one = pb.RedeliverDeliveriesRequest(delivery_id=claimed.delivery_id)
    assert await reason_of(service.webhooks.RedeliverDeliveries(one)) is Reason.INVALID_ARGUMENT
    await complete(service.webhooks, claimed, delivered=True)
    waiting = asyncio.ensure_future(claim(service.webhooks, wait_s=30))
    assert (await service.webhooks.RedeliverDeliveries(one)).redelivered_count == 1
    async with asyncio.timeout(10):
        (again,) = await waiting
    assert again.event_id == claimed.event_id
    dead = pb.RedeliverDeliveriesRequest(surface="omni", owner=SCOPE.owner)
    assert (await service.webhooks.RedeliverDeliveries(dead)).redelivered_count == 0


async def test_a_hundred_webhooks_are_enough_for_one_owner(service: Any) -> None:
    await asyncio.gather(*(register(service.webhooks, f"{URL}/{number}") for number in range(100)))
    refusal = await refused(register(service.webhooks, f"{URL}/100"))
    assert refusal.reason is Reason.INVALID_ARGUMENT
    await register(service.webhooks, f"{URL}/100", scope=Scope(surface="omni", owner="key-2"))
    listing = await service.webhooks.ListWebhooks(pb.ListWebhooksRequest(scope=SCOPE))
    assert len(listing.webhooks) == 100
    await service.webhooks.DeleteWebhook(
        pb.DeleteWebhookRequest(scope=SCOPE, webhook_id=listing.webhooks[0].webhook_id)
    )
    await register(service.webhooks, f"{URL}/100")


async def test_what_has_ended_is_removed_by_the_service_itself(serving: Any) -> None:
    async with serving(webhook_delivered_retention_d=1e-9, purge_interval_s=0.05) as running:
        await register(running.webhooks)
        await publish(running.webhooks)
        await publish(running.webhooks, "other")
        first, _ = await claim(running.webhooks)
        await complete(running.webhooks, first, delivered=True)

        async def removed() -> bool:
            return [one.session_id for one in await listed(running.webhooks)] == ["other"]

        await eventually(removed)


BAD_WEBHOOKS: list[tuple[dict[str, Any], Reason]] = [
    ({"scope": None}, Reason.MISSING_FIELD),
    ({"url": ""}, Reason.MISSING_FIELD),
    ({"url": " "}, Reason.MISSING_FIELD),
    ({"url": "ftp://example.com"}, Reason.INVALID_ARGUMENT),
    ({"url": "example.com/hook"}, Reason.INVALID_ARGUMENT),
    ({"url": "http://"}, Reason.INVALID_ARGUMENT),
    ({"url": "https:///hook"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://user@:80/"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://user:password@example.com/"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://user@example.com/"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://@example.com/"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://[::1/hook"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com:99999/"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com:x/"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com/a\nb"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com/a\x00"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com/a\x7f"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com/a\u0085b"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com/a b"}, Reason.INVALID_ARGUMENT),
    ({"url": "https://example.com/" + "x" * 2000}, Reason.INVALID_ARGUMENT),
    ({"event_types": []}, Reason.MISSING_FIELD),
    ({"event_types": [""]}, Reason.MISSING_FIELD),
    ({"event_types": ["x" * 65]}, Reason.INVALID_ARGUMENT),
    ({"event_types": [f"event-{number}" for number in range(17)]}, Reason.INVALID_ARGUMENT),
    ({"secret": "x" * 1001}, Reason.INVALID_ARGUMENT),
]


@pytest.mark.parametrize(("fields", "reason"), BAD_WEBHOOKS)
async def test_a_bad_webhook_is_refused(
    webhooks: rpc.WebhookServiceStub, fields: dict[str, Any], reason: Reason
) -> None:
    assert await reason_of(register(webhooks, **fields)) is reason
    listing = await webhooks.ListWebhooks(pb.ListWebhooksRequest(scope=SCOPE))
    assert not listing.webhooks


async def test_the_largest_webhooks_are_taken(webhooks: rpc.WebhookServiceStub) -> None:
    url = "http://[::1]:8080/?q=ü&" + "x" * 1977
    types = [f"{number:02}" + "x" * 62 for number in range(16)]
    registered = await register(webhooks, url, event_types=types, secret="s" * 1000)
    assert (len(registered.url), list(registered.event_types)) == (2000, types)


TOKEN = {"delivery_id": "dlv_1", "lease_token": "t"}
ENDLESS = Duration(seconds=10**10)
BAD_CALLS: list[tuple[str, Any, Reason]] = [
    ("RegisterWebhook", pb.RegisterWebhookRequest(), Reason.MISSING_FIELD),
    ("ListWebhooks", pb.ListWebhooksRequest(), Reason.MISSING_FIELD),
    ("DeleteWebhook", pb.DeleteWebhookRequest(scope=SCOPE), Reason.MISSING_FIELD),
    ("DeleteWebhook", pb.DeleteWebhookRequest(webhook_id="wh_1"), Reason.MISSING_FIELD),
    ("DeleteWebhook", pb.DeleteWebhookRequest(scope=SCOPE, webhook_id="w" * 10_000), Reason.WEBHOOK_NOT_FOUND),
    ("PublishEvent", pb.PublishEventRequest(event=EVENT), Reason.MISSING_FIELD),
    ("PublishEvent", pb.PublishEventRequest(scope=SCOPE), Reason.MISSING_FIELD),
    ("PublishEvent", pb.PublishEventRequest(scope=SCOPE, event=Event(data="{}")), Reason.MISSING_FIELD),
    ("PublishEvent", pb.PublishEventRequest(scope=SCOPE, event=Event(type="e", data="[]")), Reason.INVALID_ARGUMENT),
    ("PublishEvent", pb.PublishEventRequest(scope=SCOPE, event=EVENT, session_id="s" * 129), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", claiming(most=0), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", claiming(most=101), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", pb.ClaimDeliveriesRequest(max_deliveries=1), Reason.MISSING_FIELD),
    ("ClaimDeliveries", claiming(lease_s=0), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", claiming(lease_s=301), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", claiming(wait_s=31), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", claiming(wait_s=-1), Reason.INVALID_ARGUMENT),
    ("ClaimDeliveries", pb.ClaimDeliveriesRequest(max_deliveries=1, lease_duration=ENDLESS), Reason.INVALID_ARGUMENT),
    ("CompleteDelivery", pb.CompleteDeliveryRequest(delivery_id="dlv_1"), Reason.MISSING_FIELD),
    ("CompleteDelivery", pb.CompleteDeliveryRequest(lease_token="t"), Reason.MISSING_FIELD),
    ("CompleteDelivery", pb.CompleteDeliveryRequest(**TOKEN), Reason.DELIVERY_NOT_FOUND),
    ("CompleteDelivery", pb.CompleteDeliveryRequest(**TOKEN, status_code=-1), Reason.INVALID_ARGUMENT),
    ("CompleteDelivery", pb.CompleteDeliveryRequest(**TOKEN, status_code=1000), Reason.INVALID_ARGUMENT),
    ("CompleteDelivery", pb.CompleteDeliveryRequest(**TOKEN, error="x" * 501), Reason.INVALID_ARGUMENT),
    ("ListDeliveries", pb.ListDeliveriesRequest(owner="key-1"), Reason.MISSING_FIELD),
    ("ListDeliveries", pb.ListDeliveriesRequest(surface="s" * 33), Reason.INVALID_ARGUMENT),
    ("ListDeliveries", pb.ListDeliveriesRequest(surface="s", owner="o" * 129), Reason.INVALID_ARGUMENT),
    ("ListDeliveries", pb.ListDeliveriesRequest(state=9), Reason.INVALID_ARGUMENT),  # type: ignore[arg-type]
    ("ListDeliveries", pb.ListDeliveriesRequest(page_size=1001), Reason.INVALID_ARGUMENT),
    ("ListDeliveries", pb.ListDeliveriesRequest(page_token="x"), Reason.INVALID_ARGUMENT),
    ("RedeliverDeliveries", pb.RedeliverDeliveriesRequest(owner="key-1"), Reason.MISSING_FIELD),
    ("RedeliverDeliveries", pb.RedeliverDeliveriesRequest(delivery_id="dlv_1"), Reason.DELIVERY_NOT_FOUND),
]


@pytest.mark.parametrize(("method", "request_message", "reason"), BAD_CALLS)
async def test_bad_arguments_are_refused_by_the_webhook_service(
    webhooks: rpc.WebhookServiceStub, method: str, request_message: Any, reason: Reason
) -> None:
    assert await reason_of(getattr(webhooks, method)(request_message)) is reason
