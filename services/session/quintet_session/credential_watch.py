"""Tells verifiers what happens to credentials, as soon as it is stored."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_errors import DomainError, Reason

ResultT = TypeVar("ResultT")
Event = pb.WatchCredentialsResponse

HEARTBEAT_S = 0.25
_MOST_WAITING = 1024


class Watcher:
    """One verifier, and the events that it has not been sent yet."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._lags = False

    def offer(self, event: Event) -> None:
        """Queues an event; one too many empties the queue and ends the watch."""
        if len(self._events) >= self._most_waiting:
            self._lags = True
            self._events.clear()
        if not self._lags:
            self._events.append(event)
        self._changed.set()

    async def next(self, wait_s: float) -> Event | None:
        """Returns the next event, or None if there is none within `wait_s`.

        Raises:
            DomainError: SERVICE_UNAVAILABLE if events were lost.
        """
        if not self._events and not self._lags:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                return None
        if self._lags:
            raise DomainError(Reason.SERVICE_UNAVAILABLE, "The watch is too slow and has missed events. Open it again.")
        return self._events.popleft()


class CredentialWatch:
    """Knows who watches, and sees to it that what was stored is also told."""

    def __init__(self, most_waiting: int = _MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._watchers: set[Watcher] = set()
        self._changes: set[asyncio.Task[Any]] = set()

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Collects events for the length of the block."""
        watcher = Watcher(self._most_waiting)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def change(self, write: Awaitable[ResultT], events: Callable[[ResultT], Iterable[Event]]) -> ResultT:
        """Awaits a write and tells every watcher what it means, also when the caller does not wait for the end.

        What was stored must be told: a caller that hangs up must not leave a revoked token valid.
        """
        task = asyncio.ensure_future(self._write_and_tell(write, events))
        self._changes.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for the changes that are on their way."""
        await asyncio.gather(*self._changes, return_exceptions=True)

    async def _write_and_tell(self, write: Awaitable[ResultT], events: Callable[[ResultT], Iterable[Event]]) -> ResultT:
        result = await write
        for event in events(result):
            for watcher in self._watchers:
                watcher.offer(event)
        return result

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._changes.discard(task)
        if not task.cancelled():
            # Whoever asked may be gone; to look at the failure keeps asyncio from reporting it as forgotten.
            task.exception()
