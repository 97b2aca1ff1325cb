"""The embedded engine: PocketSphinx with the English model of its own package, in a process of its own."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from math import exp, log
from typing import TypeVar

from quintet_audio.decode import Recording, Samples
from quintet_engines import EngineInfo, EngineKind, IdleUnloader, Limitation
from quintet_errors import DomainError, Reason
from quintet_stt import pocketsphinx_worker as worker
from quintet_stt.engine import Events, Heard, Segment, TranscribeOptions, Word
from quintet_stt.executors import run_to_end
from quintet_stt.language import primary_tag, unsupported
from quintet_stt.pocketsphinx_worker import SpokenWord
from quintet_stt.recognition import silent, transcribe_windows
from quintet_stt.windows import Window, next_window, obvious_silence

NAME = "pocketsphinx"
REMEDY = "quintet models pull whisper-base"

# Decoding takes a fifth of the audio's length and cannot be interrupted: short windows keep the turns quick.
_LONGEST_WINDOW_S = 8.0

ResultT = TypeVar("ResultT")


class PocketSphinxEngine:
    """Recognises English. The worker process starts with the first request, and again after a crash."""

    def __init__(self, *, choice_reason: str = "", idle_unload_s: float = 0) -> None:
        self._choice_reason = choice_reason
        self._process: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()
        self._vad = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vad")
        self._idle = IdleUnloader(idle_unload_s, self._stop_process)

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return EngineInfo(
            name=NAME,
            kind=EngineKind.EMBEDDED,
            model="en-us",
            choice_reason=self._choice_reason,
            languages=("en",),
            capabilities=("transcription", "word-times"),
            limitations=_LIMITATIONS,
            loaded=self._process is not None,
        )

    async def load(self) -> None:
        """Does nothing: the process starts on first use, because many installations never need it."""

    async def transcribe(self, recording: Recording, options: TranscribeOptions) -> Events:
        """Transcribes window by window; a recording without a named language is taken for English."""
        _require_english(options.language)
        with self._idle.in_use():
            if silence := await self._in_thread(partial(obvious_silence, recording)):
                yield silent(silence)
                return
            # A language that nobody named is assumed, not found.
            probability = 1.0 if options.language else 0.0
            recognise = partial(self._recognise, options.word_times, probability)
            async for event in transcribe_windows(recording, self._find_window, recognise):
                yield event

    async def worker_id(self) -> int:
        """Starts the worker process if there is none, and returns its process id."""
        async with self._turn:
            return await self._in_process(worker.process_id)

    async def close(self) -> None:
        """Ends the process."""
        await self._idle.close()
        await self._stop_process()
        self._vad.shutdown(wait=False, cancel_futures=True)

    async def _find_window(self, recording: Recording, position_s: float) -> Window:
        return await self._in_thread(partial(next_window, recording, position_s, _LONGEST_WINDOW_S))

    async def _recognise(self, word_times: bool, probability: float, window: Window, _language: str) -> Heard:
        async with self._turn:
            try:
                words = await self._decode(window.samples)
            except BrokenProcessPool:
                await self._stop_process()
                words = await self._decode_again(window.samples)
        if not words:
            return Heard()
        return Heard((_segment(words, window, word_times=word_times),), "en", probability)

    async def _decode(self, samples: Samples) -> list[SpokenWord]:
        pcm = (samples * 32767).astype("<i2")
        return await self._in_process(worker.recognise, pcm.tobytes())

    async def _decode_again(self, samples: Samples) -> list[SpokenWord]:
        try:
            return await self._decode(samples)
        except BrokenProcessPool as error:
            await self._stop_process()
            raise DomainError(
                Reason.ENGINE_FAILED, "The speech recogniser's process ended twice on this recording.", {"engine": NAME}
            ) from error

    async def _stop_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await self._in_thread(partial(process.shutdown, wait=True, cancel_futures=True))

    async def _in_process(self, work: Callable[..., ResultT], *arguments: bytes) -> ResultT:
        if self._process is None:
            # Spawned and not forked: a copy of a process with gRPC's threads could deadlock.
            spawn = multiprocessing.get_context("spawn")
            self._process = ProcessPoolExecutor(1, mp_context=spawn, initializer=worker.prepare)
        return await run_to_end(self._process, partial(work, *arguments))

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        return await run_to_end(self._vad, work)


def _require_english(language: str) -> None:
    if language and primary_tag(language) != "en":
        raise unsupported(
            language,
            NAME,
            f"The live speech engine understands English only, not {{}}. `{REMEDY}` adds other languages.",
        )


def _segment(words: list[SpokenWord], window: Window, *, word_times: bool) -> Segment:
    timed = tuple(
        Word(
            word.text,
            window.start_s + word.start_s,
            min(window.end_s, window.start_s + word.end_s),
            word.probability,
        )
        for word in words
    )
    mean_log = sum(log(max(word.probability, 1e-3)) for word in words) / len(words)
    text = " ".join(word.text for word in words)
    return Segment(text, window.start_s, window.end_s, exp(mean_log), timed if word_times else ())


_LIMITATIONS = (
    Limitation("languages", "PocketSphinx understands English only and cannot tell languages apart.", REMEDY),
    Limitation("accuracy", "About every twelfth word is wrong, more with noise or an accent.", REMEDY),
    Limitation("punctuation", "The text is lower-case, without punctuation.", REMEDY),
    Limitation("emotion", "The engine hears words, not emotions."),
)
