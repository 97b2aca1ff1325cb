"""A person at a microphone: sends speech in real time over a WebSocket of omni, and notes when what comes back."""

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import httpx
import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.processes import free_port, quintet_up
from quintet.identity.v1.identity_service_pb2 import CreateApiKeyRequest
from quintet.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from quintet_rpc.settings import default_data_dir

RATE_HZ = 16_000
CHUNK_S = 0.064
_DECISIONS = ("started", "ended", "dropped")
_SPECULATIONS = ("used", "waited", "discarded")
Samples = NDArray[np.float32]


@dataclass
class Place:
    """A running Quintet with whisper-base, its port, and a key of omni."""

    process: psutil.Process
    port: int
    key: str
    metrics_ports: Mapping[str, int]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metric(self, name: str, process: str = "gateway", **labels: str) -> float:
        """Returns the sum of a metric of a process over all lines with these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        port = self.port if process == "gateway" else self.metrics_ports[process]
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(one in line for one in wanted))


@contextmanager
def running_place(*arguments: str) -> Iterator[Place]:
    """Runs Quintet over a fresh data folder that sees the models of the default one."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        models = default_data_dir() / "models"
        if models.is_dir():
            (data / "models").symlink_to(models)
        ports = {name: free_port() for name in ("stt", "tts")}
        for name, metrics_port in ports.items():
            os.environ[f"QUINTET_{name.upper()}_METRICS_ADDR"] = f"127.0.0.1:{metrics_port}"
        with quintet_up(data, "--limits", "off", *arguments) as (process, port, _ready_s):
            yield Place(process, port, _new_key(data), ports)


def _new_key(data: Path) -> str:
    with grpc.insecure_channel((data / "session.address").read_text().strip()) as channel:
        request = CreateApiKeyRequest(surface="omni", owner="benchmark")
        return str(IdentityServiceStub(channel).CreateApiKey(request, timeout=10).secret)


def speech(text: str, voice: str = "slt") -> Samples:
    """Returns a text in a human-like voice, from its first to its last sound."""
    program = shutil.which("flite")
    if program is None:
        raise SystemExit("flite is not installed; it speaks the questions of this benchmark")
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run([program, "-voice", voice, "-t", text, "-o", file.name], check=True)
        with wave.open(io.BytesIO(Path(file.name).read_bytes())) as reader:
            assert (reader.getframerate(), reader.getnchannels()) == (RATE_HZ, 1)
            samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]


def room(seconds: float, seed: int = 0) -> Samples:
    """Returns the faint noise of a quiet room."""
    noise = np.random.default_rng(seed).normal(0, 0.0005, round(seconds * RATE_HZ))
    return noise.astype(np.float32)


@dataclass
class Person:
    """One connection: what was sent and what came, with the times of both."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    closed: bool = False

    async def listen(self) -> None:
        """Notes every frame until the connection ends."""
        async for message in self.socket:
            frame = json.loads(message.data)
            async with self.came:
                self.frames.append((time.perf_counter(), frame))
                self.came.notify_all()
        async with self.came:
            self.closed = True
            self.came.notify_all()

    async def say(self, samples: Samples) -> float:
        """Sends samples at the pace of a microphone, and returns when the last of them were sent."""
        begun = time.perf_counter()
        size = round(CHUNK_S * RATE_HZ)
        for number, start in enumerate(range(0, len(samples), size), 1):
            piece = samples[start : start + size]
            # A microphone gives a piece when it has been heard, and not before.
            await asyncio.sleep(max(0.0, begun + number * CHUNK_S - time.perf_counter()))
            data = base64.b64encode((piece * 32767).astype("<i2").tobytes()).decode()
            chunk = {"type": "audio_chunk", "data": data, "sample_rate": RATE_HZ, "format": "pcm_s16le"}
            self.sent.append(time.perf_counter())
            await self.socket.send_str(json.dumps(chunk))
        return time.perf_counter()

    async def say_until(self, kind: str, after: float, most_s: float = 30.0) -> float:
        """Sends the room's silence until a frame of a kind has come, and returns when it came."""
        waiting = asyncio.create_task(self.when(kind, after))
        silence = asyncio.create_task(self.say(room(most_s)))
        try:
            await asyncio.wait({waiting, silence}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result()
        finally:
            silence.cancel()
            waiting.cancel()
            await asyncio.gather(silence, waiting, return_exceptions=True)

    async def when(self, kind: str, after: float = 0.0) -> float:
        """Waits for a frame of a kind behind a moment, and returns when it came.

        A kind is a type, `status:WORD`, or `sound` for any frame with sound in it.
        """
        async with self.came:
            while True:
                found = [moment for moment, frame in self.frames if moment > after and kind in _kinds(frame)]
                if found:
                    return found[0]
                if self.closed:
                    raise RuntimeError(f"the connection ended without {kind}")
                await self.came.wait()


def _kinds(frame: dict[str, Any]) -> tuple[str, ...]:
    kind = str(frame["type"])
    return (kind, f"{kind}:{frame.get('status', '')}", *(("sound",) if frame.get("audio_base64") else ()))


@asynccontextmanager
async def person_at(place: Place, **query: str) -> AsyncIterator[Person]:
    """Opens a connection for the length of the block."""
    parameters = {"api_key": place.key, **query}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{place.base}/ws", params=parameters, max_msg_size=1 << 26) as socket,
    ):
        person = Person(socket)
        listening = asyncio.create_task(person.listen())
        try:
            await person.when("connected")
            yield person
        finally:
            await socket.close()
            await asyncio.gather(listening, return_exceptions=True)


def print_engines(place: Place) -> None:
    """Prints what the engines did: real-time factors, queues, and the decisions about speech."""
    for service in ("stt", "tts"):
        factor, texts = mean(place, "quintet_real_time_factor", service, service=service)
        wait_s, requests = mean(place, "quintet_engine_wait_seconds", service, service=service)
        print(f"{service}: real-time factor {factor:.3f} ({texts:.0f}), queue {1000 * wait_s:.2f} ms ({requests:.0f})")
    decisions = {one: place.metric("quintet_vad_decisions_total", "stt", decision=one) for one in _DECISIONS}
    speculations = {one: place.metric("quintet_speculations_total", "stt", outcome=one) for one in _SPECULATIONS}
    vad_s, pieces = mean(place, "quintet_vad_seconds", "stt")
    print(f"VAD: {vad_s * 1000:.2f} ms a piece ({pieces:.0f}), {_counts(decisions)}; {_counts(speculations)}")


def mean(place: Place, name: str, process: str = "gateway", **labels: str) -> tuple[float, float]:
    """Returns the mean of a histogram, and how many values it has."""
    count = place.metric(f"{name}_count", process, **labels)
    return place.metric(f"{name}_sum", process, **labels) / max(1.0, count), count


def _counts(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number:.0f}" for name, number in numbers.items())
