"""The indexings at work. They belong to the house and not to whoever asked: one who leaves stops nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge.records import IndexReport, IndexRequest

MAX_AT_ONCE = 2
_BUSY_S = 30


@dataclass(frozen=True)
class _Running:
    request: IndexRequest
    task: asyncio.Task[IndexReport]


class Indexings:
    """Runs `index` in tasks, two at most, and one for each collection; `close` cancels them."""

    def __init__(self, index: Callable[[IndexRequest], Awaitable[IndexReport]]) -> None:
        self._index = index
        self._running: dict[str, _Running] = {}

    async def report(self, request: IndexRequest) -> IndexReport:
        """Returns the report of an indexing, of the one at work if it is for the same request.

        Raises:
            DomainError: ENGINE_BUSY with `retryAfterSeconds` while the collection is made from another request or two
                others are at work, SERVICE_UNAVAILABLE if it is ended by `close`, and whatever it fails with.
        """
        running = self._running.get(request.collection)
        if running is None or running.request != request:
            running = self._begin(request)
        # Waiting leaves the task alone, also if the one who waits is cancelled.
        await asyncio.wait({running.task})
        if running.task.cancelled():
            raise DomainError(Reason.SERVICE_UNAVAILABLE, "The server stopped before the indexing ended. Index again.")
        return running.task.result()

    async def close(self) -> None:
        """Cancels what is at work and waits for its end."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, request: IndexRequest) -> _Running:
        name = request.collection
        if name in self._running or len(self._running) >= MAX_AT_ONCE:
            busy = "This collection is" if name in self._running else f"{MAX_AT_ONCE} collections are"
            message = f"{busy} being indexed. Try again when that is done."
            raise DomainError(Reason.ENGINE_BUSY, message, {"retryAfterSeconds": str(_BUSY_S)})
        task = asyncio.create_task(self._run(request))
        running = self._running[name] = _Running(request, task)
        task.add_done_callback(lambda _: self._end(running))
        return running

    async def _run(self, request: IndexRequest) -> IndexReport:
        return await self._index(request)

    def _end(self, running: _Running) -> None:
        del self._running[running.request.collection]
        if not running.task.cancelled():
            # If all who waited have left, nobody else looks at its failure, and the loop would complain.
            running.task.exception()
