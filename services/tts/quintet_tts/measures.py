"""Measures one call: the time to its first sound, and its work without the time that it only waited."""

import time

from quintet_observability import metrics
from quintet_tts.engine import Finished
from quintet_tts.narration import NarrationEvent


class SynthesisMeasures:
    """The clock of one call, from its first text on."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._first_text: float | None = None
        self._resumed = time.perf_counter()
        self._work_s = 0.0
        self._heard = False

    def text_came(self, waited_s: float = 0.0) -> None:
        """Tells that a text was read, for which the call waited so long."""
        self._resumed += waited_s
        if self._first_text is None:
            self._first_text = time.perf_counter()

    def slot_came(self, waited_s: float) -> None:
        """Tells that the call waited so long for a slot of the engine."""
        self._resumed += waited_s
        metrics.ENGINE_WAIT_SECONDS.labels("tts").observe(waited_s)

    def made(self, event: NarrationEvent) -> None:
        """Tells that an event is ready to be sent."""
        now = time.perf_counter()
        self._work_s += now - self._resumed
        if isinstance(event, bytes) and not self._heard and self._first_text is not None:
            self._heard = True
            metrics.FIRST_AUDIO_SECONDS.labels(self._engine).observe(now - self._first_text)
        if isinstance(event, Finished) and event.duration_s:
            metrics.REAL_TIME_FACTOR.labels("tts", self._engine).observe(self._work_s / event.duration_s)

    def sent(self) -> None:
        """Tells that the caller took the event."""
        self._resumed = time.perf_counter()
