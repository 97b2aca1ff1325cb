"""Events on their way to a caller who may read slowly."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from quintet_stt.streaming.events import Event

# A few seconds of a conversation in pieces of 20 ms.
_MOST_WAITING = 200


class Outbox:
    """Takes events at once and in order. Whoever makes them waits for room before it makes more.

    `stalled` is called when there has been no room for `patience_s` seconds.
    """

    def __init__(self, patience_s: float, stalled: Callable[[], object]) -> None:
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._patience_s = patience_s
        self._stalled = stalled
        self._is_closed = False
        self._error: BaseException | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing should be made that could be left out."""
        return len(self._events) >= _MOST_WAITING

    def add(self, event: Event) -> None:
        """Sends an event behind those before it."""
        self._events.append(event)
        self._changed.set()

    async def room(self) -> None:
        """Waits until few enough events are on their way."""
        while self.is_full:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled()

    def close(self, error: BaseException | None = None) -> None:
        """Ends the events behind those that are on their way, with `error` if there is one; the first close counts."""
        if not self._is_closed:
            self._is_closed, self._error = True, error
            self._changed.set()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yields the events until it is closed."""
        while self._events or not self._is_closed:
            while self._events:
                event = self._events.popleft()
                self._taken.set()
                yield event
            if not self._is_closed:
                self._changed.clear()
                await self._changed.wait()
        if self._error is not None:
            raise self._error
