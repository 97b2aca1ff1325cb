"""The queue in front of the writer: from the event loop to the thread, in two lanes.

Uploads write megabytes. A message that had to wait behind the chunks of a hundred uploads would wait for a quarter of a
second, so chunks have a lane of their own, from which each batch takes only a little.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LARGEST_BATCH = 256
_HEAVIEST_BATCH_BYTES = 4 << 20
_BULK_BATCH_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Operation:
    """Something to be done in a transaction, how many bytes it writes, and where its result goes.

    Operations of one lane keep their order.
    """

    run: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    weight_bytes: int = 0
    bulk: bool = False


class OperationQueue:
    """Takes operations from any thread and gives batches to one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._light: deque[Operation] = deque()
        self._bulk: deque[Operation] = deque()
        self._closed = False

    def put(self, operation: Operation) -> None:
        """Adds an operation at the end of its lane."""
        with self._changed:
            (self._bulk if operation.bulk else self._light).append(operation)
            self._changed.notify()

    def close(self) -> None:
        """Lets `take_batch` return nothing once the lanes are empty."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take_batch(self) -> list[Operation]:
        """Waits for operations and returns some of each lane; nothing if the queue is closed and empty."""
        with self._changed:
            while not (self._light or self._bulk or self._closed):
                self._changed.wait()
            return _take(self._light, _HEAVIEST_BATCH_BYTES) + _take(self._bulk, _BULK_BATCH_BYTES)


def _take(lane: deque[Operation], heaviest_bytes: int) -> list[Operation]:
    taken: list[Operation] = []
    weight_bytes = 0
    while lane and len(taken) < _LARGEST_BATCH and weight_bytes < heaviest_bytes:
        taken.append(lane.popleft())
        weight_bytes += taken[-1].weight_bytes
    return taken
