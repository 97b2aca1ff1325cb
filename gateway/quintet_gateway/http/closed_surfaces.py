"""Closes the surfaces whose documents leave them open: any credential that this server issued lets in."""

import asyncio
from dataclasses import replace

from aiohttp import hdrs, web

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant
from quintet_gateway.http.surfaces import Admit, Keyless, Surface

_BEARER = "bearer "
_ISSUERS = ("quillium", "omni", "nexus", "gateway")
# A signed token has three parts; no API key holds a dot.
_DOTS_OF_A_TOKEN = 2


def close_surface(surface: Surface) -> Surface:
    """Returns a surface that is closed; one that asks for credentials itself stays as it is."""
    return surface if surface.keyless is None else replace(surface, admit=_closed(surface.keyless, surface.admit))


def _closed(keyless: Keyless, admit: Admit) -> Admit:
    async def check(request: web.Request) -> dict[str, str]:
        is_open = request.path.rstrip("/") in keyless.open_paths
        if not is_open and not keyless.accepts(request) and not await _has_credential(request):
            raise DomainError(Reason.UNAUTHENTICATED, "A valid credential is required.")
        return dict(await admit(request))

    return check


async def _has_credential(request: web.Request) -> bool:
    assistant = request.app[ASSISTANT]
    for secret in _secrets(request):
        if secret.count(".") == _DOTS_OF_A_TOKEN:
            if await _is_token(assistant, secret):
                return True
        elif await _is_key(assistant, secret, _needed_scope(request)):
            return True
    return False


def _secrets(request: web.Request) -> list[str]:
    """Returns what may be a credential; a browser's EventSource can send none but in its address."""
    authorization = request.headers.get(hdrs.AUTHORIZATION, "")
    bearer = authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""
    query = request.query
    found = (bearer, request.headers.get("X-API-Key", ""), query.get("token", ""), query.get("api_key", ""))
    return [secret for secret in found if secret]


async def _is_token(assistant: Assistant, token: str) -> bool:
    try:
        await assistant.identity.verify_token(token)
    except DomainError as error:
        if error.reason is not Reason.UNAUTHENTICATED:
            raise
        return False
    return True


def _needed_scope(request: web.Request) -> str:
    return "read" if request.method in {hdrs.METH_GET, hdrs.METH_HEAD} else "write"


async def _is_key(assistant: Assistant, secret: str, scope: str) -> bool:
    checks = await asyncio.gather(*(assistant.identity.verify_api_key(issuer, secret) for issuer in _ISSUERS))
    keys = [check.key for check in checks if check.key is not None]
    return any(not key.scopes or scope in key.scopes for key in keys)
