"""One stream sent and read step by step, and an engine that does what a test says."""

import asyncio
from collections.abc import Callable

import numpy as np
from prometheus_client import REGISTRY

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet.stt.v1 import stt_service_pb2_grpc as rpc
from quintet_audio.decode import Recording
from quintet_engines import EngineInfo, EngineKind
from quintet_errors import DomainError
from quintet_stt.engine import Progress, Segment, TranscribeOptions, Transcript, Word
from quintet_testing import eventually


class Talk:
    """One stream, sent and read step by step."""

    def __init__(self, stub: rpc.SttServiceStub, config: pb.StreamingTranscribeConfig, timeout: float = 30) -> None:
        self.call = stub.StreamingTranscribe(timeout=timeout)
        self._config = config
        self._begun = False

    async def send(self, **payload: object) -> None:
        if not self._begun:
            self._begun = True
            await self.call.write(pb.StreamingTranscribeRequest(config=self._config))
        await self.call.write(pb.StreamingTranscribeRequest(**payload))

    async def say(self, samples: np.ndarray, piece: int = 1600) -> list[pb.StreamingTranscribeResponse]:
        """Sends samples at 16 kHz and returns all that came up to the activity of the last piece."""
        events = []
        pcm = (samples * 32767).astype("<i2").tobytes()
        for start in range(0, len(pcm), piece * 2):
            await self.send(audio=pb.StreamingAudio(data=pcm[start : start + piece * 2]))
            events += await self.until("activity")
        return events

    async def until(self, kind: str) -> list[pb.StreamingTranscribeResponse]:
        """Returns what comes up to an event of a kind."""
        events = []
        while not events or events[-1].WhichOneof("event") != kind:
            event = await self.call.read()
            assert isinstance(event, pb.StreamingTranscribeResponse), f"{kind} never came, but {kinds(events)}"
            events.append(event)
        return events

    async def end(self) -> list[pb.StreamingTranscribeResponse]:
        """Half-closes and returns the rest."""
        await self.call.done_writing()
        events = []
        while isinstance(event := await self.call.read(), pb.StreamingTranscribeResponse):
            events.append(event)
        return events


def kinds(events: list[pb.StreamingTranscribeResponse]) -> list[str]:
    """Names all events but activities."""
    return [kind for event in events if (kind := event.WhichOneof("event")) != "activity"]


def index_of(events: list[pb.StreamingTranscribeResponse], kind: str) -> int:
    return [event.WhichOneof("event") for event in events].index(kind)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * 16_000), np.float32)


class FakeEngine:
    """Answers with the number of its call, or what `answers` says, when `open` is set; remembers what it was asked."""

    def __init__(self, answers: Callable[[int], Transcript | DomainError] | None = None) -> None:
        self.answers = answers or (lambda number: said(f"text {number}"))
        self.open = asyncio.Event()
        self.open.set()
        self.asked: list[tuple[float, TranscribeOptions]] = []
        self.stopped = 0
        self.at_work = 0

    def info(self) -> EngineInfo:
        return EngineInfo("fake", EngineKind.SCRIPTED, languages=("en", "hi", "mr", "zh"))

    async def load(self) -> None:
        pass

    async def transcribe(self, recording: Recording, options: TranscribeOptions):
        self.asked.append((recording.duration_s, options))
        number = len(self.asked)
        self.at_work += 1
        try:
            yield Progress(0.1)
            await self.open.wait()
            answer = self.answers(number)
            if isinstance(answer, DomainError):
                raise answer
            yield answer
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        finally:
            self.at_work -= 1

    async def close(self) -> None:
        pass


def said(text: str, language: str = "en", probability: float = 0.9) -> Transcript:
    words = (Word(text, 0.25, 0.5, 0.9),)
    return Transcript(text, language, probability, 0.8, (Segment(text, 0, 1, 0.8, words),))


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def texts(events: list[pb.StreamingTranscribeResponse]) -> list[str]:
    return [event.utterance.text for event in events if event.WhichOneof("event") == "utterance"]


async def until_asked(engine: FakeEngine, times: int) -> None:
    async def probe() -> bool:
        return len(engine.asked) >= times

    await eventually(probe)


async def equal(value: Callable[[], object], expected: object) -> bool:
    return value() == expected
