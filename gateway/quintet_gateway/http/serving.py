"""The HTTP server's life: it listens, and it ends without cutting off anyone who can still be served."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence

from aiohttp import web

from quintet_gateway.http.drain import DRAIN
from quintet_gateway.http.listening import ListeningPort
from quintet_observability import get_logger

_log = get_logger(__name__)
# Streams are given an error at the grace limit; this is for that error to arrive.
_LAST_WORDS_S = 1.0
# Connections that the kernel took just before have their request read and answered; the runner would forget them.
_LAST_CALL_S = 0.1
# A token of 100 KB gets the 401 of its surface and not the HTTP library's own text; few headers bound the sum of them.
LONGEST_HEADER = 112 << 10
_MOST_HEADERS = 64


class HttpServer:
    """Serves one application on all of its ports. Times are in seconds."""

    def __init__(self, app: web.Application, *, keepalive_s: float, grace_s: float, drain_delay_s: float = 0.0) -> None:
        self._app = app
        self._grace_s = grace_s
        self._drain_delay_s = drain_delay_s
        self._sockets: list[socket.socket] = []
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=grace_s + _LAST_WORDS_S,
            keepalive_timeout=keepalive_s,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            max_headers=_MOST_HEADERS,
        )

    async def start(self, ports: Sequence[ListeningPort]) -> None:
        """Begins to take requests."""
        await self._runner.setup()
        self._sockets = [one for port in ports for one in port.sockets]
        for one in self._sockets:
            await web.SockSite(self._runner, one).start()
        addresses = [str(site.name) for site in self._runner.sites]
        _log.info("listening", ports=[port.port for port in ports], addresses=addresses)

    async def drain(self) -> None:
        """Turns readiness off, then takes no more connections, then lets requests at work end within the grace."""
        _log.info("stopping")
        self._app[DRAIN].begin()
        await asyncio.sleep(self._drain_delay_s)
        limit = asyncio.get_running_loop().call_later(self._grace_s, self._app[DRAIN].expire)
        try:
            await self._stop_listening()
            await self._runner.cleanup()
        finally:
            limit.cancel()

    async def _stop_listening(self) -> None:
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            with contextlib.suppress(NotImplementedError):  # Windows' event loop has no readers.
                loop.remove_reader(one)
        # asyncio loses a connection that it accepted in the turn in which its server is closed: two turns set it up.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for site in tuple(self._runner.sites):
            await site.stop()
        await asyncio.sleep(_LAST_CALL_S)
