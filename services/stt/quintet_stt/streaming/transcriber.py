"""The engine as conversations use it: texts that are needed go through admission, others wait for spare moments."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

from quintet_audio.decode import Recording
from quintet_errors import DomainError, Reason
from quintet_observability import metrics
from quintet_stt.admission import Lanes
from quintet_stt.engine import SttEngine, TranscribeOptions, Transcript

# Work cannot be stopped in the middle of a window. Where it takes longer than this, whoever needs a text would feel it.
_LONGEST_SPARE_S = 0.5
# Weight of the newest in the moving average of work times.
_NEWEST = 0.3


class Transcriber:
    """One engine and its lanes, shared by all conversations."""

    def __init__(self, engine: SttEngine, lanes: Lanes) -> None:
        self._engine = engine
        self._lanes = lanes
        self._mean_work_s = 0.0

    @property
    def is_crowded(self) -> bool:
        """Whether there is enough to do, so that nothing should be begun that may not be needed."""
        # One at work is done before a pause has become an end; behind two, the guess would only delay what is sure.
        return self._lanes.active > 1 or self._lanes.waiting > 0

    async def transcribe(self, recording: Recording, options: TranscribeOptions) -> Transcript:
        """Transcribes under admission.

        Raises:
            DomainError: ENGINE_BUSY, or what the engine raises.
        """
        async with self._lanes.admit_short():
            started = time.monotonic()
            transcript = await self.work(recording, options)
        if transcript.text:
            factor = (time.monotonic() - started) / recording.duration_s
            metrics.REAL_TIME_FACTOR.labels("stt", self._engine.info().name).observe(factor)
        return transcript

    async def work(self, recording: Recording, options: TranscribeOptions) -> Transcript:
        """Transcribes without admission.

        Raises:
            DomainError: what the engine raises.
        """
        started = time.monotonic()
        async with aclosing(self._engine.transcribe(recording, options)) as events:
            async for event in events:
                if isinstance(event, Transcript):
                    self._mean_work_s += _NEWEST * (time.monotonic() - started - self._mean_work_s)
                    return event
        raise DomainError(Reason.ENGINE_FAILED, "The speech engine ended without a transcript.")

    def start_spare(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None] | None:
        """Begins work for a spare moment of the engine, if this is one and the work would be short."""
        return self._lanes.start_spare(work) if self._mean_work_s <= _LONGEST_SPARE_S else None
