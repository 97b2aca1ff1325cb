"""The life of a service process: settings, warm-up, serving, drain, end. Every service runs this."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet_engines import EngineInfo
from quintet_errors import DomainError
from quintet_observability import configure_logging, get_logger, metrics
from quintet_rpc.engine_info import absence_to_json, to_json
from quintet_rpc.request_context import shutting_down
from quintet_rpc.server import Register, ServiceServer
from quintet_rpc.settings import ServiceSettings, SettingsT, load_settings

_log = get_logger(__name__)
SUPERVISED_VARIABLE = "QUINTET_SUPERVISED"


@dataclass(frozen=True)
class Service:
    """What one service process is made of.

    `warm_up` returns when the first request would be answered at full speed, or raises DomainError if the service
    cannot serve at all. `describe` tells which engine would run, without loading it; `describe_others` tells the same
    of further engines by name, or why there is none.
    """

    name: str
    settings: ServiceSettings
    register: Register
    warm_up: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    describe: Callable[[], EngineInfo | None] = lambda: None
    describe_others: Callable[[], Mapping[str, EngineInfo | DomainError]] = dict


def run_process(settings_class: type[SettingsT], build: Callable[[SettingsT], Service]) -> None:
    """Runs a service until it is told to stop, and exits the interpreter with 0, or with 1 and one sentence.

    `build` is called inside of the event loop. With `--describe` it prints the engine as JSON and exits.
    """
    settings = load_settings(settings_class)
    if "--describe" in sys.argv[1:]:
        sys.exit(asyncio.run(_describe(settings, build)))
    sys.exit(asyncio.run(_run(settings, build)))


async def _describe(settings: SettingsT, build: Callable[[SettingsT], Service]) -> int:
    configure_logging("describe", "critical")
    try:
        service = build(settings)
    except DomainError as error:
        return _give_up("the engine cannot be chosen", error)
    others = {name: _other_to_json(name, said) for name, said in service.describe_others().items()}
    sys.stdout.write(json.dumps(to_json(service.describe()) | {"others": others}) + "\n")
    await service.close()
    return 0


def _other_to_json(name: str, said: EngineInfo | DomainError) -> dict[str, Any]:
    return absence_to_json(name, said) if isinstance(said, DomainError) else to_json(said)


async def _run(settings: SettingsT, build: Callable[[SettingsT], Service]) -> int:
    shutting_down.renew()
    name = "the service"
    try:
        service = build(settings)
        name = service.name
        configure_logging(name, settings.log_level, settings.log_format)
        await _serve(service)
    except (DomainError, OSError, RuntimeError, ValueError) as error:
        return _give_up(f"{name} cannot serve", error)
    return 0


def _give_up(what: str, error: Exception) -> int:
    sys.stderr.write(f"{what}: {error}\n")
    return 1


async def _serve(service: Service) -> None:
    settings = service.settings
    stop = stop_requested()
    server = ServiceServer(service.register)
    try:
        await _start(service, server)
        warm_up = asyncio.ensure_future(service.warm_up())
        await asyncio.wait({warm_up, stop}, return_when=asyncio.FIRST_COMPLETED)
        if warm_up.done():
            warm_up.result()
            await server.set_serving(serving=True)
            _announce(service)
            await stop
        else:
            warm_up.cancel()
    finally:
        stop.cancel()
        _log.info("stopping")
        shutting_down.set()
        await server.stop(settings.shutdown_grace_s)
        await service.close()


async def _start(service: Service, server: ServiceServer) -> None:
    settings = service.settings
    addresses = [settings.listen_addr] if settings.listen_addr else []
    if settings.listen_unix:
        addresses.append(f"unix:{settings.listen_unix}")
    ports = await server.start(addresses)
    if settings.metrics_addr:
        host, _, port = settings.metrics_addr.rpartition(":")
        _log.info("metrics_listening", port=metrics.serve_metrics(host, int(port)))
    _log.info("listening", addresses=addresses, ports=[port for port in ports if port > 1])


def _announce(service: Service) -> None:
    info = service.describe()
    if info is not None:
        metrics.ENGINE_INFO.labels(service.name, info.name, info.kind.value, info.model).set(1)
        _log.info("serving", engine=info.name, kind=info.kind.value, model=info.model, why=info.choice_reason)
    else:
        _log.info("serving")


def stop_requested() -> asyncio.Future[None]:
    """Returns a future that is done at SIGTERM, SIGINT, or when the supervisor is gone."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def request_stop() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, request_stop)
        except NotImplementedError:  # Windows has no signal handlers in its event loop.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(request_stop))
    if os.environ.get(SUPERVISED_VARIABLE) == "1":
        _watch_parent(loop, request_stop)
    return stop


def _watch_parent(loop: asyncio.AbstractEventLoop, request_stop: Callable[[], None]) -> None:
    """Ends the process when standard input closes: a killed supervisor must leave no orphans."""
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            request_stop()

    try:
        loop.add_reader(descriptor, read)
    except (OSError, NotImplementedError):
        _log.warning("parent_not_watched")
