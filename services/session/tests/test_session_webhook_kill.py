"""Acknowledged events survive `kill -9` of the real process, and what a dead worker held comes again."""

import asyncio
import json
import sqlite3
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from session_processes import service_process

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import Scope
from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as rpc

SCOPE = Scope(surface="omni", owner="key-1")
WEBHOOK = pb.Webhook(scope=SCOPE, url="https://example.com", event_types=["e"], secret="s")
WRITERS = 16
ENOUGH = 300


async def publish_until_killed(
    webhooks: rpc.WebhookServiceStub, session_id: str, acknowledged: dict[str, list[int]], enough: asyncio.Event
) -> None:
    while True:
        number = len(acknowledged[session_id])
        event = Event(type="e", data=json.dumps({"n": number}))
        request = pb.PublishEventRequest(scope=SCOPE, session_id=session_id, event=event)
        try:
            await webhooks.PublishEvent(request, timeout=5)
        except grpc.aio.AioRpcError:
            return
        acknowledged[session_id].append(number)
        if sum(map(len, acknowledged.values())) > ENOUGH:
            enough.set()


async def claim(webhooks: rpc.WebhookServiceStub, lease_s: int = 300, wait_s: int = 0) -> list[pb.Delivery]:
    request = pb.ClaimDeliveriesRequest(
        max_deliveries=100, lease_duration=Duration(seconds=lease_s), wait_duration=Duration(seconds=wait_s)
    )
    return list((await webhooks.ClaimDeliveries(request)).deliveries)


async def deliver_all(webhooks: rpc.WebhookServiceStub) -> dict[str, list[int]]:
    """Takes everything that comes, and returns the numbers of each session in the order in which they came."""
    delivered: dict[str, list[int]] = {}
    pending = pb.ListDeliveriesRequest(state=pb.Delivery.STATE_PENDING, page_size=1)
    while (await webhooks.ListDeliveries(pending)).deliveries:
        claimed = await claim(webhooks, wait_s=10)
        for one in claimed:
            assert one.webhook.secret == "s"
            delivered.setdefault(one.session_id, []).append(json.loads(one.event.data)["n"])
        await asyncio.gather(*(webhooks.CompleteDelivery(delivered_by(one)) for one in claimed))
    return delivered


def delivered_by(one: pb.Delivery) -> pb.CompleteDeliveryRequest:
    return pb.CompleteDeliveryRequest(delivery_id=one.delivery_id, lease_token=one.lease_token, delivered=True)


@pytest.mark.faults
async def test_acknowledged_events_survive_a_kill_once_and_in_the_order_of_their_session(tmp_path: Path) -> None:
    acknowledged: dict[str, list[int]] = {f"s{number}": [] for number in range(WRITERS)}
    enough = asyncio.Event()
    async with service_process(tmp_path) as running:
        webhooks = rpc.WebhookServiceStub(running.channel)
        await webhooks.RegisterWebhook(pb.RegisterWebhookRequest(webhook=WEBHOOK))
        writing = [
            asyncio.create_task(publish_until_killed(webhooks, session_id, acknowledged, enough))
            for session_id in acknowledged
        ]
        async with asyncio.timeout(30):
            await enough.wait()
        held = await claim(webhooks, lease_s=1)
        await running.kill()
        await asyncio.gather(*writing)
    assert held
    async with service_process(tmp_path) as running:
        delivered = await deliver_all(rpc.WebhookServiceStub(running.channel))
    assert sum(map(len, acknowledged.values())) > ENOUGH
    for session_id, numbers in acknowledged.items():
        # The last event may have been stored without the answer having come.
        assert delivered[session_id] in (numbers, [*numbers, len(numbers)])
    connection = sqlite3.connect(tmp_path / "quintet.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
