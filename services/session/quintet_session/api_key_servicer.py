"""The methods of quintet.identity.v1 about API keys."""

import secrets
import time

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_observability import get_logger
from quintet_rpc.context import Context
from quintet_session import identity_validation, page_tokens, validation
from quintet_session.access_tokens import digest, new_secret
from quintet_session.identity import Identity
from quintet_session.identity_store import ApiKeyRecord, NewApiKey
from quintet_session.identity_translate import api_keys_changed, to_api_key, to_user

_log = get_logger(__name__)

_PREFIXES = {"quillium": "ql_", "omni": "qo_", "nexus": "qn_"}
_OTHER_PREFIX = "qk_"
_VISIBLE = 11
_SURFACES_WITH_USERS = {"quillium"}


class ApiKeyMethods:
    """Creates, lists, revokes and checks API keys."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Context) -> pb.CreateApiKeyResponse:
        """Creates a key and shows it for the only time."""
        surface = identity_validation.surface(request.surface)
        secret = _PREFIXES.get(surface, _OTHER_PREFIX) + new_secret()
        key = NewApiKey(
            key_id=f"key_{secrets.token_hex(12)}",
            surface=surface,
            owner=identity_validation.owner(request.owner),
            prefix=secret[:_VISIBLE],
            scopes=identity_validation.scopes(request.scopes),
            expire_us=identity_validation.expire_us(request, time.time_ns() // 1000),
            secret_hash=digest(secret),
        )
        stored = await self._identity.watch.change(
            self._identity.store.create_api_key(key, owner_is_user=surface in _SURFACES_WITH_USERS), _tell
        )
        _log.info("api_key_created", key_id=stored.key_id, surface=surface)
        return pb.CreateApiKeyResponse(api_key=to_api_key(stored), secret=secret)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        """Returns one page of a surface's keys."""
        surface = identity_validation.surface(request.surface)
        listing = ("api_keys", surface, request.owner)
        page = await self._identity.store.list_api_keys(
            surface,
            validation.page_size(request.page_size),
            page_tokens.decode(request.page_token, *listing),
            request.owner,
        )
        return pb.ListApiKeysResponse(
            api_keys=[to_api_key(key) for key in page.keys],
            next_page_token=page_tokens.encode(page.next_position, *listing),
        )

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: Context) -> pb.RevokeApiKeyResponse:
        """Revokes a key."""
        surface = identity_validation.surface(request.surface)
        key_id = validation.required(request.key_id, "key_id", identity_validation.LONGEST_ID)
        key = await self._identity.watch.change(self._identity.store.revoke_api_key(surface, key_id), _tell)
        _log.info("api_key_revoked", key_id=key.key_id, surface=surface)
        return pb.RevokeApiKeyResponse(api_key=to_api_key(key))

    async def VerifyApiKey(self, request: pb.VerifyApiKeyRequest, context: Context) -> pb.VerifyApiKeyResponse:
        """Finds out whose key it is."""
        surface = identity_validation.surface(request.surface)
        secret = identity_validation.given(request.secret, "secret")
        check = await self._identity.store.check_api_key(surface, digest(secret))
        # Elsewhere owners are labels, and one that looks like the id of a user is a label all the same.
        user = check.user if surface in _SURFACES_WITH_USERS else None
        return pb.VerifyApiKeyResponse(
            api_key=None if check.key is None else to_api_key(check.key),
            surface_has_keys=check.surface_has_keys,
            user=None if user is None else to_user(user),
        )


def _tell(key: ApiKeyRecord) -> list[pb.WatchCredentialsResponse]:
    return [api_keys_changed(key.surface)]
