"""The one thread that writes: takes what is queued, and commits it together.

A commit waits for the disk, so one commit for all waiting operations is what makes many writers fast. Each operation
has a savepoint of its own: one that fails takes nothing of the others with it.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from quintet_observability import metrics
from quintet_session.stores.sqlite.failures import closed
from quintet_session.stores.sqlite.operation_queue import Operation, OperationQueue

ResultT = TypeVar("ResultT")

_MOST_QUEUED = 512


@dataclass(frozen=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs operations on a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue = OperationQueue()
        self._places = asyncio.Semaphore(_MOST_QUEUED)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(
        self, operation: Callable[[sqlite3.Connection], ResultT], *, weight_bytes: int = 0, bulk: bool = False
    ) -> ResultT:
        """Runs `operation` in a transaction and returns its result when that is durable.

        Operations keep their order, except that `bulk` ones have a lane of their own. An operation may run twice, the
        first time without effect. One that is cancelled before it begins never runs; one that is cancelled later is
        committed all the same.

        Raises:
            sqlite3.Error: if the database failed.
            Exception: whatever the operation raised; nothing of it was stored.
        """
        await self._places.acquire()
        if self._closed:
            self._places.release()
            raise closed()
        future: asyncio.Future[ResultT] = self._loop.create_future()
        self._queue.put(Operation(operation, future, weight_bytes, bulk))
        return await future

    async def close(self) -> None:
        """Commits what is queued, ends the thread and closes the connection."""
        if not self._closed:
            self._closed = True
            self._queue.close()
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while batch := self._queue.take_batch():
            wanted = [operation for operation in batch if not operation.future.cancelled()]
            outcomes = self._commit(wanted) if wanted else []
            self._loop.call_soon_threadsafe(self._deliver, len(batch), wanted, outcomes)
        self._connection.close()

    def _commit(self, batch: Sequence[Operation]) -> list[_Outcome]:
        try:
            return self._transact(batch)
        except sqlite3.Error as error:
            self._make_room()
            # SQLite gave the whole transaction up. A small operation may still find the room that a large one did not.
            return (
                [self._transact_alone(operation) for operation in batch] if len(batch) > 1 else [_Outcome(error=error)]
            )

    def _make_room(self) -> None:
        """Empties the log, whose space the next operations need on a full disk."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _transact_alone(self, operation: Operation) -> _Outcome:
        try:
            return self._transact([operation])[0]
        except sqlite3.Error as error:
            return _Outcome(error=error)

    def _transact(self, batch: Sequence[Operation]) -> list[_Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(operation) for operation in batch]
            started = time.perf_counter()
            self._connection.execute("COMMIT")
            metrics.STORE_COMMIT_SECONDS.observe(time.perf_counter() - started)
            return outcomes
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _attempt(self, operation: Operation) -> _Outcome:
        self._connection.execute("SAVEPOINT operation")
        try:
            value = operation.run(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO operation")
            self._connection.execute("RELEASE operation")
            return _Outcome(error=error)
        self._connection.execute("RELEASE operation")
        return _Outcome(value=value)

    def _deliver(self, taken: int, batch: Sequence[Operation], outcomes: Sequence[_Outcome]) -> None:
        for _ in range(taken):
            self._places.release()
        for operation, outcome in zip(batch, outcomes, strict=True):
            if operation.future.done():
                continue
            if outcome.error is not None:
                operation.future.set_exception(outcome.error)
            else:
                operation.future.set_result(outcome.value)
