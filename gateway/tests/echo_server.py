"""A surface whose WebSockets say what they hear."""

import asyncio

from aiohttp import web
from raw_frames import shake_hands

from quintet_gateway.http.failures import HttpError
from quintet_gateway.http.routing import add_route
from quintet_gateway.http.surfaces import Surface
from quintet_gateway.http.websocket import WebSockets


def render(error):
    status, headers = (error.status, error.headers) if isinstance(error, HttpError) else (500, None)
    return web.json_response({"detail": str(error)}, status=status, headers=headers)


class Echo:
    """Says what it hears; `flood N` says it N times, `wait` waits, `break` is a bug, `make` is work beside."""

    def __init__(self, rules):
        self.surface = Surface("echo", (("echo",),), render)
        self.sockets = WebSockets("echo", rules)
        self.busy = lambda: "busy"
        self.release = asyncio.Event()
        self.waiting = 0
        self.making = []
        self.open = 0

    def add_routes(self, app):
        self.sockets.install(app)
        add_route(app, "GET", "/echo", self.serve, head=False)

    async def serve(self, request):
        async with self.sockets.accept(request, request.query.get("user", "me")) as connection:
            self.open += 1

            async def hear(text):
                if text.startswith("flood"):
                    for _ in range(int(text.split()[1])):
                        connection.send("x" * 10_000)
                elif text == "wait":
                    self.waiting += 1
                    await self.release.wait()
                elif text == "break":
                    raise RuntimeError("a bug")
                elif text == "make":
                    connection.occupy(occupied=True)
                    self.making.append(connection)
                connection.send(text)

            try:
                await connection.serve(hear, self.busy)
            finally:
                self.open -= 1
            return connection.response


class Server:
    def __init__(self, echo, http, port):
        self.echo, self.http, self.port = echo, http, port
        self.drained = False

    async def drain(self):
        self.drained = True
        await self.http.drain()

    async def raw(self, after_handshake=b""):
        """Shakes hands by hand, with the first frames right behind."""
        return await shake_hands(self.port, "/echo", after_handshake)
