"""Stores and servers for the tests of the session service."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import grpc
import pytest

from quintet.identity.v1 import identity_service_pb2_grpc as identity_rpc
from quintet.jobs.v1 import job_service_pb2_grpc as jobs_rpc
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as knowledge_rpc
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet.usage.v1 import usage_service_pb2_grpc as usage_rpc
from quintet.webhooks.v1 import webhook_service_pb2_grpc as webhooks_rpc
from quintet_session.__main__ import SessionService, build_store
from quintet_session.settings import SessionSettings
from quintet_session.store import Scope, Store
from quintet_session.stores.sqlite import DatabaseOptions, SqliteStore
from quintet_testing import serve

# Test modules are imported by their paths, so that the module beside them has to be made findable.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("knowledge_pieces", "session_processes", "webhook_pieces")

SCOPE = Scope("nexus", "anonymous")
# Most tests are not about the time that a password takes.
CHEAP_PASSWORDS: dict[str, object] = {"password_time_cost": 1, "password_memory_kib": 64}
# Tests write records of fixed times, which the first purge of a service would otherwise remove or not, as it comes.
KEPT_FOREVER: dict[str, object] = {"usage_retention_d": 100_000.0}


@dataclass
class Clock:
    """A wall clock that tests can make jump."""

    now_us: int = 1_700_000_000_000_000
    stepped_us: int = 0

    def __call__(self) -> int:
        return self.now_us

    def seconds(self) -> float:
        return (self.now_us - self.stepped_us) / 1e6

    def jump(self, seconds: float) -> None:
        self.now_us += int(seconds * 1e6)

    def step(self, seconds: float) -> None:
        self.jump(seconds)
        self.stepped_us += int(seconds * 1e6)


def _sqlite(folder: Path, clock: Clock) -> Store:
    return SqliteStore(DatabaseOptions(folder), now_us=clock, now_s=clock.seconds)


# A store of another kind joins the conformance suite with one line here.
FACTORIES: dict[str, Callable[[Path, Clock], Store]] = {"sqlite": _sqlite}


@dataclass
class StoreMaker:
    """Opens stores over the same data, one after the other."""

    factory: Callable[[Path, Clock], Store]
    folder: Path
    clock: Clock = field(default_factory=Clock)
    opened: list[Store] = field(default_factory=list)

    async def open(self) -> Store:
        await self.close()
        store = self.factory(self.folder, self.clock)
        self.opened.append(store)
        await store.open()
        return store

    async def close(self) -> None:
        while self.opened:
            await self.opened.pop().close()


@pytest.fixture(params=list(FACTORIES))
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreMaker]:
    maker = StoreMaker(FACTORIES[request.param], tmp_path)
    yield maker
    await maker.close()


@pytest.fixture
async def store(stores: StoreMaker) -> Store:
    return await stores.open()


@dataclass
class Running:
    """A service over real gRPC."""

    sessions: rpc.SessionServiceStub
    jobs: jobs_rpc.JobServiceStub
    usage: usage_rpc.UsageServiceStub
    knowledge: knowledge_rpc.KnowledgeServiceStub
    identity: identity_rpc.IdentityServiceStub
    webhooks: webhooks_rpc.WebhookServiceStub
    store: Store
    channel: grpc.aio.Channel


@asynccontextmanager
async def running_service(folder: Path, **settings: object) -> AsyncIterator[Running]:
    values = SessionSettings(data_dir=folder, **(CHEAP_PASSWORDS | KEPT_FOREVER | settings))  # type: ignore[arg-type]
    store = build_store(values)
    service = SessionService(store, values)
    async with serve(service.register) as channel:
        try:
            await service.open()
            yield Running(
                sessions=rpc.SessionServiceStub(channel),
                jobs=jobs_rpc.JobServiceStub(channel),
                usage=usage_rpc.UsageServiceStub(channel),
                knowledge=knowledge_rpc.KnowledgeServiceStub(channel),
                identity=identity_rpc.IdentityServiceStub(channel),
                webhooks=webhooks_rpc.WebhookServiceStub(channel),
                store=store,
                channel=channel,
            )
        finally:
            await service.close()


@pytest.fixture
def serving(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Running]]:
    """Runs a service with the settings that a test asks for."""
    return partial(running_service, tmp_path)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_service(tmp_path) as running:
        yield running


@pytest.fixture
def sessions(service: Running) -> rpc.SessionServiceStub:
    return service.sessions


@pytest.fixture
def jobs(service: Running) -> jobs_rpc.JobServiceStub:
    return service.jobs


@pytest.fixture
def usage(service: Running) -> usage_rpc.UsageServiceStub:
    return service.usage


@pytest.fixture
def knowledge(service: Running) -> knowledge_rpc.KnowledgeServiceStub:
    return service.knowledge


@pytest.fixture
def webhooks(service: Running) -> webhooks_rpc.WebhookServiceStub:
    return service.webhooks


@pytest.fixture
def identity(service: Running) -> identity_rpc.IdentityServiceStub:
    return service.identity
