"""Takes what is ready from a slow source for a slow reader, without waiting for more."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet_errors import DomainError

_CAPACITY = 32 << 10
_PIECE = 4 << 10


class Batches:
    """Runs ahead of the reader by a bounded number of characters.

    A task of its own for the source lets the reader wait with a limit: giving up the wait does not disturb the source.
    """

    def __init__(self, source: AsyncGenerator[str, None], capacity: int = _CAPACITY) -> None:
        self._source = source
        self._capacity = capacity
        self._size = 0
        self._items: list[str] = []
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None
        self._pump_task = asyncio.create_task(self._pump())

    async def take(self, within_s: float) -> list[str]:
        """Returns every piece of text that is ready, at least one; an empty list at the end.

        Raises:
            TimeoutError: if nothing came within `within_s` seconds.
            Exception: what the source failed with, after everything before it was taken.
        """
        if not self._items and not self._ended:
            self._arrived.clear()
            async with asyncio.timeout(within_s):
                await self._arrived.wait()
        if self._items:
            items, self._items, self._size = self._items, [], 0
            self._taken.set()
            return items
        if self._error is not None:
            raise self._error
        return []

    def interrupt(self, error: DomainError) -> None:
        """Ends the source now; the reader gets what is ready and then `error`."""
        if not self._ended:
            self._error = error
            self._pump_task.cancel()

    async def close(self) -> None:
        """Stops the source and waits until it has let go of everything; it does so also if the wait is cancelled."""
        self._pump_task.cancel()
        await asyncio.wait({self._pump_task})

    async def _pump(self) -> None:
        try:
            # Closed here and not by the reader, whose own clean-up may be cancelled when its client leaves.
            async with aclosing(self._source) as texts:
                async for text in texts:
                    await self._add(text)
        except Exception as error:  # noqa: BLE001 - the reader raises it
            self._error = error
        finally:
            self._ended = True
            self._arrived.set()

    async def _add(self, text: str) -> None:
        # A huge text is handed on in parts: turning it into events at once would hold up every other request.
        for start in range(0, len(text), _PIECE):
            piece = text[start : start + _PIECE]
            self._items.append(piece)
            self._size += len(piece)
            self._arrived.set()
            if self._size >= self._capacity:
                self._taken.clear()
                await self._taken.wait()
