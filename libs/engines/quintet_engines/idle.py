"""Gives the memory of a model back after a time without use."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class IdleUnloader:
    """Runs `unload` once after `idle_s` seconds without use; 0 means never."""

    def __init__(self, idle_s: float, unload: Callable[[], Awaitable[None]]) -> None:
        self._idle_s = idle_s
        self._unload = unload
        self._users = 0
        self._timer: asyncio.TimerHandle | None = None
        self._unloading: asyncio.Task[None] | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Holds the model for the length of the block and starts the clock when the last user leaves."""
        self._users += 1
        self._stop_clock()
        try:
            yield
        finally:
            self._users -= 1
            self._start_clock()

    async def close(self) -> None:
        """Stops the clock and waits for an unload that has begun."""
        self._stop_clock()
        self._idle_s = 0
        if self._unloading is not None:
            await self._unloading

    def _start_clock(self) -> None:
        if self._users == 0 and self._idle_s > 0:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._begin)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._unloading = asyncio.ensure_future(self._unload_if_idle())

    async def _unload_if_idle(self) -> None:
        if self._users == 0:
            await self._unload()
