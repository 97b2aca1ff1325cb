"""Routes that take a slash at the end without a redirect, and HEAD wherever GET is."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from quintet_gateway.http.failures import FailureKind, HttpError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_route(app: web.Application, method: str, path: str, handler: Handler, *, head: bool = True) -> None:
    """Serves `path` and `path/`; a redirect would make clients repeat an upload, or drop its method.

    Without `head`, a GET that has effects does not take HEAD as well.
    """
    methods = ("GET", "HEAD") if method == "GET" and head else (method,)
    for form in (path, f"{path}/"):
        for each in methods:
            app.router.add_route(each, form, handler, expect_handler=_meet_expectation)


def check_expectation(request: web.Request) -> None:
    """Refuses what the `Expect` header asks for, unless it can be met.

    Raises:
        HttpError: UNKNOWN_EXPECTATION.
    """
    expected = request.headers.get(hdrs.EXPECT)
    # Older clients do not know the header; something else sent it along.
    if expected and request.version >= HttpVersion11 and not _waits_to_send(expected):
        raise HttpError(FailureKind.UNKNOWN_EXPECTATION, "The only expectation that is met here is 100-continue.")


def _waits_to_send(expected: str) -> bool:
    return expected.lower() == "100-continue"


async def _meet_expectation(request: web.Request) -> None:
    """Tells a client to send its body; aiohttp calls this ahead of the middleware, where no error could be worded."""
    if request.version >= HttpVersion11 and _waits_to_send(request.headers.get(hdrs.EXPECT, "")):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The writer must not take these bytes for the start of the response.
        request.writer.output_size = 0
