"""Which pages of other origins may use a surface, and how a browser is told."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from quintet_gateway.http.hosts import is_loopback

_EXPOSED = ", ".join((
    "X-Response-Text", "X-Detected-Language", "X-Process-Time", "X-Rate-Limit-Exceeded", "X-Error-Message",
    "X-Error-Type", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After",
    "Content-Disposition",
))  # fmt: skip

_PREFLIGHT: Mapping[str, str] = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization, X-Requested-With, X-API-Key, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}
_VARIES: Mapping[str, str] = {"Vary": "Origin"}
_OPEN: Mapping[str, str] = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}


class OriginRule:
    """Accepts loopback origins of any scheme and port, and configured ones; `*` accepts all."""

    def __init__(self, allowed: Iterable[str]) -> None:
        origins = {origin.strip().lower().rstrip("/") for origin in allowed}
        self._any = "*" in origins
        self._origins = frozenset(origins)
        self.accepts = lru_cache(maxsize=512)(self._accepts)

    def _accepts(self, origin: str, host: str) -> bool:
        """Tells whether a page of `origin` may use a surface that it reached as `host`."""
        origin = origin.lower()
        if self._any or origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
            hostname = parts.hostname or ""
        except ValueError:
            return False
        # The gateway's own pages name the host that they came from, which the Host rule has already accepted.
        return is_loopback(hostname) or (bool(parts.netloc) and parts.netloc == host.lower())


def response_headers(origin: str | None, *, accepted: bool, open_to_origins: bool) -> Mapping[str, str]:
    """Returns the headers that let the page of `origin` read a response; each name exactly once."""
    if open_to_origins:
        return _OPEN
    if origin is None or not accepted:
        return _VARIES
    return {**_VARIES, "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}


def preflight_headers() -> Mapping[str, str]:
    """Returns what a preflight response says beside the origin."""
    return _PREFLIGHT
