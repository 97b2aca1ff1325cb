"""The gateway against the least bridge, in interleaved rounds of one run."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.load import Load, http_request, run_streams, run_unary
from benchmarks.processes import cpu_seconds, free_port, started, wait_for_port

ROUNDS = 7
KEY = ("X-API-Key", "the-key")


@dataclass(frozen=True)
class Front:
    """One of the two that are compared."""

    name: str
    port: int
    process: psutil.Process


@dataclass(frozen=True)
class Measured:
    rate: float
    cpu_ms: float
    first_ms: float


@contextmanager
def fronts() -> Iterator[tuple[Front, Front]]:
    """Starts both over the same session service."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sockets = {name: f"unix:{folder}/{name}.sock" for name in ("session", "llm", "least")}
        session_port, gateway_port, bridge_port = free_port(), free_port(), free_port()
        stack.enter_context(
            started(
                "quintet_session",
                [],
                {
                    "QUINTET_SESSION_DATA_DIR": str(folder),
                    "QUINTET_SESSION_LISTEN_ADDR": f"127.0.0.1:{session_port}",
                    "QUINTET_SESSION_LISTEN_UNIX": f"{folder}/session.sock",
                    "QUINTET_SESSION_LOG_LEVEL": "error",
                },
            )
        )
        stack.enter_context(
            started(
                "quintet_llm",
                [],
                {
                    "QUINTET_LLM_ENGINE": "scripted",
                    "QUINTET_LLM_LISTEN_ADDR": "",
                    "QUINTET_LLM_LISTEN_UNIX": f"{folder}/llm.sock",
                    "QUINTET_LLM_LOG_LEVEL": "error",
                },
            )
        )
        stack.enter_context(started("benchmarks.gateway.least_llm", [sockets["least"]], {}))
        gateway = stack.enter_context(
            started(
                "quintet_gateway",
                [],
                {
                    "QUINTET_GATEWAY_PORTS": str(gateway_port),
                    "QUINTET_GATEWAY_LIMITS": "off",
                    "QUINTET_GATEWAY_NEXUS_API_KEYS": KEY[1],
                    "QUINTET_GATEWAY_DATA_DIR": str(folder),
                    "QUINTET_GATEWAY_LOG_LEVEL": "error",
                    "QUINTET_GATEWAY_SESSION_ADDR": sockets["session"],
                    "QUINTET_GATEWAY_LLM_ADDR": sockets["llm"],
                },
            )
        )
        bridge = stack.enter_context(
            started("benchmarks.gateway.bridge", [str(bridge_port), sockets["session"], sockets["least"]], {})
        )
        for port in (session_port, gateway_port, bridge_port):
            wait_for_port(port)
        for port in (gateway_port, bridge_port):
            wait_for_answers(port)
        yield Front("gateway", gateway_port, gateway), Front("bridge", bridge_port, bridge)


def wait_for_answers(port: int, within_s: float = 30.0) -> None:
    """Returns when the front answers a chat: its services may listen before they serve."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        response = httpx.post(f"http://127.0.0.1:{port}/api/process/text", json={"message": "x"}, headers=dict([KEY]))
        if response.status_code == 200:
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


def a_job(port: int) -> str:
    """Creates a job to ask for; no model service is up, so it stays at work."""
    response = httpx.post(
        f"http://127.0.0.1:{port}/api/process/text-to-speech", json={"text": "x"}, headers=dict([KEY]), timeout=10
    )
    return str(response.raise_for_status().json()["job_id"])


def measure(front: Front, run: Callable[[int], Load], per: str) -> Measured:
    before = cpu_seconds(front.process)
    load = run(front.port)
    cpu = cpu_seconds(front.process) - before
    count = getattr(load, per)
    first = statistics.median(load.first_event_s) if load.first_event_s else statistics.median(load.total_s)
    return Measured(count / load.seconds, 1000 * cpu / max(1, load.requests), 1000 * first)


def rounds(gateway: Front, bridge: Front, run: Callable[[int], Load], per: str) -> tuple[Measured, Measured]:
    """Runs both in turn and returns the medians of each."""
    seen: dict[str, list[Measured]] = {gateway.name: [], bridge.name: []}
    for front in (gateway, bridge):
        run(front.port)
    for number in range(ROUNDS):
        for front in (gateway, bridge) if number % 2 == 0 else (bridge, gateway):
            seen[front.name].append(measure(front, run, per))
    return _median(seen[gateway.name]), _median(seen[bridge.name])


def _median(measured: list[Measured]) -> Measured:
    return Measured(
        statistics.median(one.rate for one in measured),
        statistics.median(one.cpu_ms for one in measured),
        statistics.median(one.first_ms for one in measured),
    )


def report(title: str, unit: str, ours: Measured, least: Measured, bar: str) -> None:
    print(
        f"{title:28} gateway {ours.rate:9.0f} {unit}  bridge {least.rate:9.0f}  ratio {ours.rate / least.rate:5.2f}"
        f" | cpu {ours.cpu_ms:7.3f} / {least.cpu_ms:7.3f} ms  ratio {ours.cpu_ms / max(least.cpu_ms, 1e-9):5.2f}"
        f" | first {ours.first_ms:6.2f} / {least.first_ms:6.2f} ms  ratio {ours.first_ms / least.first_ms:5.2f}"
        f" | bar {bar}"
    )


def text_request(script: str) -> bytes:
    headers = (KEY, ("Content-Type", "application/json"), ("X-Quintet-Script", script))
    return http_request("POST", "/api/process/text", headers, b'{"message": "go"}')


def main() -> None:
    """Prints each figure beside its bar."""
    with fronts() as (gateway, bridge):
        status = http_request("GET", f"/api/status/{a_job(gateway.port)}", (KEY,))
        for callers in (1, 16, 64):
            ours, least = rounds(
                gateway, bridge, lambda port, n=callers: asyncio.run(run_unary(port, status, n, 1.5)), "requests"
            )
            report(f"status, {callers} callers", "req/s", ours, least, "rate >= 0.5, cpu <= 2")
        burst = text_request("steps=200")
        for callers in (1, 16, 64):
            ours, least = rounds(
                gateway, bridge, lambda port, n=callers: asyncio.run(run_streams(port, burst, n, 128 // n)), "events"
            )
            report(f"200 tokens at once, {callers}", "tok/s", ours, least, "rate >= 2.5")
        paced = text_request("steps=100,interval_ms=20")
        ours, least = rounds(gateway, bridge, lambda port: asyncio.run(run_streams(port, paced, 50, 1)), "events")
        report("50 streams, 20 ms a token", "tok/s", ours, least, "rate >= 0.98, first <= 1.3")


if __name__ == "__main__":
    main()
