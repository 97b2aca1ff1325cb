"""Routes that take a slash at the end without a redirect, and HEAD wherever GET is."""

from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_route(app: web.Application, method: str, path: str, handler: Handler) -> None:
    """Serves `path` and `path/`; a redirect would make clients repeat an upload, or drop its method."""
    methods = ("GET", "HEAD") if method == "GET" else (method,)
    for form in (path, f"{path}/"):
        for each in methods:
            app.router.add_route(each, form, handler)
