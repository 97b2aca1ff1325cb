"""A session service that is still starting is no warning; one that is missing or was lost is."""

import asyncio

import pytest
from scripted_identity import FORMAT

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.identity import Identity
from quintet_gateway.assistant.job_runner import JobRunner
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.clients.identity import IdentityClient
from quintet_rpc.channel import create_channel
from quintet_rpc.server import ServiceServer
from quintet_testing import eventually

AWAY = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class FailingQueue:
    """Fails each claim with what is scripted, and counts them."""

    def __init__(self, failure):
        self.failure = failure
        self.claims = 0

    async def claim(self, worker_id, wait_s):
        self.claims += 1
        raise self.failure

    async def tried(self, count):
        return self.claims >= count


class Watched(rpc.IdentityServiceServicer):
    async def WatchCredentials(self, request, context):
        key = {"verification_key": FORMAT.key, "issuer": FORMAT.issuer, "audience": FORMAT.audience}
        yield pb.WatchCredentialsResponse(snapshot=pb.CredentialSnapshot(**key))
        while True:
            yield pb.WatchCredentialsResponse(heartbeat=pb.Heartbeat())
            await asyncio.sleep(0.1)


@pytest.fixture
async def clock():
    return Clock()


@pytest.fixture
async def contact(clock):
    return SessionContact(clock)


async def test_only_absence_at_the_beginning_is_awaited_and_told_once(contact, clock, capfd):
    failures = [AWAY, DomainError(Reason.DEADLINE_EXCEEDED, "Slow."), TimeoutError()]
    assert [contact.is_awaited(error) for error in failures] == [True] * 3
    assert not contact.is_awaited(KeyError("bug"))
    assert not contact.is_awaited(DomainError(Reason.STORAGE_FAILED, "Damaged."))
    clock.now += 15
    assert contact.is_awaited(AWAY)
    clock.now += 0.1
    assert not contact.is_awaited(AWAY)
    assert capfd.readouterr().out.count("waiting_for_session") == 1


async def test_a_service_that_answered_once_is_lost_from_then_on(contact):
    contact.made()
    assert not contact.is_awaited(AWAY)


@pytest.fixture
async def queue(contact, capfd):
    queue = FailingQueue(AWAY)
    runner = JobRunner(queue, None, slots=1, contact=contact)
    runner.start()
    await eventually(lambda: queue.tried(1))
    yield queue
    await runner.close(0)


async def test_claims_warn_once_when_the_service_stays_away(queue, clock, capfd):
    assert "claim_failed" not in capfd.readouterr().out
    clock.now += 16
    seen = queue.claims
    await eventually(lambda: queue.tried(seen + 3))
    assert capfd.readouterr().out.count("claim_failed") == 1


async def test_claims_warn_at_once_of_what_waiting_cannot_mend(queue, capfd):
    queue.failure = KeyError("bug")
    seen = queue.claims
    await eventually(lambda: queue.tried(seen + 2))
    assert capfd.readouterr().out.count("claim_failed") == 1


@pytest.fixture
async def target(tmp_path):
    return f"unix:{tmp_path}/session.sock"


@pytest.fixture
async def identity(contact, target):
    async with create_channel(target) as channel:
        identity = Identity(IdentityClient(channel), contact)
        identity.start()
        yield identity
        await identity.close()


async def test_the_watch_speaks_for_the_claims(identity, queue, target, capfd):
    seen = queue.claims
    await eventually(lambda: queue.tried(seen + 1))
    out = capfd.readouterr().out
    assert (out.count("waiting_for_session"), "credential_watch_lost" in out, "claim_failed" in out) == (1, 0, 0)
    server = ServiceServer(register)
    await server.start([target])
    await server.set_serving(serving=True)
    try:
        await eventually(lambda: is_fresh(identity))
    finally:
        await server.stop(0)
    heard = []

    async def warned():
        heard.append(capfd.readouterr().out)
        said = "".join(heard)
        return "credential_watch_lost" in said and "claim_failed" in said

    assert await eventually(warned), heard


def register(server):
    rpc.add_IdentityServiceServicer_to_server(Watched(), server)
    return [pb.DESCRIPTOR.services_by_name["IdentityService"]]


async def is_fresh(identity):
    return identity._known.fresh
