"""Admission to the engine in two lanes, so that long recordings never keep short ones waiting."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from quintet_audio.decode import Recording
from quintet_engines import EngineSlots


class Lanes:
    """Files to decode and short recordings share one lane; a long recording moves to the other after its decoding.

    All admitted recordings take turns at the engine, window by window. Both lanes are bounded, and with them the
    memory that decoded recordings take.
    """

    def __init__(self, short: EngineSlots, long: EngineSlots, long_s: float) -> None:
        self._short = short
        self._long = long
        self._long_s = long_s

    @property
    def active(self) -> int:
        """How many recordings are at work."""
        return self._short.active + self._long.active

    @property
    def waiting(self) -> int:
        """How many recordings wait."""
        return self._short.waiting + self._long.waiting

    @asynccontextmanager
    async def admit(self, decode: Callable[[], Awaitable[Recording]]) -> AsyncIterator[Recording]:
        """Decodes under a slot and gives the recording for the length of the block, under the slot of its lane.

        Raises:
            DomainError: ENGINE_BUSY if the lane is full; whatever `decode` raises.
        """
        async with self._short.admit():
            recording = await decode()
            if recording.duration_s < self._long_s:
                yield recording
                return
        async with self._long.admit():
            yield recording
