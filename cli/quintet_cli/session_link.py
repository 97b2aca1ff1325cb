"""The way to the session service: a named one, that of the running `quintet up`, or one started for the moment."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc

from quintet.identity.v1 import identity_service_pb2_grpc as identity_rpc
from quintet.webhooks.v1 import webhook_service_pb2_grpc as webhooks_rpc
from quintet_cli.child import Child
from quintet_cli.data_folder import has_database, is_claimed, problem_with
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.log_output import parse_event
from quintet_cli.options import Options
from quintet_cli.probes import grpc_health
from quintet_cli.processes import lone_session_spec, service_target
from quintet_cli.runtime_folder import runtime_folder
from quintet_cli.session_address import published_address
from quintet_errors import DomainError, Reason
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import WRITE_DEADLINE_S, create_channel

ResultT = TypeVar("ResultT")
Work = Callable[[grpc.aio.Channel], Awaitable[ResultT]]

# A session service starts in a second or two, also on a slow machine.
_START_S = 30.0
_GRACE_S = 15.0
_PROBE_INTERVAL_S = 0.05
# Sign-ins of others may stand in the line before a password is hashed.
_DEADLINE_S = 2 * WRITE_DEADLINE_S


class _Calls:
    """A service; calls raise CommandError with the sentence of the service."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    async def call(self, method: str, request: Any) -> Any:
        """Calls a method of the service by its name."""
        try:
            return await call_unary(getattr(self._stub, method), request, deadline_s=_DEADLINE_S)
        except DomainError as error:
            raise CommandError(error.message, _code(error.reason)) from None


class Identities(_Calls):
    """The identity service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(identity_rpc.IdentityServiceStub(channel))


class WebhookDeliveries(_Calls):
    """The webhook service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(webhooks_rpc.WebhookServiceStub(channel))


def with_identities(
    data_dir: Path,
    given_address: str,
    work: Callable[[Identities], Awaitable[ResultT]],
    *,
    makes_database: bool = False,
) -> ResultT:
    """Does work at the session service that is meant, and returns its result; raises CommandError.

    A data folder without a database is refused unless the work may make one.
    """
    return asyncio.run(_reach(data_dir, given_address, lambda channel: work(Identities(channel)), makes_database))


def with_webhooks(
    data_dir: Path, given_address: str, work: Callable[[WebhookDeliveries], Awaitable[ResultT]]
) -> ResultT:
    """Does work at the session service that is meant, and returns its result; raises CommandError."""
    return asyncio.run(_reach(data_dir, given_address, lambda channel: work(WebhookDeliveries(channel)), False))


async def _reach(data_dir: Path, given_address: str, work: Work[ResultT], makes_database: bool) -> ResultT:
    if given_address:
        return await _at(given_address, work)
    address = published_address(data_dir)
    if address and await _answers_soon(address, data_dir):
        return await _at(address, work)
    # A mistyped folder must not become a new installation.
    if not makes_database and not has_database(data_dir):
        raise CommandError(f"There is no Quintet data in {data_dir}; name its folder with --data-dir.", ExitCode.USAGE)
    async with _own_service(data_dir) as own_address:
        return await _at(own_address, work)


async def _at(address: str, work: Work[ResultT]) -> ResultT:
    if not await grpc_health(address)():
        raise CommandError(f"No session service answers at {address}.", ExitCode.UNREACHABLE)
    async with create_channel(address) as channel:
        return await work(channel)


async def _answers_soon(address: str, data_dir: Path) -> bool:
    """Tells whether the service of a running `quintet up` answers; one that is starting is waited for."""
    probe = grpc_health(address)
    deadline = time.monotonic() + _START_S
    while not await probe():
        if not is_claimed(data_dir):
            return False
        if time.monotonic() > deadline:
            raise CommandError(
                f"`quintet up` uses {data_dir}, but its session service does not answer.", ExitCode.UNREACHABLE
            )
        await asyncio.sleep(_PROBE_INTERVAL_S)
    return True


@asynccontextmanager
async def _own_service(data_dir: Path) -> AsyncIterator[str]:
    """Runs a session service over the data folder for the length of the block."""
    if problem := problem_with(data_dir):
        raise CommandError(problem)
    with runtime_folder() as folder:
        spec = lone_session_spec(Options(data_dir), folder)
        said: list[str] = []

        def hear(line: str) -> None:
            # What is no event is a sentence for people: why the service cannot start.
            if line and parse_event(line) is None:
                said[:] = [line]

        child = await Child.start(spec.command, spec.prepare(), hear)
        ending = asyncio.create_task(child.wait())
        try:
            await _until_serving(spec.probe, ending, said)
            yield service_target("session", folder)
        finally:
            await child.stop(_GRACE_S)
            await ending


async def _until_serving(probe: Callable[[], Awaitable[bool]], ending: asyncio.Task[int], said: list[str]) -> None:
    deadline = time.monotonic() + _START_S
    while not await probe():
        if ending.done():
            raise CommandError(said[-1] if said else f"The session service ended with code {ending.result()}.")
        if time.monotonic() > deadline:
            raise CommandError("The session service did not start in time.")
        await asyncio.sleep(_PROBE_INTERVAL_S)


def _code(reason: Reason) -> ExitCode:
    unreachable = reason in {Reason.SERVICE_UNAVAILABLE, Reason.DEADLINE_EXCEEDED}
    return ExitCode.UNREACHABLE if unreachable else ExitCode.FAILED
