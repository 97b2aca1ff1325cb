"""Utterances to texts: begun in a pause if that pays, told in the order in which they were spoken."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from quintet_audio.decode import Recording
from quintet_errors import DomainError, Reason
from quintet_observability import metrics
from quintet_stt.engine import TranscribeOptions, Transcript
from quintet_stt.language import SURE_OF_LANGUAGE
from quintet_stt.streaming.events import Spoken
from quintet_stt.streaming.options import StreamingOptions
from quintet_stt.streaming.transcriber import Transcriber

# Sound that one conversation may have waiting for its texts: twice what a caller may send at once.
_MOST_WAITING_S = 120.0


@dataclass(frozen=True)
class Cut:
    """The sound of an utterance; `offset_s` is where it starts in the conversation."""

    recording: Recording
    offset_s: float


@dataclass(frozen=True)
class _Text:
    """What a transcription came to, and when by the monotonic clock."""

    result: Transcript | DomainError
    at: float


@dataclass(frozen=True)
class _Attempt:
    """A transcription under way."""

    cut: Cut
    text: asyncio.Future[_Text]


@dataclass(frozen=True)
class _Ended:
    """An utterance that waits to be told."""

    attempt: _Attempt
    start_s: float
    end_s: float
    decided: float


class Utterances:
    """Those of one conversation. They use the engine one after another, so that each knows the language before it.

    `tell` gets each text, `early` what a pause turned out to hold, and `failed` an error that is no DomainError.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        options: StreamingOptions,
        *,
        tell: Callable[[Spoken], None],
        early: Callable[[Transcript], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._transcriber = transcriber
        self._options = options
        self._tell = tell
        self._early = early
        self._failed = failed
        self._language = options.language
        self._turn = asyncio.Lock()
        self._ahead: _Attempt | None = None
        self._waiting: deque[_Ended] = deque()
        self._telling: asyncio.Task[None] | None = None
        self._at_work: set[asyncio.Task[_Text]] = set()

    def transcribe_options(self, *, word_times: bool = False) -> TranscribeOptions:
        """Returns how to transcribe what is said now: in the language that was named or found, once there is one.

        Only a language that the caller has named makes speech in another one an error.
        """
        named = bool(self._options.language)
        return TranscribeOptions(self._language, word_times, self._options.hints, keeps_language=not named)

    def speculate(self, cut: Cut) -> None:
        """Begins to transcribe what may be a whole utterance, unless others wait for the engine."""
        self.discard()
        if not self._transcriber.is_crowded:
            self._ahead = self._attempt(cut)
            self._ahead.text.add_done_callback(self._is_ready)

    def discard(self) -> None:
        """Drops what was begun in a pause that was no end."""
        if self._ahead is not None:
            metrics.SPECULATIONS.labels("discarded").inc()
            self._ahead.text.cancel()
            self._ahead = None

    def finish(self, cut: Cut, start_s: float, end_s: float) -> None:
        """Takes an utterance that has ended now; what was begun in its pause is used."""
        attempt = self._begun() or self._attempt(cut)
        self._waiting.append(_Ended(attempt, start_s, end_s, time.monotonic()))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all())
            self._telling.add_done_callback(self._told)

    def reset(self) -> None:
        """Drops everything; nothing of it is told."""
        self.discard()
        self._waiting.clear()
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for task in self._at_work:
            task.cancel()

    async def settled(self) -> None:
        """Waits until all that has ended is told."""
        if self._telling is not None:
            await asyncio.wait({self._telling})

    async def close(self) -> None:
        """Drops everything and waits until the engine is free of it."""
        ending = [task for task in (*self._at_work, self._telling) if task is not None]
        self.reset()
        if ending:
            await asyncio.wait(ending)

    def _begun(self) -> _Attempt | None:
        begun, self._ahead = self._ahead, None
        if begun is None:
            return None
        if begun.text.done() and isinstance(begun.text.result().result, DomainError):
            metrics.SPECULATIONS.labels("discarded").inc()
            return None
        metrics.SPECULATIONS.labels("used" if begun.text.done() else "waited").inc()
        return begun

    def _attempt(self, cut: Cut) -> _Attempt:
        waiting_s = sum(ended.attempt.cut.recording.duration_s for ended in self._waiting)
        if waiting_s + cut.recording.duration_s > _MOST_WAITING_S:
            return _Attempt(cut, _refused())
        task = asyncio.create_task(self._transcribe(cut.recording))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return _Attempt(cut, task)

    async def _transcribe(self, recording: Recording) -> _Text:
        result: Transcript | DomainError
        try:
            async with self._turn:
                options = self.transcribe_options(word_times=self._options.word_times)
                result = await self._transcriber.transcribe(recording, options)
        except DomainError as error:
            result = error
        return _Text(result, time.monotonic())

    def _is_ready(self, text: asyncio.Future[_Text]) -> None:
        if text.cancelled():
            return
        if error := text.exception():
            self._failed(error)
            return
        result = text.result().result
        if self._ahead is not None and self._ahead.text is text and isinstance(result, Transcript):
            self._early(result)

    async def _tell_all(self) -> None:
        while self._waiting:
            ended = self._waiting[0]
            text = await asyncio.shield(ended.attempt.text)
            self._waiting.popleft()
            self._learn_language(text.result)
            self._tell(_spoken(ended, text))

    def _told(self, task: asyncio.Task[None]) -> None:
        if self._telling is task:
            self._telling = None
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)

    def _learn_language(self, result: Transcript | DomainError) -> None:
        if not self._language and isinstance(result, Transcript) and result.language_probability >= SURE_OF_LANGUAGE:
            self._language = result.language


def _spoken(ended: _Ended, text: _Text) -> Spoken:
    return Spoken(
        result=text.result,
        start_s=ended.start_s,
        end_s=ended.end_s,
        offset_s=ended.attempt.cut.offset_s,
        was_speculative=text.at <= ended.decided,
        delay_s=max(0.0, text.at - ended.decided),
    )


def _refused() -> "asyncio.Future[_Text]":
    refusal: asyncio.Future[_Text] = asyncio.get_running_loop().create_future()
    error = DomainError(Reason.ENGINE_BUSY, "Too much speech of this conversation waits for its text.")
    refusal.set_result(_Text(error, time.monotonic()))
    return refusal
