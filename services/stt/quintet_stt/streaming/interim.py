"""What was said so far, while it is being said and the engine has nothing else to do."""

import asyncio
from collections.abc import Callable
from functools import partial

from quintet_audio.decode import Recording
from quintet_errors import DomainError
from quintet_observability import metrics
from quintet_stt.engine import TranscribeOptions, Transcript
from quintet_stt.streaming.events import Interim
from quintet_stt.streaming.transcriber import Transcriber


class InterimTexts:
    """Those of one conversation, about one for every `every_s` seconds of new speech."""

    def __init__(self, transcriber: Transcriber, every_s: float, tell: Callable[[Interim], None]) -> None:
        self._transcriber = transcriber
        self._every_s = every_s
        self._tell = tell
        self._asked_s = 0.0
        self._last = ""
        self._task: asyncio.Task[None] | None = None

    def offer(self, spoken_s: float, cut: Callable[[], Recording], options: TranscribeOptions) -> None:
        """Begins a text if one is due and the engine has nothing else to do; `spoken_s` is the utterance's length."""
        if spoken_s - self._asked_s < self._every_s or self._task is not None:
            return
        self._asked_s = spoken_s
        self._task = self._transcriber.start_spare(partial(self._make, cut, options))
        if self._task is None:
            metrics.INTERIM_TEXTS.labels("left_out").inc()
        else:
            self._task.add_done_callback(self._made)

    def tell(self, transcript: Transcript) -> None:
        """Sends a text that is new."""
        if transcript.text and transcript.text != self._last:
            self._last = transcript.text
            metrics.INTERIM_TEXTS.labels("sent").inc()
            self._tell(Interim(transcript.text, transcript.language))

    def stop(self) -> None:
        """Ends the texts of the utterance: none of them is sent from now on."""
        self._asked_s, self._last = 0.0, ""
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Stops, and waits until the engine is free."""
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _make(self, cut: Callable[[], Recording], options: TranscribeOptions) -> None:
        try:
            transcript = await self._transcriber.work(cut(), options)
        except DomainError:
            # The text at the end will say what is wrong.
            metrics.INTERIM_TEXTS.labels("left_out").inc()
        else:
            self.tell(transcript)

    def _made(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            metrics.INTERIM_TEXTS.labels("left_out").inc()
        else:
            task.result()
