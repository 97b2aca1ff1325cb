"""Settings of users, and of the whole surface."""

from collections.abc import Mapping

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Identity
from quintet_gateway.dialects.quillium import schemas, translate
from quintet_gateway.dialects.quillium.access import SURFACE, administrator_of, caller_of
from quintet_gateway.dialects.quillium.routes.endpoint import Endpoint

_ADMIN = "admin"
_VARIABLES = {"OPENAI_BASE_URL": "openai_base_url", "OPENAI_API_KEY": "openai_api_key"}


class Settings:
    """The endpoints of settings; `environment` is that of the process, of which only names are told."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._env_overrides = sorted(name for variable, name in _VARIABLES.items() if environment.get(variable))

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            ("GET", "/settings/user", _user_settings),
            ("PUT", "/settings/user", _change_user_settings),
            ("GET", "/settings/admin", self._admin_settings),
            ("PUT", "/settings/admin", self._change_admin_settings),
        ]

    async def _admin_settings(self, request: web.Request) -> web.Response:
        administrator_of(request)
        found = await request.app[ASSISTANT].identity.settings(SURFACE, _ADMIN)
        return web.json_response(translate.admin_settings(found, self._env_overrides))

    async def _change_admin_settings(self, request: web.Request) -> web.Response:
        administrator_of(request)
        fields = await schemas.read_object(request)
        texts, flags = tuple(translate.ADMIN_TEXTS), tuple(translate.ADMIN_FLAGS)
        values, secrets = schemas.read_admin_settings(fields, texts, flags, translate.ADMIN_SECRETS)
        # What this surface shows in the place of a secret comes back when a client stores all that it was shown.
        secrets = {name: secret for name, secret in secrets.items() if secret != translate.MASK}
        identity = request.app[ASSISTANT].identity
        if values or secrets:
            await identity.update_settings(SURFACE, _ADMIN, values, secrets)
        found = await identity.settings(SURFACE, _ADMIN)
        return web.json_response(translate.admin_settings(found, self._env_overrides))


async def sign_ups_enabled(identity: Identity) -> bool:
    """Tells whether anybody may register."""
    found = await identity.settings(SURFACE, _ADMIN)
    return found.values.get("enable_sign_ups", translate.ADMIN_FLAGS["enable_sign_ups"]) is True


async def default_model(identity: Identity) -> str:
    """Returns the model of chats whose creator named none."""
    found = await identity.settings(SURFACE, _ADMIN)
    return str(found.values.get("llm_profile_balanced") or translate.ADMIN_TEXTS["llm_profile_balanced"])


async def _user_settings(request: web.Request) -> web.Response:
    return await _answer_with_settings(request, caller_of(request).user_id)


async def _change_user_settings(request: web.Request) -> web.Response:
    caller = caller_of(request)
    values = schemas.read_user_settings(await schemas.read_object(request))
    if values:
        await request.app[ASSISTANT].identity.update_settings(SURFACE, caller.user_id, values)
    return await _answer_with_settings(request, caller.user_id)


async def _answer_with_settings(request: web.Request, user_id: str) -> web.Response:
    identity = request.app[ASSISTANT].identity
    user = await identity.user(user_id)
    return web.json_response(translate.user_settings(await identity.settings(SURFACE, user_id), user.create_time))
