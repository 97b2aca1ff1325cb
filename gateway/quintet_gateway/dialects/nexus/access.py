"""Who asks: the optional `X-API-Key`, the owner that it stands for, and the allowances that are spent."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from aiohttp import web
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from quintet_gateway.assistant import Owner
from quintet_gateway.dialects.nexus.errors import NexusError, NexusProblem
from quintet_gateway.http.client_address import allowance_key
from quintet_gateway.http.entry import CLIENT
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, RateLimiter, Standing

SURFACE = "nexus"
_ANONYMOUS = Owner(SURFACE, "anonymous")

_GLOBAL = Allowance("nexus:global", RateLimitItemPerHour(100))
_BY_PATH: Mapping[str, Allowance] = {
    "/process/text": Allowance("nexus:text", RateLimitItemPerMinute(10)),
    "/process/image": Allowance("nexus:image", RateLimitItemPerMinute(5)),
    "/process/voice": Allowance("nexus:voice", RateLimitItemPerMinute(5)),
    "/sessions": Allowance("nexus:sessions", RateLimitItemPerMinute(20)),
}
# Clients poll once a second for a minute; the hour's hundred would be spent on two slow jobs.
_EXEMPT = frozenset({"/status/{job_id}", "/health"})


class ApiKeys:
    """Tells whose key a request carries. Without configured keys every key is taken, and only names an owner."""

    def __init__(self, configured: Sequence[str]) -> None:
        self._digests = tuple(_digest(key) for key in configured)

    def owner(self, request: web.Request) -> Owner:
        """Returns whose data the request is about.

        Raises:
            NexusError: 401, if keys are configured and the request has another one.
        """
        key = request.headers.get("X-API-Key")
        if not key:
            return _ANONYMOUS
        digest = _digest(key)
        if self._digests and not self._is_configured(digest):
            raise NexusError(NexusProblem(401, "UNAUTHORIZED", "Invalid API key"))
        return Owner(SURFACE, f"key:{digest[:32]}")

    def has_valid_key(self, request: web.Request) -> bool:
        """Tells whether the request carries a configured key; made-up keys must not bring fresh allowances."""
        key = request.headers.get("X-API-Key")
        return bool(key) and self._is_configured(_digest(key or ""))

    def _is_configured(self, digest: str) -> bool:
        return any(hmac.compare_digest(digest, known) for known in self._digests)


class Admission:
    """Spends a request's allowances and says in headers what is left of them."""

    def __init__(self, keys: ApiKeys, limiter: RateLimiter | None) -> None:
        self._keys = keys
        self._limiter = limiter

    async def __call__(self, request: web.Request) -> Mapping[str, str]:
        """Returns the headers about the allowance; none without limits or for paths that are exempt.

        Raises:
            RateLimitedError: with those headers, about the allowance that is used up.
        """
        path = documented_path(request)
        if self._limiter is None or path in _EXEMPT:
            return {}
        own = _BY_PATH.get(path)
        allowances = (own, _GLOBAL) if own is not None else (_GLOBAL,)
        try:
            return _headers(await self._limiter.spend(allowances, self._key(request)))
        except RateLimitedError as refusal:
            refusal.headers = {**refusal.headers, **_headers(refusal.standing)}
            raise

    def _key(self, request: web.Request) -> str:
        if self._keys.has_valid_key(request):
            return self._keys.owner(request).owner
        return allowance_key(request[CLIENT])


def documented_path(request: web.Request) -> str:
    """Returns the pattern of the path without its base and last slash; empty for paths that do not exist."""
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix("/api").removeprefix("/v1").rstrip("/") if resource is not None else ""


def _headers(standing: Standing) -> Mapping[str, str]:
    return {
        "X-RateLimit-Limit": str(standing.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": str(standing.reset_epoch_s),
    }


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
