"""Who asks: access tokens and API keys, and the allowances that are spent."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs, web
from limits import RateLimitItemPerMinute

from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Caller, Owner
from quintet_gateway.dialects.quillium.errors import forbidden, unauthorized
from quintet_gateway.http.client_address import allowance_key
from quintet_gateway.http.entry import CLIENT
from quintet_gateway.http.failures import DialectError, HttpError
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, RateLimiter
from quintet_gateway.http.scopes import allows

SURFACE = "quillium"

_REQUESTS = Allowance("quillium:requests", RateLimitItemPerMinute(100))
_FRAMES = Allowance("quillium:frames", RateLimitItemPerMinute(600))
_SIGN_INS = Allowance("quillium:sign-ins", RateLimitItemPerMinute(10, 15))


@dataclass(frozen=True)
class _Identified:
    """Whose request it is, or why nobody's."""

    caller: Caller | None
    refusal: Exception | None = None


_IDENTIFIED: web.RequestKey[_Identified] = web.RequestKey("quillium_identified", _Identified)


class Limits:
    """Allowances of users, and of addresses for whoever is nobody yet. Without a limiter nothing is counted."""

    def __init__(self, limiter: RateLimiter | None) -> None:
        self._limiter = limiter

    async def spend_request(self, key: str) -> Mapping[str, str]:
        """Spends a request and returns the headers about what is left.

        Raises:
            RateLimitedError: with those headers.
        """
        if self._limiter is None:
            return {}
        try:
            return (await self._limiter.spend((_REQUESTS,), key)).headers
        except RateLimitedError as refusal:
            refusal.headers = {**refusal.headers, **refusal.standing.headers}
            raise

    async def spend_frame(self, user_id: str, *, is_message: bool) -> None:
        """Spends a request for a message that came live, and of another allowance for any other frame.

        Raises:
            RateLimitedError: if it is used up.
        """
        if self._limiter is not None:
            await self._limiter.spend((_REQUESTS if is_message else _FRAMES,), f"user:{user_id}")

    async def spend_sign_in(self, request: web.Request, email: str) -> None:
        """Counts an attempt to sign in, before its password is looked at: parallel guesses count as well.

        Raises:
            RateLimitedError: if an address has tried too often for one e-mail.
        """
        if self._limiter is not None:
            await self._limiter.spend((_SIGN_INS,), _sign_in_key(request, email))

    async def forgive_sign_in(self, request: web.Request, email: str) -> None:
        """Forgets the attempts that came before a right password."""
        if self._limiter is not None:
            await self._limiter.forgive(_SIGN_INS, _sign_in_key(request, email))


class Admission:
    """Finds out whose request it is and spends the allowance; handlers refuse those who must be known and are not."""

    def __init__(self, limits: Limits, keys: KeyChecks) -> None:
        self._limits = limits
        self._keys = keys

    async def __call__(self, request: web.Request) -> Mapping[str, str]:
        """Returns the headers about the allowance.

        Raises:
            RateLimitedError: with those headers.
        """
        try:
            found = _Identified(await self._identify(request))
        except (DomainError, DialectError, HttpError) as refusal:
            found = _Identified(None, refusal)
        request[_IDENTIFIED] = found
        key = f"user:{found.caller.user_id}" if found.caller else f"ip:{allowance_key(request[CLIENT])}"
        return await self._limits.spend_request(key)

    async def _identify(self, request: web.Request) -> Caller:
        live = _is_live(request)
        token = request.query.get("token") if live else None
        token = token or _bearer(request)
        if token is not None:
            return await request.app[ASSISTANT].identity.verify_token(token)
        secret = request.headers.get("X-API-Key")
        # A connection outlives the check of its credential, and only of tokens is it told when they are revoked.
        if not secret or live:
            raise unauthorized()
        return await self._owner_of_key(request, secret)

    async def _owner_of_key(self, request: web.Request, secret: str) -> Caller:
        check = await self._keys.check(request, SURFACE, secret)
        if check.key is None or check.user is None:
            raise unauthorized()
        return Caller(check.user.user_id, check.user.email, is_admin=False, scopes=frozenset(check.key.scopes))


def caller_of(request: web.Request) -> Caller:
    """Returns who asks; a credential that may only read opens only what changes nothing.

    Raises:
        QuilliumError: 401 or 403.
        DomainError: if nobody could be asked.
    """
    found = request[_IDENTIFIED]
    caller = found.caller
    if caller is None:
        raise found.refusal or unauthorized()
    if not allows(caller.scopes, request):
        raise forbidden("This API key may not do that")
    return caller


def administrator_of(request: web.Request) -> Caller:
    """Returns the administrator who asks; an API key never makes one.

    Raises:
        QuilliumError: 401 or 403.
    """
    caller = caller_of(request)
    if not caller.is_admin:
        raise forbidden("Admin access required")
    return caller


def owner_of(caller: Caller) -> Owner:
    """Returns whose data a caller's requests are about."""
    return Owner(SURFACE, caller.user_id)


def _is_live(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical.rstrip("/").endswith("/ws")


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _sign_in_key(request: web.Request, email: str) -> str:
    # The digest keeps addresses of people out of whatever holds the counters.
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    return f"{allowance_key(request[CLIENT])}:{digest}"
