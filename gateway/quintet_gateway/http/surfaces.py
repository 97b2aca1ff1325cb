"""Which surface owns a path, and what the plumbing must know about a surface."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from quintet_errors import DomainError
from quintet_gateway.http.failures import HttpError

RenderError = Callable[[Exception], web.Response]
"""Words any exception in the shape of a surface; unknown ones become its internal error."""

Admit = Callable[[web.Request], Awaitable[Mapping[str, str]]]
"""Lets a routed request in and returns headers for its response, or raises what the surface refuses it with."""


async def admit_all(_request: web.Request) -> Mapping[str, str]:
    """Lets every request in."""
    return {}


def _accept_none(_request: web.Request) -> bool:
    return False


@dataclass(frozen=True)
class Keyless:
    """What an operator who closes a surface without credentials leaves open.

    `open_paths` are paths without a slash at their end; `accepts` knows credentials of the surface's own.
    """

    open_paths: frozenset[str] = frozenset()
    accepts: Callable[[web.Request], bool] = _accept_none


@dataclass(frozen=True)
class Surface:
    """One public API, as the plumbing sees it.

    `prefixes` are leading path segments; of all surfaces the one with the longest matching prefix owns a path.
    `open_to_origins` is for surfaces whose every call carries a secret, or whose document says so: pages of any
    origin may read them. `any_host` is for probes, which come by address and read nothing personal. `keyless` is
    None for a surface that asks for credentials itself; every other one can be closed. `tells_time` puts the time that
    a request has taken into the headers of its response.
    """

    name: str
    prefixes: tuple[tuple[str, ...], ...]
    render_error: RenderError
    admit: Admit = field(default=admit_all)
    open_to_origins: bool = False
    any_host: bool = False
    keyless: Keyless | None = field(default_factory=Keyless)
    tells_time: bool = False


class SurfaceTable:
    """Finds the owner of any path."""

    def __init__(self, surfaces: Iterable[Surface]) -> None:
        self._owners = {prefix: surface for surface in surfaces for prefix in surface.prefixes}
        if () not in self._owners:
            raise ValueError("some surface must own every path that no other one owns")
        self._depths = sorted({len(prefix) for prefix in self._owners}, reverse=True)

    def owner(self, path: str) -> Surface:
        """Returns the surface whose error shape and rules apply to `path`."""
        segments = tuple(path.split("/", self._depths[0] + 1)[1:])
        for depth in self._depths:
            surface = self._owners.get(segments[:depth])
            if surface is not None:
                return surface
        raise AssertionError("the empty prefix matches every path")


def _status_of(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    if isinstance(error, HttpError):
        return error.status, error.message, error.headers
    if isinstance(error, DomainError):
        return 503, error.message, {}
    return 500, "Internal Server Error", {}


def render_detail(error: Exception) -> web.Response:
    """Words an error as `{"detail"}`: the gateway's own paths, and paths that nobody owns."""
    status, message, headers = _status_of(error)
    detail = {404: "Not Found", 405: "Method Not Allowed"}.get(status, message)
    return web.json_response({"detail": detail}, status=status, headers=headers)


def render_error_object(error: Exception) -> web.Response:
    """Words an error as `{"error": {...}}`: versioned paths that nobody owns."""
    status, message, headers = _status_of(error)
    code = error.kind.value if isinstance(error, HttpError) else "internal_error"
    body = {"error": {"code": code, "message": message, "details": ""}}
    return web.json_response(body, status=status, headers=headers)


OWN = Surface("gateway", ((), ("metrics",)), render_detail)
PROBES = Surface("gateway", (("livez",), ("readyz",)), render_detail, any_host=True)
UNOWNED_VERSIONS = Surface("none", (("v1",), ("api", "v1")), render_error_object)
"""The fall-backs of the table: the gateway itself, its probes, and versioned paths that nobody owns."""
