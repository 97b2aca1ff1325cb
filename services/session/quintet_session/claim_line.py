"""The line in which workers wait for a job."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """One worker's place in the line."""

    def __init__(self) -> None:
        self._called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._used = False

    async def wait(self, timeout_s: float) -> None:
        """Returns when it is this worker's turn to look for a job, or after `timeout_s`."""
        await asyncio.wait({self._called}, timeout=timeout_s)
        self._used = self._called.done()

    def call(self) -> bool:
        """Calls the worker; False if it was called before."""
        if self._called.done():
            return False
        self._called.set_result(None)
        return True

    @property
    def wasted(self) -> bool:
        """Whether the worker was called and did not wait for it."""
        return self._called.done() and not self._used


class ClaimLine:
    """Calls one waiting worker for each job, first come first served."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()

    @contextmanager
    def join(self) -> Iterator[Turn]:
        """Holds a place for the length of the block; a call that comes to nothing goes to the next worker.

        A worker joins before it looks, so that a job which comes between its look and its wait is not missed.
        """
        turn = Turn()
        self._turns.append(turn)
        try:
            yield turn
        finally:
            self._turns.remove(turn)
            if turn.wasted:
                self.call_next()

    def call_next(self) -> None:
        """Calls the first worker that was not called yet."""
        for turn in self._turns:
            if turn.call():
                return

    def call_all(self) -> None:
        """Calls everyone."""
        for turn in self._turns:
            turn.call()
