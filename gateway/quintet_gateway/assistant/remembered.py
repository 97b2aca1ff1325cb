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
        self._answers: list[T] = []
        self._fresh_until = float("-inf")

    async def get(self) -> T:
        """Returns the answer; all who wait for it share one call, and fail as it fails."""
        if self._answers and time.monotonic() < self._fresh_until:
            return self._answers[0]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_now())
        # One who leaves must not end the call for the others.
        return await asyncio.shield(self._asking)

    def put(self, answer: T) -> None:
        """Takes an answer that was found out otherwise."""
        self._answers = [answer]
        self._fresh_until = time.monotonic() + self._fresh_s

    def forget(self) -> None:
        """Lets the next caller ask again."""
        self._answers.clear()

    async def _ask_now(self) -> T:
        answer = await self._ask()
        self.put(answer)
        return answer
