"""Tasks that run on their own: asyncio itself holds them so weakly that the garbage collector may take one at work."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class KeptTasks:
    """Holds tasks until they end. Whoever waits for one gets its error; where nobody does, it is dropped."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many are at work."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begins work and holds it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Ends what is at work and waits for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Looked at, so that asyncio does not report an error that nobody waited for.
            task.exception()
