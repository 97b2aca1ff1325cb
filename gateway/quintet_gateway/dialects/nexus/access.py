"""Who asks: the optional `X-API-Key`, the owner that it stands for, and the allowances that are spent."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from quintet_errors import DomainError
from quintet_gateway.assistant import Owner
from quintet_gateway.dialects.nexus.errors import NexusError, NexusProblem
from quintet_gateway.http.client_address import allowance_key
from quintet_gateway.http.entry import CLIENT
from quintet_gateway.http.failures import HttpError
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, RateLimiter
from quintet_gateway.http.scopes import allows

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
_HEALTH = "/health"
_EXEMPT = frozenset({"/status/{job_id}", _HEALTH})


@dataclass(frozen=True)
class _Identified:
    """Whose data a request is about, or why it is refused; `is_known` if its key is a real one."""

    owner: Owner | None
    refusal: Exception | None = None
    is_known: bool = False


_IDENTIFIED: web.RequestKey[_Identified] = web.RequestKey("nexus_identified", _Identified)


class ApiKeys:
    """Tells whose key a request carries. As long as none was ever made every key is taken, and only names an owner.

    Keys are those that are configured, and those of this surface that were created by command.
    """

    def __init__(self, configured: Sequence[str], checks: KeyChecks) -> None:
        self._digests = tuple(_digest(key) for key in configured)
        self._checks = checks

    async def identify(self, request: web.Request) -> None:
        """Finds out whose key it is; `owner` tells."""
        try:
            request[_IDENTIFIED] = await self._identify(request)
        except (DomainError, NexusError, HttpError) as refusal:
            request[_IDENTIFIED] = _Identified(None, refusal)

    def owner(self, request: web.Request) -> Owner:
        """Returns whose data the request is about.

        Raises:
            NexusError: 401, if keys exist and the request has another one, or one that may not do this.
            RateLimitedError: if the address showed too many wrong keys to be asked about another one.
            DomainError: if it takes the session service to know the key, and it does not answer.
        """
        found = request[_IDENTIFIED]
        if found.owner is None:
            raise found.refusal or _invalid_key()
        return found.owner

    def is_known(self, request: web.Request) -> bool:
        """Tells whether the request carries a real key; made-up keys must not bring fresh allowances."""
        return request[_IDENTIFIED].is_known

    def has_valid_key(self, request: web.Request) -> bool:
        """Tells whether the request carries a configured key."""
        key = request.headers.get("X-API-Key")
        return bool(key) and self._is_configured(_digest(key or ""))

    async def _identify(self, request: web.Request) -> _Identified:
        key = request.headers.get("X-API-Key")
        if not key:
            return _Identified(_ANONYMOUS)
        digest = _digest(key)
        owner = Owner(SURFACE, f"key:{digest[:32]}")
        if self._is_configured(digest):
            return _Identified(owner, is_known=True)
        check = await self._checks.check(request, SURFACE, key)
        if check.key is None and (self._digests or check.surface_has_keys):
            raise _invalid_key()
        if check.key is not None and not allows(check.key.scopes, request):
            raise NexusError(NexusProblem(401, "UNAUTHORIZED", "This API key may not do that"))
        return _Identified(owner, is_known=check.key is not None)

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
        if path != _HEALTH:
            await self._keys.identify(request)
        if self._limiter is None or path in _EXEMPT:
            return {}
        own = _BY_PATH.get(path)
        allowances = (own, _GLOBAL) if own is not None else (_GLOBAL,)
        try:
            return (await self._limiter.spend(allowances, self._key(request))).headers
        except RateLimitedError as refusal:
            refusal.headers = {**refusal.headers, **refusal.standing.headers}
            raise

    def _key(self, request: web.Request) -> str:
        if self._keys.is_known(request):
            return self._keys.owner(request).owner
        return allowance_key(request[CLIENT])


def documented_path(request: web.Request) -> str:
    """Returns the pattern of the path without its base and last slash; empty for paths that do not exist."""
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix("/api").removeprefix("/v1").rstrip("/") if resource is not None else ""


def _invalid_key() -> NexusError:
    return NexusError(NexusProblem(401, "UNAUTHORIZED", "Invalid API key"))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
