"""A queue that is bounded by the size of what it holds, and that can be closed."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class BoundedQueue(Generic[ItemT]):
    """Holds items in order; a single item of any size fits into an empty queue. For several writers and one reader."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._items: deque[tuple[ItemT, int]] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        # Writers that wait for room are let in one by one, in the order in which they came.
        self._writing = asyncio.Lock()
        self.is_closed = False
        """Whether nothing more is taken; what is queued can still be read."""

    async def put(self, item: ItemT, size: int = 1) -> bool:
        """Adds an item, once there is room for it; tells whether it was taken."""
        async with self._writing:
            while self._items and self._size + size > self._most and not self.is_closed:
                self._room.clear()
                await self._room.wait()
            if self.is_closed:
                return False
            self.put_now(item, size)
            return True

    def put_now(self, item: ItemT, size: int = 1) -> None:
        """Adds an item that must not wait, before those that do and beyond the bound; once closed, nothing."""
        if not self.is_closed:
            self._items.append((item, size))
            self._size += size
            self._arrived.set()

    async def get(self) -> ItemT | None:
        """Waits for the next item and removes it; None once the queue is closed and empty."""
        while not self._items:
            if self.is_closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        item, size = self._items.popleft()
        self._size -= size
        self._room.set()
        return item

    def drop(self, is_unwanted: Callable[[ItemT], bool]) -> None:
        """Removes what is not wanted any more."""
        self._items = deque(entry for entry in self._items if not is_unwanted(entry[0]))
        self._size = sum(size for _, size in self._items)
        self._room.set()

    def close(self) -> None:
        """Takes nothing more, and lets go those who wait."""
        self.is_closed = True
        self._arrived.set()
        self._room.set()
