"""The delivery of events: claims over real gRPC from a scripted service, posts to a scripted network."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import Scope
from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Owner
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.assistant.webhooks import PreparedDelivery, Webhooks
from quintet_gateway.clients.webhooks import WebhookClient
from quintet_testing import eventually, serve

OWNER = Owner("omni", "key_1")


class WebhookService(rpc.WebhookServiceServicer):
    """Hands out what the test puts into `due`, and notes how each delivery ended."""

    def __init__(self):
        self.due = asyncio.Queue()
        self.ended = {}
        self.registered = []
        self.asked_for = []
        self.failures = []

    async def RegisterWebhook(self, request, context):
        self.registered.append(request.webhook)
        return pb.RegisterWebhookResponse(webhook=request.webhook)

    async def ClaimDeliveries(self, request, context):
        if self.failures:
            raise self.failures.pop()
        self.asked_for.append(request.max_deliveries)
        first = await self.due.get()
        more = [self.due.get_nowait() for _ in range(min(self.due.qsize(), request.max_deliveries - 1))]
        return pb.ClaimDeliveriesResponse(deliveries=[first, *more])

    async def CompleteDelivery(self, request, context):
        self.ended[request.delivery_id] = request
        return pb.CompleteDeliveryResponse()


class Network:
    """Answers each post with `answer`, a status or an error, when `open` is set."""

    def __init__(self):
        self.posted = []
        self.at_once = self.most_at_once = 0
        self.answer = 200
        self.open = asyncio.Event()
        self.open.set()

    def check_host(self, host):
        if host == "inside.example":
            raise OSError("It is inside.")

    async def post(self, url, body, headers):
        self.posted.append((url, body, headers))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self):
        pass


def delivery(name, surface="omni"):
    webhook = pb.Webhook(webhook_id="wh_1", scope=Scope(surface=surface, owner="key_1"), url="http://a.example/hook")
    return pb.Delivery(delivery_id=name, lease_token=f"lease {name}", webhook=webhook, event=Event(type="x"))


def written(one):
    return PreparedDelivery(f"<{one.event.type}>".encode(), {"X-Id": one.delivery_id})


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def service():
    return WebhookService()


@asynccontextmanager
async def delivering(service, network):
    def register(server):
        rpc.add_WebhookServiceServicer_to_server(service, server)
        return [pb.DESCRIPTOR.services_by_name["WebhookService"]]

    async with serve(register) as channel:
        webhooks = Webhooks(WebhookClient(channel), SessionContact(), network)
        webhooks.use_format("omni", written)
        webhooks.start()
        try:
            yield webhooks
        finally:
            network.open.set()
            await webhooks.close()


async def ended(service, name):
    async def found():
        return service.ended.get(name)

    return await eventually(found)


async def test_a_delivery_is_posted_as_its_surface_writes_it(service, network):
    async with delivering(service, network):
        service.due.put_nowait(delivery("d1"))
        end = await ended(service, "d1")
    assert network.posted == [("http://a.example/hook", b"<x>", {"X-Id": "d1"})]
    assert (end.delivered, end.status_code, end.error, end.lease_token) == (True, 200, "", "lease d1")


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (204, 204, ""),
        (302, 302, "The target answered with 302."),
        (500, 500, "The target answered with 500."),
        (OSError("No connection."), 0, "No connection."),
    ],
)
async def test_only_a_status_of_success_is_one(service, network, answer, code, error):
    network.answer = answer
    async with delivering(service, network):
        service.due.put_nowait(delivery("d1"))
        end = await ended(service, "d1")
    assert (end.delivered, end.status_code, end.error) == (not error, code, error)


async def test_a_surface_without_events_fails_and_others_go_on(service, network):
    async with delivering(service, network):
        service.due.put_nowait(delivery("d1", surface="aegis"))
        service.due.put_nowait(delivery("d2"))
        assert (await ended(service, "d1")).error == "The surface has no events."
        assert (await ended(service, "d2")).delivered


async def test_few_are_delivered_at_once_and_all_in_the_end(service, network):
    network.open.clear()
    async with delivering(service, network):
        for number in range(100):
            service.due.put_nowait(delivery(f"d{number}"))

        async def full():
            return network.at_once == 32

        await eventually(full)
        network.open.set()
        await ended(service, "d99")
        for number in range(100):
            await ended(service, f"d{number}")
    assert network.most_at_once == 32
    assert max(service.asked_for) <= 32


async def test_a_service_that_is_away_is_asked_again(service, network):
    service.failures = [DomainError(Reason.STORAGE_FAILED, "Not now.")] * 2
    async with delivering(service, network):
        service.due.put_nowait(delivery("d1"))
        assert (await ended(service, "d1")).delivered


async def test_an_event_that_cannot_be_written_counts_as_an_attempt(service, network):
    async with delivering(service, network) as webhooks:
        webhooks.use_format("aegis", lambda one: one.there_is_no_such_thing)
        service.due.put_nowait(delivery("d1", surface="aegis"))
        end = await ended(service, "d1")
        assert (end.delivered, end.error) == (False, "The event could not be sent.")
        network.answer = AttributeError("a mistake of the library")
        service.due.put_nowait(delivery("d2"))
        assert (await ended(service, "d2")).error == "The event could not be sent."


class FaultyClient:
    """Has a fault in its first claim, and then one delivery."""

    def __init__(self):
        self.faults = [RuntimeError("a bug")]
        self.due = [[delivery("d1")]]
        self.completed = asyncio.Event()

    async def claim(self, most, lease_s, wait_s):
        if self.faults:
            raise self.faults.pop()
        return self.due.pop() if self.due else await asyncio.Event().wait()

    async def complete(self, outcome):
        self.completed.set()


async def test_a_fault_while_claiming_does_not_end_all_deliveries(network):
    client = FaultyClient()
    webhooks = Webhooks(client, SessionContact(), network)
    webhooks.use_format("omni", written)
    webhooks.start()
    try:
        async with asyncio.timeout(10):
            await client.completed.wait()
    finally:
        await webhooks.close()


async def test_what_is_not_delivered_at_the_end_is_left_to_the_next(service, network):
    network.open.clear()
    async with delivering(service, network) as webhooks:
        service.due.put_nowait(delivery("d1"))

        async def begun():
            return network.posted

        await eventually(begun)
        await webhooks.close(grace_s=0.01)
        assert network.at_once == 0
    assert service.ended == {}


async def test_a_target_inside_is_refused_when_it_is_named(service, network):
    async with delivering(service, network) as webhooks:
        for url in ("http://inside.example/", "http://[::1"):
            with pytest.raises(DomainError) as caught:
                await webhooks.register(OWNER, url, ["x"])
            assert (caught.value.reason, caught.value.metadata) == (Reason.INVALID_ARGUMENT, {"field": "url"})
        for url in ("http://user:pass@outside.example/", "https://user@outside.example/", "http://@outside.example/"):
            with pytest.raises(DomainError, match="password") as caught:
                await webhooks.register(OWNER, url, ["x"])
            assert (caught.value.reason, caught.value.metadata) == (Reason.INVALID_ARGUMENT, {"field": "url"})
        await webhooks.register(OWNER, "http://outside.example/@here", ["x"], "secret")
    (kept,) = service.registered
    assert (kept.url, kept.secret, list(kept.event_types), kept.scope) == (
        "http://outside.example/@here",
        "secret",
        ["x"],
        OWNER.scope(),
    )
