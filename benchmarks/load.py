"""Bounded HTTP load over raw sockets, so that the generator costs less than what it measures."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Load:
    """What one run saw: finished requests, SSE events, seconds, and the time to each first event in seconds."""

    requests: int = 0
    events: int = 0
    seconds: float = 0.0
    first_event_s: list[float] = field(default_factory=list)
    total_s: list[float] = field(default_factory=list)


def http_request(method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def run_unary(port: int, request: bytes, callers: int, seconds: float) -> Load:
    """Sends `request` again and again over `callers` connections for `seconds`."""
    load = Load()
    stop_at = time.perf_counter() + seconds

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < stop_at:
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode(errors="replace"))
            await reader.readexactly(_content_length(head))
            load.requests += 1
            load.total_s.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(caller())
    load.seconds = time.perf_counter() - started
    return load


async def run_streams(port: int, request: bytes, callers: int, streams_each: int) -> Load:
    """Reads `streams_each` whole SSE answers on each of `callers` connections."""
    load = Load()

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(streams_each):
            await _read_stream(reader, writer, request, load)
        writer.close()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(caller())
    load.seconds = time.perf_counter() - started
    return load


async def _read_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, load: Load) -> None:
    started = time.perf_counter()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode(errors="replace"))
    first = True
    while size := int(await reader.readline(), 16):
        chunk = await reader.readexactly(size + 2)
        if first:
            load.first_event_s.append(time.perf_counter() - started)
            first = False
        load.events += chunk.count(b"data: ")
    await reader.readexactly(2)
    load.requests += 1
    load.total_s.append(time.perf_counter() - started)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("the response has no length")
