"""Ends a stream whose reader has stopped reading."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class StalledReader:
    """Cancels the present task if one message is not taken in time.

    gRPC holds a sender until the reader has room. Without a limit, a reader that never makes room would keep its slot
    of the engine for ever. The reader itself learns nothing before its deadline: a server has no way to end a call
    while a message is on its way.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._task = asyncio.current_task()

    @contextmanager
    def reads(self) -> Iterator[None]:
        """Surrounds the `yield` that sends a message."""
        timer = asyncio.get_running_loop().call_later(self._limit_s, self._end)
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel("The reader takes no more sound.")
