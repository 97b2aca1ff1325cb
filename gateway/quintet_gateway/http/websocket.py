"""WebSockets: who may have one, what is read, what is written, and how each ends."""

import asyncio
import contextlib
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import WSCloseCode, WSMsgType, web

from quintet_errors import DomainError
from quintet_gateway.http.drain import DRAIN
from quintet_gateway.http.entry import refuse_foreign_page
from quintet_gateway.http.failures import FailureKind, HttpError
from quintet_gateway.http.websocket_frames import StrictWebSocket
from quintet_observability import get_logger, metrics

_log = get_logger(__name__)

# For what is still queued when a connection ends, and for the other side's close frame.
_FLUSH_S = 1.0
_CLOSE_S = 1.0
# A client that broke a rule may still be sending; only one that is read to its end sees why it was closed.
_LINGER_S = 1.0
_LINGER_STEP_S = 0.02
# Messages that are there already are taken without a pause; others want their turn of the loop as well.
_TAKEN_AT_ONCE = 64


class Ending(StrEnum):
    """Why a connection ended."""

    LEFT = "left"
    REFUSED = "refused"
    SLOW = "slow"
    SILENT = "silent"
    SHUTDOWN = "shutdown"
    FAILED = "failed"
    IDLE = "idle"
    OVER = "over"


@dataclass(frozen=True)
class WebSocketRules:
    """Bounds of connections.

    A ping goes out every `ping_s` seconds, and a client without a pong for `pong_s` is dropped. `handlers` is how many
    messages of one connection are worked on at once.
    """

    ping_s: float = 54.0
    pong_s: float = 60.0
    max_message_bytes: int = 512 << 10
    queued_messages: int = 256
    queued_bytes: int = 1 << 20
    handlers: int = 16
    in_all: int = 1000
    per_user: int = 20


class WebSockets:
    """All connections of one surface."""

    def __init__(self, surface: str, rules: WebSocketRules) -> None:
        self._surface = surface
        self._rules = rules
        self._open: set[Connection] = set()
        self._of_user: Counter[str] = Counter()
        self._leaving = False

    def install(self, app: web.Application) -> None:
        """Lets connections end in order when the application does."""
        app.on_shutdown.append(self._leave)

    def check(self, request: web.Request, user: str) -> None:
        """Refuses what `accept` would refuse, for surfaces that have work to do before they accept.

        Raises:
            HttpError: as `accept` does.
        """
        refuse_foreign_page(request)
        if not web.WebSocketResponse().can_prepare(request):
            raise _no_handshake()
        self._check_room(user)

    @contextlib.asynccontextmanager
    async def accept(self, request: web.Request, user: str) -> AsyncIterator["Connection"]:
        """Gives an open connection for the length of the block.

        Raises:
            HttpError: FOREIGN_ORIGIN, NOT_A_WEBSOCKET, OVERLOADED or RATE_LIMITED, before anything was answered.
        """
        self.check(request, user)
        connection = Connection(self._rules, request.transport)
        self._open.add(connection)
        self._of_user[user] += 1
        try:
            active = metrics.WEBSOCKETS_ACTIVE.labels(self._surface)
            with active.track_inprogress(), request.app[DRAIN].watch(connection):
                await connection.response.prepare(request)
                yield connection
        finally:
            self._open.discard(connection)
            self._of_user[user] -= 1
            self._of_user += Counter()
            metrics.WEBSOCKETS_ENDED.labels(self._surface, connection.ending.value).inc()

    def _check_room(self, user: str) -> None:
        if self._leaving:
            raise HttpError(FailureKind.OVERLOADED, "The server is shutting down.", headers={"Retry-After": "1"})
        if len(self._open) >= self._rules.in_all:
            raise HttpError(FailureKind.OVERLOADED, "Too many connections are open.", headers={"Retry-After": "5"})
        if self._of_user[user] >= self._rules.per_user:
            limit = f"{self._rules.per_user} connections at once"
            facts: dict[str, int | str] = {"limit": limit, "retryAfterSeconds": 5}
            raise HttpError(FailureKind.RATE_LIMITED, f"More than {limit}.", facts, {"Retry-After": "5"})

    async def _leave(self, _app: web.Application) -> None:
        self._leaving = True
        for connection in tuple(self._open):
            connection.leave()


class Connection:
    """One client. Writing never waits: what does not fit into the bounded queue ends the connection."""

    def __init__(self, rules: WebSocketRules, transport: asyncio.Transport | None) -> None:
        self.response = StrictWebSocket(max_message_bytes=rules.max_message_bytes, close_s=_CLOSE_S)
        self.ending = Ending.LEFT
        """Why the connection ended; it stands once it has."""
        self._rules = rules
        self._transport = transport
        self._queue: deque[tuple[str, int]] = deque()
        self._queued_bytes = 0
        self._queued = asyncio.Event()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self._ponged = asyncio.Event()
        self._ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._handlers: set[asyncio.Task[None]] = set()
        self._leaving: asyncio.Task[None] | None = None
        self._holding = False
        self._unoccupied = asyncio.Event()
        self._unoccupied.set()

    def occupy(self, *, occupied: bool) -> None:
        """Says whether something is being made for the client beside its messages, which a shutdown waits for."""
        if occupied:
            self._unoccupied.clear()
        else:
            self._unoccupied.set()

    def send(self, text: str) -> None:
        """Queues a message; a reader who lets the queue overflow is dropped."""
        if self._ended.done():
            return
        size = len(text.encode())
        full = len(self._queue) >= self._rules.queued_messages or self._queued_bytes + size > self._rules.queued_bytes
        # One message of any size fits into an empty queue.
        if self._queue and full:
            self._end(None, Ending.SLOW)
            return
        self._queue.append((text, size))
        self._queued_bytes += size
        self._flushed.clear()
        self._queued.set()

    def close(self, code: int, ending: Ending = Ending.REFUSED) -> None:
        """Ends the connection with a code, behind what is queued."""
        self._end(code, ending)

    def leave(self) -> None:
        """Takes no more messages, and ends the connection when those at work are done."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave_when_done())

    def interrupt(self, _error: DomainError) -> None:
        """Ends the connection now, because the process has no time left."""
        self._end(WSCloseCode.GOING_AWAY, Ending.SHUTDOWN)

    async def serve(
        self,
        hear: Callable[[str], Awaitable[None]],
        busy: Callable[[], str] | None,
        beside: Sequence[Coroutine[None, None, None]] = (),
    ) -> None:
        """Hands each text to `hear` until the connection ends, several at once; `busy` answers those beyond the bound.

        Without `busy` they wait, and their sender with them: with one handler, texts are heard in their order. `beside`
        runs as long as the connection does.
        """
        tasks = [asyncio.create_task(self._guarded(work)) for work in beside]
        tasks += [asyncio.create_task(self._read(hear, busy)), asyncio.create_task(self._keep_alive())]
        writer = asyncio.create_task(self._write())
        try:
            code = await asyncio.shield(self._ended)
            await _cancel(*tasks, *self._handlers)
            await self._finish(code, writer)
        finally:
            await _cancel(*tasks, writer, *self._handlers, *((self._leaving,) if self._leaving else ()))

    def _end(self, code: int | None, ending: Ending) -> None:
        """Notes how the connection ends, the first reason only; without a code nobody is there to be told."""
        if not self._ended.done():
            self.ending = ending
            self._ended.set_result(code)

    async def _finish(self, code: int | None, writer: asyncio.Task[None]) -> None:
        if code is not None and not self.response.closed:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(_FLUSH_S):
                    await self._flushed.wait()
            await _cancel(writer)
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(_CLOSE_S + _FLUSH_S):
                    await self.response.close(code=code)
        elif self.ending is Ending.FAILED:
            await self._linger()
        if self._transport is not None and self.ending in {Ending.SLOW, Ending.SILENT}:
            self._transport.abort()

    async def _linger(self) -> None:
        for _ in range(round(_LINGER_S / _LINGER_STEP_S)):
            if self._transport is None or self._transport.is_closing():
                return
            await asyncio.sleep(_LINGER_STEP_S)

    async def _read(self, hear: Callable[[str], Awaitable[None]], busy: Callable[[], str] | None) -> None:
        for number in itertools.count(1):
            if number % _TAKEN_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                message = await self.response.receive()
            except (RuntimeError, ConnectionError):
                self._end(None, Ending.LEFT)
                return
            if message.type is WSMsgType.TEXT:
                if busy is None:
                    await self._wait_for_room()
                self._take(message.data, hear, busy)
            elif message.type is WSMsgType.PING:
                with contextlib.suppress(ConnectionError):
                    await self.response.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._ponged.set()
            elif message.type is WSMsgType.BINARY:
                self._end(WSCloseCode.UNSUPPORTED_DATA, Ending.REFUSED)
                return
            else:
                self._end(None, Ending.FAILED if message.type is WSMsgType.ERROR else Ending.LEFT)
                return

    async def _wait_for_room(self) -> None:
        self._holding = True
        while len(self._handlers) >= self._rules.handlers:
            await asyncio.wait(self._handlers, return_when=asyncio.FIRST_COMPLETED)
        self._holding = False

    def _take(self, text: str, hear: Callable[[str], Awaitable[None]], busy: Callable[[], str] | None) -> None:
        if self._leaving is not None or self._ended.done():
            return
        if busy is not None and len(self._handlers) >= self._rules.handlers:
            self.send(busy())
            return
        task = asyncio.create_task(self._guarded(hear(text)))
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is told, and others go on
            _log.error("websocket_failed", exc_info=error)
            self._end(WSCloseCode.INTERNAL_ERROR, Ending.FAILED)

    async def _write(self) -> None:
        try:
            while True:
                while self._queue:
                    text, size = self._queue[0]
                    await self.response.send_str(text)
                    self._queue.popleft()
                    self._queued_bytes -= size
                self._flushed.set()
                self._queued.clear()
                await self._queued.wait()
        except (ConnectionError, RuntimeError):
            self._end(None, Ending.LEFT)

    async def _keep_alive(self) -> None:
        """Pings; the time for the pong is what the ping leaves of the silence that is allowed."""
        while True:
            await asyncio.sleep(self._rules.ping_s)
            self._ponged.clear()
            try:
                async with asyncio.timeout(self._rules.pong_s - self._rules.ping_s):
                    await self.response.ping()
                    await self._ponged.wait()
            except TimeoutError:
                # A pong may stand behind messages that have to wait.
                if not self._holding:
                    self._end(None, Ending.SILENT)
                    return
            except (ConnectionError, RuntimeError):
                self._end(None, Ending.LEFT)
                return

    async def _leave_when_done(self) -> None:
        if self._handlers:
            await asyncio.wait(self._handlers)
        await self._unoccupied.wait()
        self._end(WSCloseCode.GOING_AWAY, Ending.SHUTDOWN)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _no_handshake() -> HttpError:
    headers = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    return HttpError(FailureKind.NOT_A_WEBSOCKET, "Only a WebSocket handshake is answered here.", headers=headers)
