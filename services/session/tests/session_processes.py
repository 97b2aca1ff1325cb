"""The session service as a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from quintet_rpc.channel import create_channel

_NO_SETTINGS: Mapping[str, str] = {}


@dataclass
class Running:
    """A process that serves, and the lines that it has written so far."""

    process: asyncio.subprocess.Process
    channel: grpc.aio.Channel
    output: list[str] = field(default_factory=list)

    async def kill(self) -> int:
        """Ends the process as a power cut would, and returns its exit status."""
        self.process.kill()
        return await self.process.wait()

    async def stop(self) -> int:
        """Asks the process to end, and returns its exit status."""
        self.process.terminate()
        async with asyncio.timeout(15):
            return await self.process.wait()


@asynccontextmanager
async def service_process(folder: Path, settings: Mapping[str, str] = _NO_SETTINGS) -> AsyncIterator[Running]:
    """Runs the real process over a data folder; `settings` are variables without their prefix."""
    values = {"LISTEN_ADDR": "127.0.0.1:0", "DATA_DIR": str(folder), "LOG_FORMAT": "json", **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "quintet_session",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {f"QUINTET_SESSION_{name}": value for name, value in values.items()},
    )
    output: list[str] = []
    try:
        port = await _port(process, output)
        reading = asyncio.create_task(_read(process, output))
        async with create_channel(f"127.0.0.1:{port}") as channel:
            yield Running(process, channel, output)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await reading


async def _port(process: asyncio.subprocess.Process, output: list[str]) -> int:
    port = 0
    async with asyncio.timeout(60):
        while True:
            line = await _line(process)
            assert line, f"the process ended: {output}"
            output.append(line)
            event = json.loads(line)
            port = event["ports"][0] if event["event"] == "listening" else port
            if event["event"] == "serving":
                return port


async def _read(process: asyncio.subprocess.Process, output: list[str]) -> None:
    while line := await _line(process):
        output.append(line)


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()
