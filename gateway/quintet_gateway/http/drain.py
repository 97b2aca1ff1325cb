"""The end of the process, as its requests see it: first not ready, then no time left."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from aiohttp import web

from quintet_errors import DomainError, Reason


class Interruptible(Protocol):
    """Work of a request that can go on for long."""

    def interrupt(self, error: DomainError) -> None:
        """Ends the work in order, with an error where one can be told."""


class Drain:
    """Tells readiness probes that the process is leaving, and ends streams that outlive the grace."""

    def __init__(self) -> None:
        self.begun = False
        self._streams: set[Interruptible] = set()

    def begin(self) -> None:
        """Turns readiness off."""
        self.begun = True

    @contextmanager
    def watch(self, stream: Interruptible) -> Iterator[None]:
        """Lets `expire` end the stream for the length of the block."""
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)

    def expire(self) -> None:
        """Gives every stream that is still open an orderly error."""
        for stream in tuple(self._streams):
            stream.interrupt(DomainError(Reason.SERVICE_UNAVAILABLE, "The server is shutting down. Try again."))


DRAIN: web.AppKey[Drain] = web.AppKey("drain", Drain)
