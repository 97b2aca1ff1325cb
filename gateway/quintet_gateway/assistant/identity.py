"""People: sign-in, tokens, API keys, profiles and settings."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from quintet.identity.v1.identity_service_pb2 import (
    ApiKey,
    Settings,
    UpdateUserRequest,
    User,
    WatchCredentialsResponse,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.credential_cache import ApiKeyCache, KnownCredentials
from quintet_gateway.assistant.credential_watch import CredentialWatch
from quintet_gateway.assistant.identity_records import Caller, KeyCheck, SettingsDocument, SignedIn
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.clients.identity import IdentityClient
from quintet_tokens import refusal

_LONGEST_TOKEN = 4096
_LONGEST_SECRET = 256
# A service that starts again is back within this; whoever waits holds up one connection.
_WATCH_AWAITED_S = 1.0


class Identity:
    """Checks credentials without a round trip as long as the service's watch is fresh, and asks the service else."""

    def __init__(self, client: IdentityClient, contact: SessionContact | None = None) -> None:
        self._client = client
        self._known = KnownCredentials()
        self._keys = ApiKeyCache()
        self._watch = CredentialWatch(client, self._apply, self._known.lose, contact or SessionContact())

    def start(self) -> None:
        """Begins to watch what is revoked."""
        self._watch.start()

    async def close(self) -> None:
        """Ends the watch."""
        await self._watch.close()

    def _apply(self, event: WatchCredentialsResponse) -> None:
        self._keys.apply(event)
        self._known.apply(event)

    async def verify_token(self, token: str) -> Caller:
        """Returns whose access token it is.

        Raises:
            DomainError: UNAUTHENTICATED; the service's own errors if it has to be asked.
        """
        if not token or len(token) > _LONGEST_TOKEN or not token.isascii():
            raise refusal()
        if not self._known.fresh:
            return await self._ask_whose(token)
        claims = self._known.claims(token)
        caller = Caller(
            claims.user_id,
            claims.email,
            claims.is_admin,
            claims.token_id,
            claims.sign_in_id,
            generation=claims.generation,
        )
        if self._known.is_revoked(caller):
            raise refusal()
        return caller

    async def _ask_whose(self, token: str) -> Caller:
        said = await self._client.verify_access_token(token)
        return Caller(
            said.user_id, said.email, said.is_admin, said.token_id, said.sign_in_id, generation=said.generation
        )

    async def confirm(self, caller: Caller) -> None:
        """Checks that a caller who was let in earlier still may be; the end of the token's own life does not matter.

        Raises:
            DomainError: UNAUTHENTICATED, or SERVICE_UNAVAILABLE if what is revoked has not been known for a while.
        """
        if not self._known.is_revoked(caller) and not self._known.fresh:
            # The service could be asked whether there is such a user, but not whether this one token was revoked.
            await self._wait_for_watch()
        if self._known.is_revoked(caller):
            raise refusal()

    async def _wait_for_watch(self) -> None:
        try:
            async with asyncio.timeout(_WATCH_AWAITED_S):
                await self._known.heard()
        except TimeoutError:
            raise DomainError(
                Reason.SERVICE_UNAVAILABLE, "Credentials cannot be checked at present. Try again in a moment."
            ) from None

    async def revoked(self, caller: Caller) -> None:
        """Returns once the access token of a caller was revoked, by itself or with all of the user's."""
        await self._known.revoked(caller)

    def known_api_key(self, surface: str, secret: str) -> KeyCheck | None:
        """Returns whose API key it is, None if only the service could tell."""
        return self._keys.find(surface, secret) if self._known.fresh else None

    async def verify_api_key(self, surface: str, secret: str) -> KeyCheck:
        """Finds out whose API key it is; one that is not valid is no error.

        Raises:
            DomainError: the service's own errors if it has to be asked.
        """
        known = self.known_api_key(surface, secret)
        if known is not None:
            return known
        changes = self._keys.changes
        # No key of ours is that long or holds other characters; a text of this form still gets the right answer.
        asked = secret.encode("ascii", "replace")[:_LONGEST_SECRET].decode("ascii")
        said = await self._client.verify_api_key(surface, asked)
        check = KeyCheck(
            said.api_key if said.HasField("api_key") else None,
            said.surface_has_keys,
            said.user if said.HasField("user") else None,
        )
        if self._known.fresh:
            self._keys.remember(surface, secret, check, changes)
        return check

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Checks a password and begins a sign-in.

        Raises:
            DomainError: UNAUTHENTICATED, the same for an unknown address and a wrong password.
        """
        said = await self._client.sign_in(email, password)
        return SignedIn(said.tokens, said.user)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Returns a new access token for a refresh token.

        Raises:
            DomainError: UNAUTHENTICATED.
        """
        said = await self._client.refresh(refresh_token)
        return SignedIn(said.tokens, said.user)

    async def sign_out(self, user_id: str, token_id: str = "") -> None:
        """Ends all sign-ins of a user; the access token with the id stops working at once."""
        await self._client.sign_out(user_id, token_id)
        if token_id:
            self._known.revoke(token_id)

    async def register(self, email: str, password: str, name: str = "") -> SignedIn:
        """Creates a user who is signed in, or neither.

        Raises:
            DomainError: EMAIL_TAKEN, INVALID_ARGUMENT or MISSING_FIELD.
        """
        said = await self._client.register(email, password, name)
        return SignedIn(said.tokens, said.user)

    async def user(self, user_id: str) -> User:
        """Returns a user.

        Raises:
            DomainError: USER_NOT_FOUND.
        """
        return await self._client.user(user_id)

    async def update_user(
        self,
        user_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        password: str | None = None,
        is_admin: bool | None = None,
        kept_sign_in_id: str = "",
    ) -> User:
        """Changes what is not None; a new password ends every sign-in but the one that is named.

        Raises:
            DomainError: USER_NOT_FOUND, EMAIL_TAKEN or INVALID_ARGUMENT.
        """
        request = UpdateUserRequest(
            user_id=user_id,
            email=email,
            name=name,
            password=password,
            is_admin=is_admin,
            kept_sign_in_id=kept_sign_in_id,
        )
        return await self._client.update_user(request)

    async def create_api_key(self, surface: str, owner: str, scopes: Sequence[str] = ()) -> tuple[ApiKey, str]:
        """Creates an API key and returns it with its secret, which is never seen again."""
        said = await self._client.create_api_key(surface, owner, scopes)
        return said.api_key, said.secret

    async def settings(self, surface: str, subject: str) -> SettingsDocument:
        """Returns the settings of `subject` on a surface; those that were never written are empty."""
        return _document(await self._client.settings(surface, subject))

    async def update_settings(
        self, surface: str, subject: str, values: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> SettingsDocument:
        """Sets some values (anything that JSON can hold) and secrets; an empty secret removes one."""
        texts = {name: json.dumps(value) for name, value in values.items()}
        return _document(await self._client.update_settings(surface, subject, texts, secrets or {}))


def _document(settings: Settings) -> SettingsDocument:
    return SettingsDocument(
        {name: json.loads(text) for name, text in settings.values.items()},
        frozenset(settings.secret_names),
        settings.update_time if settings.HasField("update_time") else None,
    )
