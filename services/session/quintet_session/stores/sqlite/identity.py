# ruff: noqa: D102 - the methods are documented at the protocol
"""Users, sign-ins, API keys, settings and revocations in SQLite."""

import sqlite3
import time
from collections.abc import Callable

from quintet_session.identity_store import (
    ApiKeyCheck,
    ApiKeyPage,
    ApiKeyRecord,
    Credentials,
    EmailAddress,
    NewApiKey,
    NewSignIn,
    NewUser,
    Revocations,
    SettingsChange,
    SettingsKey,
    SettingsLimits,
    SettingsRecord,
    SignInRecord,
    TokenRevocation,
    UserChange,
    UserPage,
    UserRecord,
    UserRemoval,
    UserUpdate,
)
from quintet_session.stores.sqlite import (
    identity_api_keys,
    identity_revocations,
    identity_settings,
    identity_sign_ins,
    identity_users,
)
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.identity_revocations import Times


class SqliteIdentity:
    """Keeps what is known of people. Methods are documented at `IdentityStore`."""

    def __init__(self, database: SqliteDatabase, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now_s = now_s

    async def open(self) -> None:
        """Takes over what earlier processes revoked; to be called once, when the database is open."""
        await self._database.write(
            lambda connection: identity_revocations.keep_from(connection, self._times().monotonic_us)
        )

    async def create_user(self, user: NewUser, sign_in: NewSignIn | None = None) -> UserRecord:
        def create(connection: sqlite3.Connection) -> UserRecord:
            now_us = self._database.now_us()
            record = identity_users.create(connection, user, now_us)
            if sign_in is not None:
                identity_sign_ins.begin(connection, sign_in, now_us)
            return record

        return await self._database.write(create)

    async def get_user(self, user_id: str) -> UserRecord:
        return await self._database.read(lambda connection: identity_users.get(connection, user_id))

    async def find_user(self, address: EmailAddress) -> UserRecord:
        return await self._database.read(lambda connection: identity_users.find(connection, address))

    async def credentials(self, address: EmailAddress) -> Credentials | None:
        return await self._database.read(lambda connection: identity_users.credentials(connection, address))

    async def list_users(self, limit: int, position: int | None = None) -> UserPage:
        return await self._database.read(lambda connection: identity_users.list_page(connection, limit, position))

    async def update_user(self, user_id: str, change: UserChange) -> UserUpdate:
        return await self._database.write(
            lambda connection: identity_users.update(connection, user_id, change, self._times())
        )

    async def delete_user(self, user_id: str) -> UserRemoval:
        return await self._database.write(lambda connection: identity_users.delete(connection, user_id, self._times()))

    async def has_admin(self) -> bool:
        return await self._database.read(identity_users.has_admin)

    async def replace_password_hash(self, user_id: str, old: str, new: str) -> None:
        await self._database.write(lambda connection: identity_users.replace_hash(connection, user_id, old, new))

    async def begin_sign_in(self, sign_in: NewSignIn) -> UserRecord | None:
        return await self._database.write(
            lambda connection: identity_sign_ins.begin(connection, sign_in, self._database.now_us())
        )

    async def find_sign_in(self, token_hash: bytes) -> SignInRecord | None:
        return await self._database.read(
            lambda connection: identity_sign_ins.find(connection, token_hash, self._database.now_us())
        )

    async def end_sign_ins(self, user_id: str, token_id: str) -> TokenRevocation | None:
        def end(connection: sqlite3.Connection) -> TokenRevocation | None:
            identity_revocations.end_sign_ins(connection, user_id)
            if not token_id:
                return None
            return identity_revocations.revoke_token(connection, token_id, self._times())

        return await self._database.write(end)

    async def revocations(self) -> Revocations:
        return await self._database.read(identity_revocations.all_kept)

    async def is_revoked(self, token_id: str, user_id: str, generation: int) -> bool:
        return await self._database.read(
            lambda connection: identity_revocations.is_revoked(connection, token_id, user_id, generation)
        )

    async def purge_step(self) -> bool:
        return await self._database.write(lambda connection: identity_revocations.purge_step(connection, self._times()))

    async def create_api_key(self, key: NewApiKey, *, owner_is_user: bool) -> ApiKeyRecord:
        return await self._database.write(
            lambda connection: identity_api_keys.create(
                connection, key, self._database.now_us(), owner_is_user=owner_is_user
            )
        )

    async def list_api_keys(self, surface: str, limit: int, position: int | None = None, owner: str = "") -> ApiKeyPage:
        return await self._database.read(
            lambda connection: identity_api_keys.list_page(connection, surface, limit, position, owner)
        )

    async def revoke_api_key(self, surface: str, id_or_prefix: str) -> ApiKeyRecord:
        return await self._database.write(
            lambda connection: identity_api_keys.revoke(connection, surface, id_or_prefix, self._database.now_us())
        )

    async def check_api_key(self, surface: str, secret_hash: bytes) -> ApiKeyCheck:
        def check(connection: sqlite3.Connection) -> ApiKeyCheck:
            key, has_keys = identity_api_keys.find_valid(connection, surface, secret_hash, self._database.now_us())
            owner = None if key is None else identity_users.look_up(connection, key.owner)
            return ApiKeyCheck(key, has_keys, owner)

        return await self._database.read(check)

    async def get_settings(self, key: SettingsKey) -> SettingsRecord:
        return await self._database.read(lambda connection: identity_settings.get(connection, key))

    async def update_settings(self, key: SettingsKey, change: SettingsChange, limits: SettingsLimits) -> SettingsRecord:
        return await self._database.write(
            lambda connection: identity_settings.update(connection, key, change, limits, self._database.now_us())
        )

    def _times(self) -> Times:
        return Times(self._database.now_us(), int(self._now_s() * 1e6))
