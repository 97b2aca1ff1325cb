"""What an API key has to allow for a request."""

from collections.abc import Collection

from aiohttp import hdrs, web

_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


def allows(scopes: Collection[str], request: web.Request) -> bool:
    """Tells whether a key with these scopes may do what is asked; no scopes mean that it may do everything."""
    return not scopes or _needed_scope(request) in scopes


def _needed_scope(request: web.Request) -> str:
    return "read" if request.method in _READING and not _has_effects(request) else "write"


def _has_effects(request: web.Request) -> bool:
    # A GET that changes something is routed without HEAD.
    resource = request.match_info.route.resource
    return resource is not None and all(route.method != hdrs.METH_HEAD for route in resource)
