"""Sign-in, tokens, profiles and API keys."""

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import SignedIn
from quintet_gateway.dialects.quillium import schemas, translate
from quintet_gateway.dialects.quillium.access import SURFACE, Limits, caller_of
from quintet_gateway.dialects.quillium.errors import forbidden, unauthorized
from quintet_gateway.dialects.quillium.live import end_connections
from quintet_gateway.dialects.quillium.routes.endpoint import Endpoint
from quintet_gateway.dialects.quillium.routes.settings import sign_ups_enabled

# A password that no account can have is as wrong as any other.
_WRONG_CREDENTIALS = frozenset({Reason.UNAUTHENTICATED, Reason.INVALID_ARGUMENT, Reason.MISSING_FIELD})


class Accounts:
    """The endpoints of accounts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            ("POST", "/auth/login", self._sign_in),
            ("POST", "/auth/refresh", _refresh),
            ("POST", "/auth/logout", _sign_out),
            ("POST", "/auth/register", _register),
            ("GET", "/users/me", _profile),
            ("PUT", "/users/me", _change_profile),
            ("POST", "/users/api-key", _create_api_key),
        ]

    async def _sign_in(self, request: web.Request) -> web.Response:
        asked = schemas.read_sign_in(await schemas.read_object(request))
        await self._limits.spend_sign_in(request, asked.email)
        try:
            signed_in = await request.app[ASSISTANT].identity.sign_in(asked.email, asked.password)
        except DomainError as error:
            raise _wrong(error, "Invalid credentials") from None
        await self._limits.forgive_sign_in(request, asked.email)
        return web.json_response(translate.tokens(signed_in))


async def _refresh(request: web.Request) -> web.Response:
    token = schemas.read_refresh_token(await schemas.read_optional_object(request))
    if not token:
        raise unauthorized("No refresh token provided")
    if not schemas.is_refresh_token(token):
        raise unauthorized("Invalid or expired refresh token")
    try:
        refreshed = await request.app[ASSISTANT].identity.refresh(token)
    except DomainError as error:
        raise _wrong(error, "Invalid or expired refresh token") from None
    return web.json_response(translate.tokens(refreshed))


def _wrong(error: DomainError, message: str) -> Exception:
    return unauthorized(message) if error.reason in _WRONG_CREDENTIALS else error


async def _sign_out(request: web.Request) -> web.Response:
    caller = caller_of(request)
    schemas.read_refresh_token(await schemas.read_optional_object(request))
    assistant = request.app[ASSISTANT]
    await assistant.identity.sign_out(caller.user_id, caller.token_id)
    await end_connections(assistant.events, caller.user_id)
    return web.json_response({"message": "Logged out successfully"})


async def _register(request: web.Request) -> web.Response:
    asked = schemas.read_registration(await schemas.read_object(request))
    identity = request.app[ASSISTANT].identity
    if not await sign_ups_enabled(identity):
        raise forbidden("User registration is currently disabled by the administrator")
    signed_in: SignedIn = await identity.register(asked.email, asked.password, asked.name)
    return web.json_response(translate.tokens(signed_in), status=201)


async def _profile(request: web.Request) -> web.Response:
    caller = caller_of(request)
    return await _answer_with_profile(request, caller.user_id)


async def _change_profile(request: web.Request) -> web.Response:
    caller = caller_of(request)
    change = schemas.read_profile_change(await schemas.read_object(request))
    await request.app[ASSISTANT].identity.update_user(
        caller.user_id,
        email=change.email,
        name=change.name,
        password=change.password,
        is_admin=change.is_admin if caller.is_admin else None,
        kept_sign_in_id=caller.sign_in_id,
    )
    return await _answer_with_profile(request, caller.user_id)


async def _answer_with_profile(request: web.Request, user_id: str) -> web.Response:
    identity = request.app[ASSISTANT].identity
    user = await identity.user(user_id)
    return web.json_response(translate.profile(user, await identity.settings(SURFACE, user_id)))


async def _create_api_key(request: web.Request) -> web.Response:
    caller = caller_of(request)
    # A key cannot make one that may do more than itself.
    key, secret = await request.app[ASSISTANT].identity.create_api_key(SURFACE, caller.user_id, sorted(caller.scopes))
    return web.json_response(translate.api_key(key, secret))
