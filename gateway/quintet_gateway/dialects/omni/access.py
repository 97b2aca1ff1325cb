"""Who asks: API keys, what they may do, and the allowance that their requests spend."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs, web
from limits import RateLimitItemPerMinute

from quintet.identity.v1.identity_service_pb2 import ApiKey
from quintet_gateway.assistant import Owner
from quintet_gateway.dialects.omni.errors import forbidden, invalid_key, key_required
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, WindowLimiter
from quintet_gateway.http.scopes import allows

SURFACE = "omni"
HEALTH_PATH = "/health"

_CLOSED_S = 60


@dataclass(frozen=True)
class _Holder:
    """A valid key and its secret."""

    key: ApiKey
    secret: str


_HOLDER: web.RequestKey[_Holder] = web.RequestKey("omni_holder", _Holder)


def create_limiter(requests_per_minute: int) -> WindowLimiter:
    """Returns what counts the requests of keys."""
    allowance = Allowance("omni:requests", RateLimitItemPerMinute(requests_per_minute))
    return WindowLimiter(allowance, _CLOSED_S)


class Admission:
    """Lets in who shows a valid key and has something left of its allowance; without a limiter nothing is counted."""

    def __init__(self, limiter: WindowLimiter | None, keys: KeyChecks) -> None:
        self._limiter = limiter
        self._keys = keys

    async def __call__(self, request: web.Request) -> Mapping[str, str]:
        """Returns the headers about the allowance.

        Raises:
            OmniError: 401 or 403.
            RateLimitedError: with those headers.
        """
        if request.path.rstrip("/") == HEALTH_PATH:
            return {}
        secret = _secret_of(request)
        if not secret:
            raise key_required()
        key = (await self._keys.check(request, SURFACE, secret)).key
        if key is None:
            raise invalid_key()
        request[_HOLDER] = _Holder(key, secret)
        return await self._spend(key.key_id)

    async def _spend(self, key_id: str) -> Mapping[str, str]:
        if self._limiter is None:
            return {}
        try:
            return (await self._limiter.spend(key_id)).countdown_headers
        except RateLimitedError as refusal:
            refusal.headers = {**refusal.headers, **refusal.standing.countdown_headers}
            raise


def owner_of(request: web.Request) -> Owner:
    """Returns whose data the request is about: each key has its own.

    Raises:
        OmniError: 403 for a key that may not do what is asked.
    """
    key = request[_HOLDER].key
    if not allows(frozenset(key.scopes), request):
        raise forbidden()
    return Owner(SURFACE, key.key_id)


def secret_of(request: web.Request) -> str:
    """Returns the secret that let the request in, for connections that outlive the check."""
    return request[_HOLDER].secret


def _secret_of(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").strip().partition(" ")
    named = token.strip() if scheme.lower() == "bearer" else ""
    return named or request.query.get("api_key", "")
