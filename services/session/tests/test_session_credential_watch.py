"""What a watcher of credentials is told, and when."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_rpc.request_context import shutting_down
from quintet_rpc.server import MAX_MESSAGE_BYTES
from quintet_session.credential_watch import CredentialWatch
from quintet_session.identity_store import Revocations, TokenRevocation, UserRevocation
from quintet_session.identity_translate import REVOCATIONS_A_PART, to_snapshots, token_revoked
from quintet_tokens import TokenFormat, verify

PASSWORD = "secure_password"


class Watching:
    """One verifier that reads its stream."""

    def __init__(self, identity: rpc.IdentityServiceStub) -> None:
        self._call = identity.WatchCredentials(pb.WatchCredentialsRequest())

    async def next(self) -> pb.WatchCredentialsResponse:
        """Returns the next event that is no heartbeat."""
        async with asyncio.timeout(10):
            while (event := await self._call.read()).HasField("heartbeat"):
                pass
            return event

    async def raw(self) -> Any:
        async with asyncio.timeout(10):
            return await self._call.read()

    def cancel(self) -> None:
        self._call.cancel()


@pytest.fixture
async def watching(identity: rpc.IdentityServiceStub) -> AsyncIterator[Watching]:
    watching = Watching(identity)
    yield watching
    watching.cancel()


async def add(identity: rpc.IdentityServiceStub) -> pb.User:
    return (await identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password=PASSWORD))).user


async def test_the_snapshot_is_all_that_a_verifier_needs(identity: rpc.IdentityServiceStub, watching: Watching) -> None:
    user = await add(identity)
    signed = await identity.SignIn(pb.SignInRequest(email=user.email, password=PASSWORD))
    snapshot = (await watching.raw()).snapshot
    known = TokenFormat(snapshot.verification_key, snapshot.issuer, snapshot.audience)
    claims = verify(signed.tokens.access_token, known)
    assert claims.user_id == user.user_id
    await identity.SignOut(pb.SignOutRequest(user_id=user.user_id, token_id=claims.token_id))
    await identity.UpdateUser(pb.UpdateUserRequest(user_id=user.user_id, password="another_password"))
    later = Watching(identity)
    snapshot = (await later.raw()).snapshot
    later.cancel()
    assert [token.token_id for token in snapshot.revoked_tokens] == [claims.token_id]
    assert [(revoked.user_id, revoked.min_generation) for revoked in snapshot.revoked_users] == [(user.user_id, 2)]
    assert snapshot.revoked_tokens[0].expire_time.seconds > time.time() + 900


async def test_a_snapshot_of_many_revocations_comes_in_parts(service: Any, identity: rpc.IdentityServiceStub) -> None:
    tokens = [f"t{number}" for number in range(REVOCATIONS_A_PART + 1)]
    await asyncio.gather(*(service.store.identity.end_sign_ins("user_x", token) for token in tokens))
    watching = Watching(identity)
    first, second = [(await watching.raw()).snapshot for _ in range(2)]
    assert (first.more_follows, second.more_follows) == (True, False)
    assert second.verification_key == first.verification_key
    assert {token.token_id for part in (first, second) for token in part.revoked_tokens} == set(tokens)
    watching.cancel()


def test_the_parts_of_a_snapshot_fit_into_messages_and_lose_nothing() -> None:
    tokens = tuple(TokenRevocation(f"{number:05}" + "\U0001f600" * 123, 2**55) for number in range(12_000))
    users = tuple(UserRevocation(f"user_{number:024}", 2**62, 2**55) for number in range(5_001))
    parts = list(to_snapshots(TokenFormat(b"k" * 32), Revocations(tokens, users)))
    assert max(part.ByteSize() for part in parts) < MAX_MESSAGE_BYTES - 100
    assert [part.more_follows for part in parts] == [True, True, False]
    assert [token.token_id for part in parts for token in part.revoked_tokens] == [token.token_id for token in tokens]
    assert [user.user_id for part in parts for user in part.revoked_users] == [user.user_id for user in users]


async def test_every_change_is_told_at_once(identity: rpc.IdentityServiceStub, watching: Watching) -> None:
    user = await add(identity)
    assert (await watching.next()).HasField("snapshot")
    await identity.SignOut(pb.SignOutRequest(user_id=user.user_id, token_id="t1"))
    assert (await watching.next()).token_revoked.token_id == "t1"
    await identity.UpdateUser(pb.UpdateUserRequest(user_id=user.user_id, name="No tokens end"))
    await identity.UpdateUser(pb.UpdateUserRequest(user_id=user.user_id, is_admin=True))
    assert (await watching.next()).user_revoked.min_generation == 2
    await identity.CreateUser(pb.CreateUserRequest(email="b@example.com", password=PASSWORD, is_admin=True))
    key = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="quillium", owner=user.user_id))
    assert (await watching.next()).api_keys_changed.surface == "quillium"
    await identity.RevokeApiKey(pb.RevokeApiKeyRequest(surface="quillium", key_id=key.api_key.key_id))
    assert (await watching.next()).api_keys_changed.surface == "quillium"
    await identity.DeleteUser(pb.DeleteUserRequest(user_id=user.user_id))
    assert (await watching.next()).user_revoked.min_generation == 3
    assert (await watching.next()).api_keys_changed.surface == "quillium"


@pytest.mark.slow
async def test_a_revocation_needs_no_heartbeat_to_arrive(identity: rpc.IdentityServiceStub, watching: Watching) -> None:
    await watching.next()
    delays = []
    for number in range(10):
        # Right behind a heartbeat the next one is a quarter of a second away.
        assert (await watching.raw()).HasField("heartbeat")
        await identity.SignOut(pb.SignOutRequest(user_id="user_x", token_id=f"t{number}"))
        answered = time.perf_counter()
        assert (await watching.next()).token_revoked.token_id == f"t{number}"
        delays.append(time.perf_counter() - answered)
    assert sorted(delays)[5] < 0.05


async def test_a_heartbeat_comes_more_than_twice_a_second(watching: Watching) -> None:
    await watching.raw()
    started = time.monotonic()
    for _ in range(4):
        assert (await watching.raw()).HasField("heartbeat")
    assert 0.7 < time.monotonic() - started < 2


async def test_the_watch_ends_with_the_process(watching: Watching) -> None:
    await watching.raw()
    shutting_down.set()
    while (event := await watching.raw()) is not grpc.aio.EOF:
        assert event.HasField("heartbeat")


async def test_a_watcher_that_lags_is_ended_and_its_queue_dropped() -> None:
    watch = CredentialWatch(most_waiting=3)

    async def stored(number: int) -> TokenRevocation:
        return TokenRevocation(str(number), 1)

    with watch.watch() as slow, watch.watch() as quick:
        for number in range(4):
            await watch.change(stored(number), lambda revocation: [token_revoked(revocation)])
            event = await quick.next(1)
            assert event is not None
            assert event.token_revoked.token_id == str(number)
        with pytest.raises(DomainError) as caught:
            await slow.next(1)
        assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
        assert await quick.next(0.001) is None


async def test_a_caller_that_hangs_up_does_not_keep_a_revocation_from_being_told() -> None:
    watch = CredentialWatch()
    committing = asyncio.Event()

    async def store() -> TokenRevocation:
        await committing.wait()
        return TokenRevocation("t", 1)

    with watch.watch() as watcher:
        caller = asyncio.ensure_future(watch.change(store(), lambda revocation: [token_revoked(revocation)]))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        committing.set()
        await watch.close()
        event = await watcher.next(1)
        assert event is not None
        assert event.token_revoked.token_id == "t"


async def test_a_write_that_fails_is_told_to_its_caller_only() -> None:
    watch = CredentialWatch()

    async def store() -> TokenRevocation:
        raise DomainError(Reason.STORAGE_FULL, "Full.")

    with watch.watch() as watcher:
        with pytest.raises(DomainError):
            await watch.change(store(), lambda revocation: [token_revoked(revocation)])
        assert await watcher.next(0.001) is None
