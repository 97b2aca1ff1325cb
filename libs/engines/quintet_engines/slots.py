"""Admission to an engine: so many requests at work, so many waiting, the rest refused at once."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quintet_errors import DomainError, Reason

# Weight of the newest request in the moving average of service times.
_NEWEST = 0.2


class EngineSlots:
    """Bounds how many requests an engine works on and how many may wait for it."""

    def __init__(self, slots: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(slots)
        self._slots = slots
        self._most_waiting = waiting
        self._mean_service_s = 1.0
        self.active = 0
        self.waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def admit(self, *, begun: bool = False) -> AsyncIterator[None]:
        """Holds a slot for the length of the block.

        Work that has `begun`, and takes a slot anew for each of its parts, waits whatever the queue: to refuse it would
        cut short what somebody listens to. Such work was admitted once, so it is bounded all the same.

        Raises:
            DomainError: ENGINE_BUSY at once if every slot and every waiting place is taken.
        """
        await self._take(begun)
        self.active += 1
        self._idle.clear()
        started = time.monotonic()
        try:
            yield
        finally:
            self._mean_service_s += _NEWEST * (time.monotonic() - started - self._mean_service_s)
            self.active -= 1
            if not self.active:
                self._idle.set()
            self._free.release()

    async def wait_idle(self) -> None:
        """Returns when no request is at work."""
        await self._idle.wait()

    async def _take(self, begun: bool) -> None:
        if not begun and self._free.locked() and self.waiting >= self._most_waiting:
            raise self._busy()
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1

    def _busy(self) -> DomainError:
        wait_s = max(1, math.ceil(self._mean_service_s * (self.waiting + 1) / self._slots))
        return DomainError(
            Reason.ENGINE_BUSY,
            f"The engine is busy. Try again in {wait_s} s.",
            {"retryAfterSeconds": str(wait_s)},
        )
