"""The one middleware: every request passes it once, and it does everything that all surfaces share.

One function instead of eight nested ones: the order of the steps is plain to see, and each costs microseconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from quintet_errors import DomainError
from quintet_gateway.http import cors
from quintet_gateway.http.client_address import ClientAddress
from quintet_gateway.http.failures import DialectError, FailureKind, HttpError
from quintet_gateway.http.hosts import HostRule
from quintet_gateway.http.routing import check_expectation
from quintet_gateway.http.surfaces import Surface, SurfaceTable
from quintet_observability import get_logger, metrics
from quintet_rpc.request_context import RequestContext, enter_request, new_request_context

_log = get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTEXT: web.RequestKey[RequestContext] = web.RequestKey("context", RequestContext)
CLIENT: web.RequestKey[str] = web.RequestKey("client", str)
_FOREIGN: web.RequestKey[bool] = web.RequestKey("foreign", bool)
_HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("headers", dict)
_STARTED: web.RequestKey[float] = web.RequestKey("started", float)
_PREPARED: web.RequestKey[web.StreamResponse] = web.RequestKey("prepared", web.StreamResponse)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CLIENT_CLOSED = 499
"""The status under which a request is logged whose client left before the answer."""


class Entry:
    """Identifies, checks, routes, words errors, counts and logs requests."""

    def __init__(
        self, surfaces: SurfaceTable, hosts: HostRule, origins: cors.OriginRule, clients: ClientAddress
    ) -> None:
        self._surfaces = surfaces
        self._hosts = hosts
        self._origins = origins
        self._clients = clients

    def install(self, app: web.Application) -> None:
        """Puts the middleware into an application."""

        @web.middleware
        async def enter(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._enter(request, handler)

        app.middlewares.append(enter)
        app.on_response_prepare.append(_add_headers)

    async def _enter(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        surface = self._surfaces.owner(request.path)
        headers = request.headers
        context = new_request_context(
            headers.get("X-Request-ID", ""), headers.get("traceparent", ""), headers.get("X-Quintet-Script", "")
        )
        # Each request runs in a task of its own, so nothing has to be put back.
        enter_request(context)
        request[CONTEXT] = context
        request[CLIENT] = self._clients.of(request)
        request[_HEADERS] = {"X-Request-ID": context.request_id}
        if surface.tells_time:
            request[_STARTED] = started
        active = metrics.HTTP_ACTIVE.labels(surface.name)
        active.inc()
        status = _CLIENT_CLOSED
        try:
            response = await self._respond(request, handler, surface)
            status = response.status
            return response
        finally:
            active.dec()
            _record(request, surface, status, time.perf_counter() - started)

    async def _respond(self, request: web.Request, handler: Handler, surface: Surface) -> web.StreamResponse:
        try:
            self._check_host(request, surface)
            accepted = self._apply_origin_rule(request, surface)
            if request.method == hdrs.METH_OPTIONS:
                return _answer_options(request, accepted=accepted)
            check_expectation(request)
            request[_HEADERS].update(await surface.admit(request))
            return await handler(request)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets the shape of its surface
            return _word(request, surface, _to_failure(error))

    def _check_host(self, request: web.Request, surface: Surface) -> None:
        authority = request.headers.get(hdrs.HOST)
        if surface.any_host or (authority is None and request.version < HttpVersion11):
            return
        # The target may name a host as well (absolute form), and then that one counts.
        names = {authority or "", request.host}
        if not all(self._hosts.accepts(name) for name in names):
            raise HttpError(FailureKind.MISDIRECTED, "This host name is not served here.")

    def _apply_origin_rule(self, request: web.Request, surface: Surface) -> bool:
        origin = request.headers.get(hdrs.ORIGIN)
        accepted = origin is not None and self._origins.accepts(origin, request.host)
        request[_HEADERS].update(
            cors.response_headers(origin, accepted=accepted, open_to_origins=surface.open_to_origins)
        )
        accepted = accepted or surface.open_to_origins
        # A page elsewhere cannot read an answer that lacks the headers, but its POST would still take effect.
        request[_FOREIGN] = origin is not None and not accepted
        if request[_FOREIGN] and request.method not in _READING:
            raise _foreign_origin()
        return accepted


def refuse_foreign_page(request: web.Request) -> None:
    """Refuses a GET with effects that a page elsewhere asked for; browsers send no `Origin` for its pictures and links.

    Raises:
        HttpError: FOREIGN_ORIGIN.
    """
    unnamed = hdrs.ORIGIN not in request.headers and request.headers.get("Sec-Fetch-Site") == "cross-site"
    if unnamed or request.get(_FOREIGN, False):
        raise _foreign_origin()


def has_begun(request: web.Request) -> bool:
    """Tells whether a part of the response is on its way, so that no other one can be sent."""
    return _PREPARED in request


def _foreign_origin() -> HttpError:
    return HttpError(FailureKind.FOREIGN_ORIGIN, "Pages of this origin may not use this server.")


def _answer_options(request: web.Request, *, accepted: bool) -> web.StreamResponse:
    """Answers a preflight or a question for the methods; neither is limited nor authenticated."""
    if hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
        return web.Response(status=204, headers=cors.preflight_headers() if accepted else None)
    problem = request.match_info.http_exception
    if isinstance(problem, web.HTTPMethodNotAllowed):
        return web.Response(status=204, headers={hdrs.ALLOW: _allowed(problem)})
    raise HttpError(FailureKind.NOT_FOUND, "Not found")


def _to_failure(error: Exception) -> Exception:
    """Gives the router's own errors the kinds that surfaces know."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return HttpError(FailureKind.METHOD_NOT_ALLOWED, "Method not allowed", headers={hdrs.ALLOW: _allowed(error)})
    if isinstance(error, web.HTTPNotFound):
        return HttpError(FailureKind.NOT_FOUND, "Not found")
    return error


def _allowed(error: web.HTTPMethodNotAllowed) -> str:
    return ", ".join(sorted({*error.allowed_methods, hdrs.METH_OPTIONS}))


def _word(request: web.Request, surface: Surface, error: Exception) -> web.StreamResponse:
    if not isinstance(error, HttpError | DomainError | DialectError):
        _log.error("unhandled", route=_route(request), exc_info=error, request_id=request[CONTEXT].request_id)
    elif isinstance(error, HttpError):
        metrics.HTTP_REFUSED.labels(surface.name, error.kind.value).inc()
    begun: web.StreamResponse | None = request.get(_PREPARED)
    if begun is not None:
        # Half of another response is on the wire; a second head would corrupt it, so the connection has to end.
        if request.transport is not None:
            request.transport.abort()
        return begun
    return surface.render_error(error)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    headers: Mapping[str, str] = request.get(_HEADERS, {})
    request[_PREPARED] = response
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    if _STARTED in request:
        response.headers["X-Process-Time"] = f"{time.perf_counter() - request[_STARTED]:.2f}"
    response.headers["Server"] = "Quintet"
    response.headers["X-Content-Type-Options"] = "nosniff"


def _route(request: web.Request) -> str:
    """Returns the pattern of the path: raw ones hold ids, which belong in no log and would each make a metric."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _record(request: web.Request, surface: Surface, status: int, seconds: float) -> None:
    method = request.method if request.method in _METHODS else "other"
    route = _route(request)
    metrics.HTTP_SECONDS.labels(surface.name, route, method, str(status)).observe(seconds)
    level = _log.debug if surface.any_host else _log.info
    level(
        "request",
        surface=surface.name,
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        client=request[CLIENT],
        request_id=request[CONTEXT].request_id,
    )
