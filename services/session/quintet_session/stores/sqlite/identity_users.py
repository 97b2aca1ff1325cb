# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on users. Each takes an open transaction."""

import sqlite3
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_session.identity_store import (
    Credentials,
    EmailAddress,
    NewUser,
    UserChange,
    UserPage,
    UserRecord,
    UserRemoval,
    UserUpdate,
)
from quintet_session.stores.sqlite import identity_api_keys, identity_revocations, identity_settings
from quintet_session.stores.sqlite.identity_revocations import Times

COLUMNS = "users.user_id, users.email, users.name, users.is_admin, users.generation, users.create_us, users.update_us"
_LONGEST_ECHO = 64


def not_found(user_id: str = "") -> DomainError:
    """Returns the error of a user that does not exist."""
    metadata = {"userId": user_id[:_LONGEST_ECHO]} if user_id else {}
    return DomainError(Reason.USER_NOT_FOUND, "The user does not exist.", metadata)


def create(connection: sqlite3.Connection, user: NewUser, now_us: int) -> UserRecord:
    """Stores a user."""
    try:
        row = connection.execute(
            "INSERT INTO users (user_id, email, email_key, name, is_admin, password_hash, create_us, update_us)"
            f" VALUES (:user_id, :email, :email_key, :name, :is_admin, :hash, :now_us, :now_us) RETURNING {COLUMNS}",
            {
                "user_id": user.user_id,
                **_address(user.address),
                "name": user.name,
                "is_admin": user.is_admin,
                "hash": user.password_hash,
                "now_us": now_us,
            },
        ).fetchone()
    except sqlite3.IntegrityError:
        raise _email_taken() from None
    return to_record(row)


def look_up(connection: sqlite3.Connection, user_id: str) -> UserRecord | None:
    """Returns one user, or None."""
    row = connection.execute(f"SELECT {COLUMNS} FROM users WHERE user_id = ?", (user_id,)).fetchone()
    return None if row is None else to_record(row)


def get(connection: sqlite3.Connection, user_id: str) -> UserRecord:
    """Returns one user."""
    user = look_up(connection, user_id)
    if user is None:
        raise not_found(user_id)
    return user


def find(connection: sqlite3.Connection, address: EmailAddress) -> UserRecord:
    """Returns the user with an address."""
    row = connection.execute(f"SELECT {COLUMNS} FROM users WHERE email_key = ?", (address.key,)).fetchone()
    if row is None:
        raise not_found()
    return to_record(row)


def credentials(connection: sqlite3.Connection, address: EmailAddress) -> Credentials | None:
    """Returns a user with the hash of the password."""
    row = connection.execute(
        f"SELECT {COLUMNS}, password_hash FROM users WHERE email_key = ?", (address.key,)
    ).fetchone()
    return None if row is None else Credentials(to_record(row[:-1]), row[-1])


def list_page(connection: sqlite3.Connection, limit: int, position: int | None) -> UserPage:
    """Lists users in the order of their creation."""
    rows = connection.execute(
        f"SELECT {COLUMNS}, user_key FROM users WHERE user_key > ? ORDER BY user_key LIMIT ?",
        (position or 0, limit + 1),
    ).fetchall()
    page = rows[:limit]
    return UserPage(tuple(to_record(row[:-1]) for row in page), page[-1][-1] if len(rows) > limit else None)


def update(connection: sqlite3.Connection, user_id: str, change: UserChange, times: Times) -> UserUpdate:
    """Changes a user, and revokes what the change makes invalid."""
    before = get(connection, user_id)
    if before.is_admin and change.is_admin is False and _admins(connection) == 1:
        raise DomainError(Reason.PERMISSION_DENIED, "The last administrator cannot lose this right.")
    revokes = change.password_hash is not None or change.is_admin not in (None, before.is_admin)
    user = _change(connection, user_id, change, before.generation + int(revokes), times.now_us)
    if change.password_hash is not None:
        identity_revocations.end_sign_ins(connection, user_id, change.kept_sign_in_id)
    if not revokes:
        return UserUpdate(user, None)
    return UserUpdate(user, identity_revocations.revoke_user(connection, user_id, user.generation, times))


def delete(connection: sqlite3.Connection, user_id: str, times: Times) -> UserRemoval:
    """Removes a user and what belongs to the user; API keys stay, revoked."""
    user = get(connection, user_id)
    if user.is_admin and _admins(connection) == 1:
        raise DomainError(Reason.PERMISSION_DENIED, "The last administrator cannot be deleted.")
    identity_revocations.end_sign_ins(connection, user_id)
    surfaces = identity_api_keys.revoke_of(connection, user_id, times.now_us)
    identity_settings.remove_of(connection, user_id)
    connection.execute("DELETE FROM users WHERE user_id = ?", (user_id,))
    return UserRemoval(
        identity_revocations.revoke_user(connection, user_id, user.generation + 1, times), tuple(surfaces)
    )


def has_admin(connection: sqlite3.Connection) -> bool:
    """Tells whether there is any administrator."""
    return _admins(connection) > 0


def replace_hash(connection: sqlite3.Connection, user_id: str, old: str, new: str) -> None:
    """Puts a new hash in the place of an old one."""
    connection.execute(
        "UPDATE users SET password_hash = ? WHERE user_id = ? AND password_hash = ?", (new, user_id, old)
    )


def to_record(row: tuple[Any, ...]) -> UserRecord:
    """Reads a row of COLUMNS."""
    user_id, email, name, is_admin, generation, create_us, update_us = row
    return UserRecord(user_id, email, name, bool(is_admin), generation, create_us, update_us)


def _change(
    connection: sqlite3.Connection, user_id: str, change: UserChange, generation: int, now_us: int
) -> UserRecord:
    address = {"email": None, "email_key": None} if change.address is None else _address(change.address)
    try:
        row = connection.execute(
            "UPDATE users SET email = coalesce(:email, email), email_key = coalesce(:email_key, email_key),"
            " name = coalesce(:name, name), is_admin = coalesce(:is_admin, is_admin),"
            " password_hash = coalesce(:hash, password_hash), generation = :generation, update_us = :now_us"
            f" WHERE user_id = :user_id RETURNING {COLUMNS}",
            {
                **address,
                "name": change.name,
                "is_admin": change.is_admin,
                "hash": change.password_hash,
                "generation": generation,
                "now_us": now_us,
                "user_id": user_id,
            },
        ).fetchone()
    except sqlite3.IntegrityError:
        raise _email_taken() from None
    return to_record(row)


def _address(address: EmailAddress) -> dict[str, str]:
    return {"email": address.text, "email_key": address.key}


def _admins(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM users WHERE is_admin = 1").fetchone()
    return int(count)


def _email_taken() -> DomainError:
    return DomainError(Reason.EMAIL_TAKEN, "There is an account with this e-mail address already.")
