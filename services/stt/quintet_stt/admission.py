"""Admission to the engine in two lanes, so that long recordings never keep short ones waiting."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from quintet_audio.decode import Recording
from quintet_engines import EngineSlots
from quintet_observability import metrics


class Lanes:
    """Files to decode and short recordings share one lane; a long recording moves to the other after its decoding.

    All admitted recordings take turns at the engine, window by window. Both lanes are bounded, and with them the
    memory that decoded recordings take. Work for spare moments is cancelled as soon as anything is to be admitted.
    """

    def __init__(self, short: EngineSlots, long: EngineSlots, long_s: float) -> None:
        self._short = short
        self._long = long
        self._long_s = long_s
        self._spare: asyncio.Task[None] | None = None

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
        async with self.admit_short():
            recording = await decode()
            if recording.duration_s < self._long_s:
                yield recording
                return
        async with self._admit_to(self._long):
            yield recording

    @asynccontextmanager
    async def admit_short(self) -> AsyncIterator[None]:
        """Holds a slot of the short lane, for what is decoded already and takes no more than a minute.

        Raises:
            DomainError: ENGINE_BUSY if the lane is full.
        """
        async with self._admit_to(self._short):
            yield

    def start_spare(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None] | None:
        """Begins work for a spare moment if this is one: nothing is at work, nothing waits, nothing is being ended."""
        if self.active or self.waiting or self._spare is not None:
            return None
        self._spare = asyncio.create_task(work())
        self._spare.add_done_callback(self._spare_ended)
        return self._spare

    @asynccontextmanager
    async def _admit_to(self, slots: EngineSlots) -> AsyncIterator[None]:
        if self._spare is not None:
            self._spare.cancel()
        asked = time.monotonic()
        async with slots.admit():
            metrics.ENGINE_WAIT_SECONDS.labels("stt").observe(time.monotonic() - asked)
            yield

    def _spare_ended(self, _task: asyncio.Task[None]) -> None:
        self._spare = None
