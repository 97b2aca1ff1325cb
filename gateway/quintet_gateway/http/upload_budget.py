"""How many bytes of uploads may be in memory at once, over all requests."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from quintet_gateway.http.failures import FailureKind, HttpError

_RETRY_AFTER_S = 5


class UploadBudget:
    """Hands out memory in the order of asking; who waits is held back by TCP, not by buffers.

    The whole size of an upload is reserved before its first byte is read: with reservations that grow, two half-read
    uploads could wait for each other for ever. Uploads under `small_bytes` have `reserve_bytes` of the total for
    themselves, so that they never wait for large ones, which may come slowly.
    """

    def __init__(
        self,
        total_bytes: int,
        wait_s: float,
        max_waiting: int = 1000,
        *,
        small_bytes: int = 1 << 20,
        reserve_bytes: int = 8 << 20,
    ) -> None:
        self._small_bytes = small_bytes
        self._shared = _Share(total_bytes - reserve_bytes, wait_s, max_waiting)
        self._reserve = _Share(reserve_bytes, wait_s, max_waiting)

    @property
    def reserved_bytes(self) -> int:
        """Bytes that are handed out now."""
        return self._shared.taken_bytes + self._reserve.taken_bytes

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        """Holds `size` bytes for the length of the block, after waiting for them.

        Raises:
            HttpError: OVERLOADED, if too many wait or the wait takes too long.
        """
        spills_over = size < self._small_bytes and not self._shared.has(size)
        async with (self._reserve if spills_over else self._shared).reserve(size):
            yield


class _Share:
    """A part of the memory with a queue of its own."""

    def __init__(self, total_bytes: int, wait_s: float, max_waiting: int) -> None:
        self._free = total_bytes
        self._total = total_bytes
        self._wait_s = wait_s
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def taken_bytes(self) -> int:
        return self._total - self._free

    def has(self, size: int) -> bool:
        """Tells whether `size` bytes would be handed out at once."""
        return not self._waiting and size <= self._free

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        size = min(size, self._total)
        await self._take(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _take(self, size: int) -> None:
        if self.has(size):
            self._free -= size
            return
        if len(self._waiting) >= self._max_waiting:
            raise _overloaded()
        place = (size, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._wait_s):
                await place[1]
        except TimeoutError:
            self._leave(place)
            raise _overloaded() from None
        except asyncio.CancelledError:
            self._leave(place)
            raise

    def _leave(self, place: tuple[int, asyncio.Future[None]]) -> None:
        size, turn = place
        if turn.done() and not turn.cancelled():
            self._give_back(size)
        else:
            self._waiting.remove(place)
            self._serve()

    def _give_back(self, size: int) -> None:
        self._free += size
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            if turn.cancelled():
                # Whoever waited has been cancelled in this very turn of the loop and takes nothing.
                continue
            self._free -= size
            turn.set_result(None)


UPLOAD_BUDGET: web.AppKey[UploadBudget] = web.AppKey("upload_budget", UploadBudget)


def _overloaded() -> HttpError:
    return HttpError(
        FailureKind.OVERLOADED,
        "Too many uploads at once. Try again in a moment.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
    )
