"""Shares an engine that does one thing at a time: the request that was served least is next."""

import asyncio
import heapq
from itertools import count


class Turns:
    """Gives one turn at a time.

    Among those who wait, the one with the least sound so far is next, and the first to come among equals. So a new or
    short text passes the long ones that are under way, and long ones alternate.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrival = count()

    async def take(self, served_s: float) -> None:
        """Waits for a turn, which lasts until `end`; `served_s` is the sound that the request has got so far."""
        if self._taken:
            await self._wait(served_s)
        self._taken = True

    def end(self) -> None:
        """Ends the turn and gives the next one."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False

    async def _wait(self, served_s: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (served_s, next(self._arrival), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn came in the same moment as the cancellation: the next one must have it.
                self.end()
            raise
