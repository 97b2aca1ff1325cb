# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on API keys. Each takes an open transaction."""

import sqlite3
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session.identity_store import ApiKeyPage, ApiKeyRecord, NewApiKey

_COLUMNS = "key_id, surface, owner, prefix, scopes, create_us, expire_us, revoke_us"
_VALID = "revoke_us IS NULL AND (expire_us IS NULL OR expire_us > :now_us)"


def create(connection: sqlite3.Connection, key: NewApiKey, now_us: int, *, owner_is_user: bool) -> ApiKeyRecord:
    """Stores a key."""
    if owner_is_user and not _is_user(connection, key.owner):
        raise DomainError(
            Reason.USER_NOT_FOUND, "API keys of this surface belong to users, and no user has the id of the owner."
        )
    row = connection.execute(
        "INSERT INTO api_keys (key_id, surface, owner, prefix, secret_hash, scopes, create_us, expire_us)"
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (
            key.key_id,
            key.surface,
            key.owner,
            key.prefix,
            key.secret_hash,
            " ".join(key.scopes),
            now_us,
            key.expire_us,
        ),
    ).fetchone()
    return _record(row)


def list_page(connection: sqlite3.Connection, surface: str, limit: int, position: int | None, owner: str) -> ApiKeyPage:
    """Lists keys, the newest first."""
    conditions = ["surface = :surface"]
    conditions += ["owner = :owner"] if owner else []
    conditions += [] if position is None else ["api_key < :position"]
    rows = connection.execute(
        f"SELECT {_COLUMNS}, api_key FROM api_keys WHERE {' AND '.join(conditions)} ORDER BY api_key DESC LIMIT :limit",
        {"surface": surface, "owner": owner, "position": position, "limit": limit + 1},
    ).fetchall()
    page = rows[:limit]
    return ApiKeyPage(tuple(_record(row[:-1]) for row in page), page[-1][-1] if len(rows) > limit else None)


def revoke(connection: sqlite3.Connection, surface: str, id_or_prefix: str, now_us: int) -> ApiKeyRecord:
    """Revokes a key by its id or its prefix."""
    rows = connection.execute(
        # Two questions with an index each; one with OR would read all keys of the surface.
        "SELECT api_key FROM api_keys WHERE surface = :surface AND key_id = :name"
        " UNION SELECT api_key FROM api_keys WHERE surface = :surface AND prefix = :name LIMIT 2",
        {"surface": surface, "name": id_or_prefix},
    ).fetchall()
    if not rows:
        raise DomainError(Reason.API_KEY_NOT_FOUND, "The surface has no API key with this id or prefix.")
    if len(rows) > 1:
        raise DomainError(
            Reason.INVALID_ARGUMENT, "Several API keys begin like this; name the key by its id.", {"field": "key_id"}
        )
    row = connection.execute(
        f"UPDATE api_keys SET revoke_us = coalesce(revoke_us, ?) WHERE api_key = ? RETURNING {_COLUMNS}",
        (now_us, rows[0][0]),
    ).fetchone()
    return _record(row)


def find_valid(
    connection: sqlite3.Connection, surface: str, secret_hash: bytes, now_us: int
) -> tuple[ApiKeyRecord | None, bool]:
    """Returns the valid key of a secret, and whether the surface ever had a key."""
    values = {"surface": surface, "secret_hash": secret_hash, "now_us": now_us}
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE secret_hash = :secret_hash AND surface = :surface AND {_VALID}", values
    ).fetchone()
    if row is not None:
        return _record(row), True
    (has_keys,) = connection.execute("SELECT EXISTS (SELECT 1 FROM api_keys WHERE surface = ?)", (surface,)).fetchone()
    return None, bool(has_keys)


def revoke_of(connection: sqlite3.Connection, owner: str, now_us: int) -> list[str]:
    """Revokes the keys of an owner and returns the surfaces that they opened."""
    # They are not removed: a surface whose last key was gone would take any key, and so this one again.
    rows = connection.execute("SELECT DISTINCT surface FROM api_keys WHERE owner = ?", (owner,)).fetchall()
    connection.execute("UPDATE api_keys SET revoke_us = ? WHERE owner = ? AND revoke_us IS NULL", (now_us, owner))
    return [surface for (surface,) in rows]


def _is_user(connection: sqlite3.Connection, user_id: str) -> bool:
    return connection.execute("SELECT 1 FROM users WHERE user_id = ?", (user_id,)).fetchone() is not None


def _record(row: tuple[Any, ...]) -> ApiKeyRecord:
    key_id, surface, owner, prefix, scopes, create_us, expire_us, revoke_us = row
    return ApiKeyRecord(key_id, surface, owner, prefix, tuple(scopes.split()), create_us, expire_us, revoke_us)
