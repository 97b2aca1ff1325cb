"""The neural engine: Whisper through faster-whisper and CTranslate2, on the processor."""

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from quintet_audio.decode import Recording
from quintet_engines import EngineInfo, EngineKind, IdleUnloader, Limitation
from quintet_stt.engine import Events, Heard, LanguageHints, TranscribeOptions
from quintet_stt.executors import run_to_end
from quintet_stt.language import primary_tag, unsupported, whisper_code
from quintet_stt.recognition import silent, transcribe_windows
from quintet_stt.whisper import LONGEST_WINDOW_S, Whisper, languages_of
from quintet_stt.windows import Window, next_window, obvious_silence

NAME = "faster-whisper"

ResultT = TypeVar("ResultT")


class FasterWhisperEngine:
    """Whisper from a folder of weights in CTranslate2's format.

    One thread does all the work. Transcriptions hand it a window at a time, so they take turns: a long recording
    delays a short one by one window. The model is only touched by that thread, also to load and unload it.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        choice_reason: str = "",
        idle_unload_s: float = 0,
        cpu_threads: int = 0,
        compute_type: str = "int8",
    ) -> None:
        """Reads the model's languages; the weights are loaded later.

        Raises:
            DomainError: ENGINE_FAILED if the folder holds no readable tokenizer.
        """
        self._languages = languages_of(model_dir)
        self._model_name = model_dir.name
        self._choice_reason = choice_reason
        self._whisper = Whisper(model_dir, cpu_threads, compute_type)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")
        self._idle = IdleUnloader(idle_unload_s, self._unload)

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return EngineInfo(
            name=NAME,
            kind=EngineKind.NEURAL,
            model=self._model_name,
            choice_reason=self._choice_reason,
            languages=self._languages,
            capabilities=("transcription", "language-detection", "word-times", "punctuation"),
            limitations=_limitations(self._model_name),
            loaded=self._whisper.is_loaded,
        )

    async def load(self) -> None:
        """Brings the weights into memory."""
        with self._idle.in_use():
            await self._in_worker(self._whisper.load)

    async def transcribe(self, recording: Recording, options: TranscribeOptions) -> Events:
        """Transcribes window by window."""
        options = self._in_codes(options)
        with self._idle.in_use():
            if silence := await self._in_worker(partial(obvious_silence, recording)):
                yield silent(silence)
                return
            recognise = partial(self._recognise, options)
            async for event in transcribe_windows(recording, self._find_window, recognise):
                yield event

    async def close(self) -> None:
        """Ends the thread and gives the memory back."""
        await self._idle.close()
        await self._unload()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _in_codes(self, options: TranscribeOptions) -> TranscribeOptions:
        """Returns options whose languages are Whisper's codes that the model knows."""
        known = [whisper_code(tag) for tag in options.hints.among if tag in self._languages]
        likely = options.hints.likely if options.hints.likely in self._languages else ""
        hints = LanguageHints(whisper_code(likely), tuple(known))
        return replace(options, language=self._code_of(options.language), hints=hints)

    def _code_of(self, language: str) -> str:
        if not language:
            return ""
        tag = primary_tag(language)
        if tag not in self._languages:
            raise unsupported(language, NAME, f"The model {self._model_name} does not understand the language {{}}.")
        return whisper_code(tag)

    async def _find_window(self, recording: Recording, position_s: float) -> Window:
        return await self._in_worker(partial(next_window, recording, position_s, LONGEST_WINDOW_S))

    async def _recognise(self, options: TranscribeOptions, window: Window, language: str) -> Heard:
        if not options.language:
            options = replace(options, language=whisper_code(language), keeps_language=True)
        stop = threading.Event()
        work = partial(self._whisper.recognise, window, options, stopped=stop.is_set)
        return await run_to_end(self._worker, work, stop.set)

    async def _unload(self) -> None:
        await self._in_worker(self._whisper.unload)
        await self._in_worker(_return_free_memory)

    async def _in_worker(self, work: Callable[[], ResultT]) -> ResultT:
        return await run_to_end(self._worker, work)


def _limitations(model: str) -> tuple[Limitation, ...]:
    return (
        Limitation("accuracy", f"{model} makes clearly more mistakes in languages other than English."),
        Limitation("language:hi", f"{model} understands Hindi poorly."),
        Limitation("language:mr", f"{model} understands Marathi poorly."),
        Limitation("emotion", "The engine hears words, not emotions."),
    )


def _return_free_memory() -> None:
    """Hands freed memory to the system: glibc keeps it for later, and later may never come."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
