"""Server-sent events: whole events in each write, what is ready together in one, silence kept alive."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from quintet_gateway.http.batches import Batches
from quintet_gateway.http.drain import DRAIN
from quintet_observability import get_logger

_log = get_logger(__name__)

MAX_WRITE_BYTES = 1024
_HEARTBEAT = b": keep-alive\n\n"
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


class EventFormat(Protocol):
    """Turns the pieces of an answer into whole events of one dialect, in ASCII."""

    def events(self, pieces: Sequence[str]) -> Iterable[bytes]:
        """Returns the events that are complete with these pieces."""

    def end(self) -> Iterable[bytes]:
        """Returns the last events of an answer that went well."""

    def failure(self, error: Exception) -> Iterable[bytes]:
        """Returns the last events of an answer that failed."""


def join_events(events: Iterable[bytes]) -> list[bytes]:
    """Joins events into writes of at most 1 KiB; a larger event is a write of its own. No event is cut."""
    writes: list[bytes] = []
    ready: list[bytes] = []
    size = 0
    for event in events:
        if ready and size + len(event) > MAX_WRITE_BYTES:
            writes.append(b"".join(ready))
            ready, size = [], 0
        ready.append(event)
        size += len(event)
    if ready:
        writes.append(b"".join(ready))
    return writes


class EventRelay:
    """Relays one answer to one client.

    `silence_s` is how long nothing may be sent before `heartbeat`, a comment, says that the stream lives; `write_s` is
    how long a client may leave a full buffer unread before its stream is ended; `pause_s` goes before each event but
    the first. A relay with an `opening` sends it at once, before anything is known of the answer. `headers` go into
    the response beside those that every stream has.
    """

    def __init__(
        self,
        event_format: EventFormat,
        *,
        silence_s: float = 15.0,
        write_s: float = 20.0,
        pause_s: float = 0.0,
        heartbeat: bytes = _HEARTBEAT,
        opening: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._format = event_format
        self._silence_s = silence_s
        self._write_s = write_s
        self._pause_s = pause_s
        self._heartbeat = heartbeat
        self._opening = opening
        self._response = web.StreamResponse(headers={**_HEADERS, **(headers or {})})

    async def run(self, request: web.Request, answer: AsyncGenerator[str, None]) -> web.StreamResponse:
        """Sends the answer; leaving early closes `answer` at once.

        Raises:
            Exception: what the answer failed with before its first piece, unless there is an opening; later failures
                become events.
        """
        batches = Batches(answer)
        with request.app[DRAIN].watch(batches):
            try:
                first = [self._opening] if self._opening else await self._next(batches)
                await self._response.prepare(request)
                await self._relay(batches, first)
            except (TimeoutError, ConnectionError):
                # The client does not read, or has left: there is nobody to tell.
                self._abort(request)
            finally:
                await batches.close()
        return self._response

    async def _next(self, batches: Batches) -> Iterable[bytes] | None:
        """Returns the next events, the heartbeat if they take long, and None at the end of the answer."""
        try:
            pieces = await batches.take(self._silence_s)
        except TimeoutError:
            return [self._heartbeat]
        return self._format.events(pieces) if pieces else None

    async def _relay(self, batches: Batches, events: Iterable[bytes] | None) -> None:
        try:
            while events is not None:
                await self._send(events)
                events = await self._next(batches)
        except (TimeoutError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - the stream has begun, so whatever failed is told in it
            _log.warning("stream_failed", error=type(error).__name__)
            await self._send(self._format.failure(error))
        else:
            await self._send(self._format.end())
        async with asyncio.timeout(self._write_s):
            await self._response.write_eof()

    async def _send(self, events: Iterable[bytes]) -> None:
        if self._pause_s:
            await self._send_slowly(events)
            return
        for write in join_events(events):
            # One limit for all of them would cut off a client that reads slowly but without a pause.
            async with asyncio.timeout(self._write_s):
                await self._response.write(write)

    async def _send_slowly(self, events: Iterable[bytes]) -> None:
        for event in events:
            async with asyncio.timeout(self._write_s):
                await self._response.write(event)
            await asyncio.sleep(self._pause_s)

    @staticmethod
    def _abort(request: web.Request) -> None:
        with contextlib.suppress(RuntimeError):
            if request.transport is not None:
                request.transport.abort()
