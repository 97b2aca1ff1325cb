"""Closes the surfaces whose documents leave them open: any credential that this server issued lets in."""

from dataclasses import replace

from aiohttp import hdrs, web

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.scopes import allows
from quintet_gateway.http.surfaces import Admit, Keyless, Surface

_BEARER = "bearer "
# What the keys of each issuer begin with.
_ISSUERS = {"ql_": "quillium", "qo_": "omni", "qn_": "nexus", "qk_": "gateway"}
_PREFIX_LENGTH = 3
# A signed token has three parts; no API key holds a dot.
_DOTS_OF_A_TOKEN = 2


def close_surface(surface: Surface, checks: KeyChecks) -> Surface:
    """Returns a surface that is closed; one that asks for credentials itself stays as it is."""
    if surface.keyless is None:
        return surface
    return replace(surface, admit=_closed(surface.keyless, surface.admit, checks))


def _closed(keyless: Keyless, admit: Admit, checks: KeyChecks) -> Admit:
    async def check(request: web.Request) -> dict[str, str]:
        is_open = request.path.rstrip("/") in keyless.open_paths
        if not is_open and not keyless.accepts(request) and not await _has_credential(request, checks):
            raise DomainError(Reason.UNAUTHENTICATED, "A valid credential is required.")
        return dict(await admit(request))

    return check


async def _has_credential(request: web.Request, checks: KeyChecks) -> bool:
    """Judges the first token and the first key: a request full of made-up ones costs one question of each kind."""
    secrets = _secrets(request)
    token = next((secret for secret in secrets if secret.count(".") == _DOTS_OF_A_TOKEN), None)
    if token is not None and await _is_token(request, token):
        return True
    key = next((secret for secret in secrets if secret[:_PREFIX_LENGTH] in _ISSUERS), None)
    return key is not None and await _is_key(request, key, checks)


def _secrets(request: web.Request) -> list[str]:
    """Returns what may be a credential; a browser's EventSource can send none but in its address."""
    authorization = request.headers.get(hdrs.AUTHORIZATION, "")
    bearer = authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""
    query = request.query
    return [bearer, request.headers.get("X-API-Key", ""), query.get("token", ""), query.get("api_key", "")]


async def _is_token(request: web.Request, token: str) -> bool:
    try:
        await request.app[ASSISTANT].identity.verify_token(token)
    except DomainError as error:
        if error.reason is not Reason.UNAUTHENTICATED:
            raise
        return False
    return True


async def _is_key(request: web.Request, secret: str, checks: KeyChecks) -> bool:
    check = await checks.check(request, _ISSUERS[secret[:_PREFIX_LENGTH]], secret)
    return check.key is not None and allows(check.key.scopes, request)
