"""Shares an engine that does one thing at a time."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class Turns:
    """Gives one turn at a time: to the lowest rank among those who wait, and to the first to come among equals.

    With what a request has been served so far as its rank, new and short requests pass the long ones that are under
    way, and long ones alternate.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrival = count()

    @asynccontextmanager
    async def turn(self, rank: float) -> AsyncIterator[None]:
        """Waits for a turn and holds it for the length of the block."""
        await self.take(rank)
        try:
            yield
        finally:
            self.end()

    async def take(self, rank: float) -> None:
        """Waits for a turn, which lasts until `end`."""
        if self._taken:
            await self._wait(rank)
        self._taken = True

    def end(self) -> None:
        """Ends the turn and gives the next one."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False

    async def _wait(self, rank: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrival), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn came in the same moment as the cancellation: the next one must have it.
                self.end()
            raise
