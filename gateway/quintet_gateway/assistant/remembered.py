"""What a service said a moment ago, so that not every request asks it again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Asks with `ask` and gives the answer out again for `fresh_s` seconds; a failure is not remembered."""

    def __init__(self, ask: Callable[[], Awaitable[T]], fresh_s: float) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._asking: asyncio.Task[T] | None = None
        self._calls: set[asyncio.Task[T]] = set()
        self._answers: list[T] = []
        self._fresh_until = float("-inf")

    async def get(self) -> T:
        """Returns the answer; all who wait for it share one call, and fail as it fails."""
        if self._answers and time.monotonic() < self._fresh_until:
            return self._answers[0]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_now())
            self._calls.add(self._asking)
            self._asking.add_done_callback(self._end)
        # One who leaves must not end the call for the others.
        return await asyncio.shield(self._asking)

    def put(self, answer: T) -> None:
        """Takes an answer that was found out otherwise; a call that is under way answers only those who wait for it."""
        self._asking = None
        self._keep(answer)

    def forget(self) -> None:
        """Lets the next caller ask again; a call that is under way answers only those who wait for it."""
        self._asking = None
        self._answers.clear()

    async def _ask_now(self) -> T:
        answer = await self._ask()
        if self._asking is asyncio.current_task():
            self._keep(answer)
        return answer

    def _keep(self, answer: T) -> None:
        self._answers = [answer]
        self._fresh_until = time.monotonic() + self._fresh_s

    def _end(self, call: asyncio.Task[T]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            # If all who waited have left, nobody else looks at its failure, and the loop would complain.
            call.exception()
