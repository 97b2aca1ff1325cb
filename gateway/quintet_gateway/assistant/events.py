"""Events for everyone who listens to a topic: what one connection causes, the others of the same person see."""

import asyncio
import itertools
from collections import deque
from types import TracebackType
from typing import Protocol, Self

_MOST_EVENTS = 256
_MOST_BYTES = 1 << 20


class SlowReaderError(Exception):
    """A listener took its events too slowly; it has lost some and will get no more."""


class Listening(Protocol):
    """One listener's place in a hub; entered and left as a context manager."""

    @property
    def id(self) -> str:
        """Tells the listener from others."""

    async def next(self) -> str:
        """Waits for the next event."""

    def offer(self, event: str) -> None:
        """Gives an event to this listener alone, behind those that it has still to take."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class EventHub(Protocol):
    """Carries events, each a JSON text, from whoever publishes to whoever listens."""

    async def publish(self, topic: str, event: str, *, except_id: str = "") -> None:
        """Gives an event to all listeners of a topic but the one with the id; nobody is waited for."""

    def subscribe(self, topic: str) -> Listening:
        """Returns a place to listen from."""


class Subscription:
    """A bounded queue of events. What would overflow it ends it: the hub never waits, and memory stays bounded."""

    def __init__(self, hub: "LocalEventHub", topic: str, number: int) -> None:
        self._hub = hub
        self._topic = topic
        self._id = f"s{number}"
        self._events: deque[tuple[str, int]] = deque()
        self._bytes = 0
        self._lost = False
        self._arrived = asyncio.Event()

    @property
    def id(self) -> str:
        """Tells the listener from others."""
        return self._id

    async def next(self) -> str:
        """Waits for the next event.

        Raises:
            SlowReaderError: once events were lost.
        """
        while not self._events:
            if self._lost:
                raise SlowReaderError
            self._arrived.clear()
            await self._arrived.wait()
        event, size = self._events.popleft()
        self._bytes -= size
        return event

    def offer(self, event: str) -> None:
        """Puts an event at the end of the queue, or gives the queue up."""
        if self._lost:
            return
        size = len(event.encode())
        # A single event of any size fits into an empty queue; a reader that waits for it is not slow.
        if self._events and (len(self._events) >= _MOST_EVENTS or self._bytes + size > _MOST_BYTES):
            self._lost = True
            self._events.clear()
            self._bytes = 0
        else:
            self._events.append((event, size))
            self._bytes += size
        self._arrived.set()

    def __enter__(self) -> Self:
        self._hub.add(self._topic, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.remove(self._topic, self)


class LocalEventHub:
    """The hub of one process."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[str, Subscription]] = {}
        self._numbers = itertools.count(1)

    async def publish(self, topic: str, event: str, *, except_id: str = "") -> None:
        """Gives an event to all listeners of a topic but the one with the id; nobody is waited for."""
        for listener in self._listeners.get(topic, {}).values():
            if listener.id != except_id:
                listener.offer(event)

    def subscribe(self, topic: str) -> Subscription:
        """Returns a place to listen from."""
        return Subscription(self, topic, next(self._numbers))

    def add(self, topic: str, listener: Subscription) -> None:
        """Lets a listener hear a topic."""
        self._listeners.setdefault(topic, {})[listener.id] = listener

    def remove(self, topic: str, listener: Subscription) -> None:
        """Lets a listener hear it no longer."""
        listeners = self._listeners.get(topic, {})
        listeners.pop(listener.id, None)
        if not listeners:
            self._listeners.pop(topic, None)
