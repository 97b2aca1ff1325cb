"""Accounts under load: pages of long histories, and sign-ins beside other requests."""

import asyncio
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx

from benchmarks.processes import quintet_up
from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc

CHATS = 1000
MESSAGES = 50
LONG_CHAT = 20_000
PAGES = 400
SIGN_INS = 32
PASSWORD = "secure_password"


@dataclass
class Account:
    """A signed-in user of a running Quintet."""

    base: str
    email: str
    user_id: str
    headers: dict[str, str]


@contextmanager
def running_account() -> Iterator[tuple[Account, rpc.SessionServiceStub]]:
    """Runs Quintet with scripted engines, with one user and a stub of its session service."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with quintet_up(data, "--limits", "off", "--engines", "scripted") as (_, port, _ready_s):
            base = f"http://127.0.0.1:{port}"
            account = _register(base)
            address = (data / "session.address").read_text().strip()
            with grpc.insecure_channel(address) as channel:
                yield account, rpc.SessionServiceStub(channel)


def chats() -> None:
    """Reads pages of 1,000 chats with 50 messages each, and of one long chat near its start and its end."""
    with running_account() as (account, stub):
        ids = _fill(stub, account.user_id)
        numbers = random.Random(1)
        listing = [f"/v1/chats?limit=20&offset={numbers.randrange(0, CHATS)}" for _ in range(PAGES)]
        messages = [
            f"/v1/chats/chat_{numbers.choice(ids[:-1])}/messages?limit=20&offset={numbers.randrange(0, MESSAGES)}"
            for _ in range(PAGES)
        ]
        with httpx.Client(base_url=account.base, headers=account.headers, trust_env=False) as client:
            _report("a page of the chats", _times_ms(client, listing))
            _report("a page of messages", _times_ms(client, messages))
            near, far = _interleaved(client, ids[-1])
        print(
            f"one chat of {LONG_CHAT} messages, 7 rounds: page at the start {near:.2f} ms, at the end {far:.2f} ms, "
            f"ratio {far / near:.2f}"
        )


def logins() -> None:
    """Signs 32 users in at once, and reads a profile all the while."""
    with running_account() as (account, _stub):
        asyncio.run(_sign_in_beside_reading(account))


async def _sign_in_beside_reading(account: Account) -> None:
    limits = httpx.Limits(max_connections=SIGN_INS + 4)
    async with httpx.AsyncClient(base_url=account.base, trust_env=False, limits=limits, timeout=60) as client:

        async def read() -> None:
            response = await client.get("/v1/users/me", headers=account.headers)
            response.raise_for_status()

        async def sign_in() -> None:
            body = {"email": account.email, "password": PASSWORD}
            response = await client.post("/v1/auth/login", json=body)
            response.raise_for_status()

        alone_s = await _while(read, asyncio.sleep(3))
        begun = time.perf_counter()
        beside_s = await _while(read, _all_at_once(sign_in, SIGN_INS))
        seconds = time.perf_counter() - begun
    _report("other requests alone", alone_s)
    _report(f"other requests beside {SIGN_INS} sign-ins", beside_s)
    bar_ms = max(2 * _p95(alone_s), 50.0)
    print(f"{SIGN_INS} sign-ins took {seconds:.2f} s; the bar for the others' p95 is {bar_ms:.1f} ms")


async def _all_at_once(call: Callable[[], Awaitable[None]], number: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(number):
            tasks.create_task(_call(call))


async def _call(call: Callable[[], Awaitable[None]]) -> None:
    await call()


async def _while(read: Callable[[], Awaitable[None]], work: Awaitable[None]) -> list[float]:
    """Repeats `read` until `work` is done, and returns the times in milliseconds."""
    working = asyncio.ensure_future(work)
    times = []
    while not working.done():
        started = time.perf_counter()
        await read()
        times.append((time.perf_counter() - started) * 1000)
    await working
    return times


def _register(base: str) -> Account:
    email = f"{uuid.uuid4().hex}@example.com"
    response = httpx.post(f"{base}/v1/auth/register", json={"email": email, "password": PASSWORD}, trust_env=False)
    response.raise_for_status()
    headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
    profile = httpx.get(f"{base}/v1/users/me", headers=headers, trust_env=False).json()
    return Account(base, email, profile["id"], headers)


def _fill(stub: rpc.SessionServiceStub, user_id: str) -> list[str]:
    scope = pb.Scope(surface="quillium", owner=user_id)
    ids = []
    for number in range(CHATS + 1):
        request = pb.CreateSessionRequest(scope=scope, title=f"Chat {number}", attributes={"model": "gpt-4"})
        session_id = stub.CreateSession(request).session.session_id
        ids.append(session_id)
        for start in range(0, LONG_CHAT if number == CHATS else MESSAGES, 100):
            _append(stub, scope, session_id, start, min(100, MESSAGES if number < CHATS else 100))
    return ids


def _append(stub: rpc.SessionServiceStub, scope: pb.Scope, session_id: str, start: int, count: int) -> None:
    messages = [
        pb.Message(role=1 + number % 2, content=f"Message {start + number} of a long conversation. " * 4)
        for number in range(count)
    ]
    stub.AppendMessages(
        pb.AppendMessagesRequest(
            scope=scope, session_id=session_id, messages=messages, idempotency_key=f"{session_id}-{start}"
        )
    )


def _times_ms(client: httpx.Client, paths: Sequence[str]) -> list[float]:
    times = []
    for path in paths:
        started = time.perf_counter()
        response = client.get(path)
        times.append((time.perf_counter() - started) * 1000)
        response.raise_for_status()
    return times


def _interleaved(client: httpx.Client, chat: str) -> tuple[float, float]:
    near, far = [], []
    for _ in range(7):
        near += _times_ms(client, [f"/v1/chats/chat_{chat}/messages?limit=20&offset=0"] * 10)
        far += _times_ms(client, [f"/v1/chats/chat_{chat}/messages?limit=20&offset={LONG_CHAT - 30}"] * 10)
    return statistics.median(near), statistics.median(far)


def _report(what: str, times_ms: Sequence[float]) -> None:
    print(f"{what}: {len(times_ms)} requests, p50 {statistics.median(times_ms):.2f} ms, p95 {_p95(times_ms):.2f} ms")


def _p95(times_ms: Sequence[float]) -> float:
    return sorted(times_ms)[int(len(times_ms) * 0.95)]
