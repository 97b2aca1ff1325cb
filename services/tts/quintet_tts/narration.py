"""Speaks texts one behind the other as one sound."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace

from quintet_tts.engine import Finished, SpeechEvent, SpeechRequest, Started, TtsEngine
from quintet_tts.pauses import QuietEnds, pause_after, silence

_SAMPLE_BYTES = 2
# Silence right behind a text pushes its last sound out of a resampler, which holds 2 ms back.
_BEHIND_S = 0.010

Admission = Callable[[bool], AbstractAsyncContextManager[None]]
"""Holds a slot of the engine; called with True for a narration that has begun, which must not be refused."""


@dataclass(frozen=True)
class TextSpoken:
    """The text of this index was spoken; its sound ends so many seconds behind the start of the narration."""

    index: int
    end_s: float


NarrationEvent = SpeechEvent | TextSpoken


class Narration:
    """One voice that speaks texts as they come; a slot of the engine is held only while one of them is spoken."""

    def __init__(self, engine: TtsEngine, request: SpeechRequest, admitted: Admission) -> None:
        self._engine = engine
        self._request = request
        self._admitted = admitted
        self._sound_bytes = 0
        self._end_bytes = 0
        self._pause = b""

    async def events(self, texts: AsyncIterator[str]) -> AsyncGenerator[NarrationEvent, None]:
        """Yields Started before the first text is asked for, then sound with a TextSpoken behind each, and Finished.

        A text is asked for when the sound of the one before was taken.

        Raises:
            DomainError: of the engine, of the admission, or of the texts.
        """
        started = self._engine.announce(self._request)
        yield started
        index = 0
        async for text in texts:
            async with aclosing(self._spoken(text, started.sample_rate_hz, begun=index > 0)) as sound:
                async for pcm in sound:
                    self._sound_bytes += len(pcm)
                    yield pcm
            yield TextSpoken(index, self._seconds(self._end_bytes, started))
            index += 1
        yield Finished(self._seconds(self._sound_bytes, started))

    async def _spoken(self, text: str, rate_hz: int, *, begun: bool) -> AsyncGenerator[bytes, None]:
        ends = QuietEnds(rate_hz)
        request = replace(self._request, text=text)
        async with self._admitted(begun), aclosing(self._engine.speak(request)) as events:
            async for event in events:
                if isinstance(event, bytes) and (pcm := ends.feed(event)):
                    pause, self._pause = self._pause, b""
                    yield pause + pcm
        if ends.heard:
            end = ends.finish()
            self._end_bytes = self._sound_bytes + len(end)
            behind = silence(_BEHIND_S, rate_hz)
            whole = silence(pause_after(text) / request.speaking_rate, rate_hz)
            self._pause = whole[len(end) + len(behind) :]
            yield end + behind

    def _seconds(self, size: int, started: Started) -> float:
        return size / _SAMPLE_BYTES / started.sample_rate_hz
