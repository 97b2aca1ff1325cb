"""What the methods of quintet.identity.v1 share, and how it is made ready."""

import asyncio
import secrets
from pathlib import Path

from argon2 import PasswordHasher

from quintet.identity.v1.identity_service_pb2 import TokenPair
from quintet_errors import DomainError, Reason
from quintet_observability import get_logger
from quintet_session import identity_validation
from quintet_session.access_tokens import AccessTokens, digest, new_secret
from quintet_session.credential_watch import CredentialWatch
from quintet_session.identity_store import (
    FIRST_GENERATION,
    EmailAddress,
    IdentityStore,
    NewSignIn,
    NewUser,
    UserRecord,
)
from quintet_session.passwords import Passwords
from quintet_session.secret_box import SecretBox
from quintet_session.settings import SessionSettings
from quintet_session.signing_key import load_signing_key

_log = get_logger(__name__)


class Identity:
    """The store of identities with passwords, tokens and watchers; open it after the store."""

    def __init__(self, store: IdentityStore, settings: SessionSettings) -> None:
        self.store = store
        self.passwords = Passwords(
            PasswordHasher(time_cost=settings.password_time_cost, memory_cost=settings.password_memory_kib)
        )
        self.watch = CredentialWatch()
        self._refresh_lifetime_us = settings.refresh_lifetime_d * 86_400 * 1_000_000
        self._settings = settings
        self._tokens: AccessTokens | None = None
        self._secret_box: SecretBox | None = None

    @property
    def tokens(self) -> AccessTokens:
        """Makes and checks access tokens; raises SERVICE_UNAVAILABLE before `open`."""
        if self._tokens is None:
            raise _not_open()
        return self._tokens

    @property
    def secret_box(self) -> SecretBox:
        """Encrypts secrets; raises SERVICE_UNAVAILABLE before `open`."""
        if self._secret_box is None:
            raise _not_open()
        return self._secret_box

    async def open(self) -> None:
        """Loads the key, and makes the first administrator if one is asked for and there is none.

        Raises:
            DomainError: with one sentence that says what to do.
        """
        given = self._settings.token_key.get_secret_value()
        key = await asyncio.to_thread(load_signing_key, given, Path(self._settings.data_dir))
        await self.passwords.open()
        self._secret_box = SecretBox(key)
        self._tokens = AccessTokens(key, self._settings.token_lifetime_s)
        await self._ensure_admin()

    async def close(self) -> None:
        """Finishes what was begun; the store may be closed afterwards."""
        await self.watch.close()
        await self.passwords.close()

    async def add_user(self, address: EmailAddress, password: str, name: str, *, is_admin: bool) -> UserRecord:
        """Stores a user; raises EMAIL_TAKEN, or ENGINE_BUSY if too many passwords are being hashed."""
        user = await self.store.create_user(await self._new_user(address, password, name, is_admin=is_admin))
        _log.info("user_created", user_id=user.user_id, is_admin=is_admin)
        return user

    async def register(
        self, address: EmailAddress, password: str, name: str, *, is_admin: bool
    ) -> tuple[UserRecord, TokenPair]:
        """Stores a user who is signed in, or neither; raises what `add_user` does."""
        new_user = await self._new_user(address, password, name, is_admin=is_admin)
        sign_in, refresh_token = self.new_sign_in(new_user.user_id, FIRST_GENERATION)
        user = await self.store.create_user(new_user, sign_in)
        _log.info("user_created", user_id=user.user_id, is_admin=is_admin)
        return user, self.tokens.pair(user, sign_in.sign_in_id, refresh_token)

    def new_sign_in(self, user_id: str, generation: int) -> tuple[NewSignIn, str]:
        """Returns a sign-in to be stored, and its refresh token."""
        refresh_token = new_secret()
        sign_in = NewSignIn(
            sign_in_id=secrets.token_hex(16),
            user_id=user_id,
            generation=generation,
            lifetime_us=self._refresh_lifetime_us,
            token_hash=digest(refresh_token),
        )
        return sign_in, refresh_token

    async def _new_user(self, address: EmailAddress, password: str, name: str, *, is_admin: bool) -> NewUser:
        password_hash = await self.passwords.hash(password)
        return NewUser(f"user_{secrets.token_hex(12)}", address, name, is_admin, password_hash)

    async def _ensure_admin(self) -> None:
        email, password = self._settings.admin_email, self._settings.admin_password.get_secret_value()
        if not (email or password) or await self.store.has_admin():
            return
        try:
            address = identity_validation.email(email)
            password = identity_validation.new_password(password)
            await self.add_user(address, password, default_name(address), is_admin=True)
        except DomainError as error:
            raise DomainError(
                error.reason,
                f"The first administrator cannot be made from ADMIN_EMAIL and ADMIN_PASSWORD: {error.message}",
                error.metadata,
            ) from error


def default_name(address: EmailAddress) -> str:
    """Returns the part of an address before the `@`, as far as a name may be long."""
    return address.text.rpartition("@")[0][: identity_validation.LONGEST_NAME]


def _not_open() -> DomainError:
    return DomainError(Reason.SERVICE_UNAVAILABLE, "The session service is starting. Try again in a moment.")
