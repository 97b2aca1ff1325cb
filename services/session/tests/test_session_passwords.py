"""Passwords: their cost, their line, their place behind everything else."""

import asyncio
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import HashingError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_session.identity_store import EmailAddress
from quintet_session.passwords import Passwords
from quintet_session.settings import SessionSettings

Serving = Callable[..., AbstractAsyncContextManager[Any]]
CHEAP = PasswordHasher(time_cost=1, memory_cost=64)
PASSWORD = "secure_password"


class GatedHasher(PasswordHasher):
    """Hashes only when the test lets it, and notes the priority that it was given."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64)
        self.gate = threading.Event()
        self.priorities: list[int] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert self.gate.wait(10)
        return super().hash(password, salt=salt)


class StarvedHasher(PasswordHasher):
    """Finds no memory, and says so as the library does."""

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        raise HashingError("Memory allocation error")

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        raise VerificationError("Memory allocation error")


def test_the_default_cost_is_the_librarys_recommendation() -> None:
    settings = SessionSettings()
    hasher = PasswordHasher(time_cost=settings.password_time_cost, memory_cost=settings.password_memory_kib)
    assert extract_parameters(hasher.hash(PASSWORD)) == RFC_9106_LOW_MEMORY


async def test_a_right_password_is_known_and_nothing_else_is() -> None:
    passwords = Passwords(CHEAP)
    await passwords.open()
    stored = await passwords.hash(PASSWORD)
    assert await passwords.verify(stored, PASSWORD)
    for password_hash, password in ((stored, "wrong"), (None, PASSWORD), ("no hash", PASSWORD)):
        assert not await passwords.verify(password_hash, password)
    await passwords.close()


async def test_a_password_that_there_is_no_memory_for_is_not_a_wrong_one() -> None:
    passwords = Passwords(StarvedHasher(time_cost=1, memory_cost=64))
    for work in (passwords.verify(CHEAP.hash(PASSWORD), PASSWORD), passwords.hash(PASSWORD)):
        with pytest.raises(DomainError) as caught:
            await work
        assert caught.value.reason is Reason.ENGINE_BUSY
        assert int(caught.value.metadata["retryAfterSeconds"]) >= 1
    await passwords.close()


async def test_who_finds_no_place_in_the_line_is_told_when_to_come_back() -> None:
    hasher = GatedHasher()
    passwords = Passwords(hasher, at_work=1, waiting=1)
    hashing = [asyncio.ensure_future(passwords.hash(PASSWORD)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DomainError) as caught:
        await passwords.hash(PASSWORD)
    assert caught.value.reason is Reason.ENGINE_BUSY
    assert int(caught.value.metadata["retryAfterSeconds"]) >= 1
    hasher.gate.set()
    assert len(set(await asyncio.gather(*hashing))) == 2
    await passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
async def test_hashing_steps_back_behind_the_rest_of_the_process() -> None:
    hasher = GatedHasher()
    hasher.gate.set()
    passwords = Passwords(hasher)
    await passwords.hash(PASSWORD)
    await passwords.close()
    assert hasher.priorities == [10]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < 10


async def test_a_sign_in_renews_a_hash_of_another_cost(serving: Serving) -> None:
    request = pb.SignInRequest(email="a@example.com", password=PASSWORD)
    async with serving() as service:
        await service.identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password=PASSWORD))
    async with serving(password_time_cost=2) as service:
        first = await service.identity.SignIn(request)
        found = await service.store.identity.credentials(EmailAddress("a@example.com"))
        assert extract_parameters(found.password_hash).time_cost == 2
        await service.identity.SignIn(request)
        await service.identity.VerifyAccessToken(pb.VerifyAccessTokenRequest(access_token=first.tokens.access_token))


async def test_32_sign_ins_at_once_succeed_and_leave_the_loop_free(serving: Serving) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            ticked = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - ticked)

    # A quarter of the real cost: long enough to be seen, short enough for every run of the tests.
    async with serving(password_time_cost=3, password_memory_kib=16 << 10) as service:
        await service.identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password=PASSWORD))
        request = pb.SignInRequest(email="a@example.com", password=PASSWORD)
        ticking = asyncio.create_task(tick())
        started = time.perf_counter()
        await asyncio.gather(*(service.identity.SignIn(request) for _ in range(32)))
        took = time.perf_counter() - started
        ticking.cancel()
    # On the loop each hash would stop it for a 32nd of the whole time, and all of them together for most of it.
    assert sum(gap for gap in gaps if gap > took / 64) < took / 2


@pytest.mark.parametrize("cost_before", [(6, 8 << 10), (1, 8 << 10), (2, 1 << 10)])
async def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    serving: Serving, cost_before: tuple[int, int]
) -> None:
    passes, memory_kib = cost_before
    async with serving(password_time_cost=passes, password_memory_kib=memory_kib) as service:
        await service.identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password=PASSWORD))
    async with serving(password_time_cost=6, password_memory_kib=8 << 10) as service:

        async def seconds(email: str) -> float:
            started = time.perf_counter()
            with pytest.raises(Exception, match="Invalid credentials"):
                await service.identity.SignIn(pb.SignInRequest(email=email, password="wrong_password"))
            return time.perf_counter() - started

        pairs = [(await seconds("a@example.com"), await seconds("nobody@example.com")) for _ in range(15)]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert 0.5 < known / unknown < 2
    # Without the hash an answer would take a small part of this.
    assert unknown > 0.005
