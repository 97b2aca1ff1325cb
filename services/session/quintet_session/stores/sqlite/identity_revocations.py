# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on what is revoked, and the removal of what has expired. Each takes an open transaction."""

import sqlite3
from dataclasses import dataclass

from quintet_session.identity_store import REVOCATION_KEPT_US, Revocations, TokenRevocation, UserRevocation

_REVOCATION_TABLES = ("token_revocations", "user_revocations")
_ROWS_A_STEP = 500


@dataclass(frozen=True)
class Times:
    """The present time on the wall clock, and on one that nobody sets."""

    now_us: int
    monotonic_us: int


def end_sign_ins(connection: sqlite3.Connection, user_id: str, kept_sign_in_id: str = "") -> None:
    """Ends the sign-ins of a user, all but one."""
    connection.execute("DELETE FROM sign_ins WHERE user_id = ? AND sign_in_id != ?", (user_id, kept_sign_in_id))


def keep_from(connection: sqlite3.Connection, monotonic_us: int) -> None:
    """Counts the time that the revocations of earlier processes are kept on the clock of this one."""
    for table in _REVOCATION_TABLES:
        connection.execute(f"UPDATE {table} SET kept_from_us = ?", (monotonic_us,))


def revoke_token(connection: sqlite3.Connection, token_id: str, times: Times) -> TokenRevocation:
    """Revokes one access token."""
    (expire_us,) = connection.execute(
        "INSERT INTO token_revocations (token_id, expire_us, kept_from_us) VALUES (?, ?, ?)"
        " ON CONFLICT (token_id) DO UPDATE SET expire_us = max(expire_us, excluded.expire_us),"
        " kept_from_us = excluded.kept_from_us RETURNING expire_us",
        (token_id, times.now_us + REVOCATION_KEPT_US, times.monotonic_us),
    ).fetchone()
    return TokenRevocation(token_id, expire_us)


def revoke_user(connection: sqlite3.Connection, user_id: str, min_generation: int, times: Times) -> UserRevocation:
    """Revokes the access tokens of a user that are older than a generation."""
    (expire_us,) = connection.execute(
        "INSERT INTO user_revocations (user_id, min_generation, expire_us, kept_from_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET min_generation = excluded.min_generation,"
        " expire_us = max(expire_us, excluded.expire_us), kept_from_us = excluded.kept_from_us RETURNING expire_us",
        (user_id, min_generation, times.now_us + REVOCATION_KEPT_US, times.monotonic_us),
    ).fetchone()
    return UserRevocation(user_id, min_generation, expire_us)


def all_kept(connection: sqlite3.Connection) -> Revocations:
    """Returns all that is kept, also what has expired if the clock of the moment is right."""
    tokens = connection.execute("SELECT token_id, expire_us FROM token_revocations")
    users = connection.execute("SELECT user_id, min_generation, expire_us FROM user_revocations")
    return Revocations(
        tuple(TokenRevocation(*row) for row in tokens.fetchall()),
        tuple(UserRevocation(*row) for row in users.fetchall()),
    )


def is_revoked(connection: sqlite3.Connection, token_id: str, user_id: str, generation: int) -> bool:
    """Tells whether an access token was revoked, by itself, with others of the user, or with the user."""
    (valid,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM users WHERE user_id = ? AND generation <= ?)"
        " AND NOT EXISTS (SELECT 1 FROM token_revocations WHERE token_id = ?)",
        (user_id, generation, token_id),
    ).fetchone()
    return not valid


def purge_step(connection: sqlite3.Connection, times: Times) -> bool:
    """Removes some expired rows of each table, and tells whether there were any."""
    kept_from_us = times.monotonic_us - REVOCATION_KEPT_US
    removed = [_purge(connection, "sign_ins", "expire_us <= ?", times.now_us)]
    # The wall clock alone is not believed: were it ahead for a moment, revoked tokens would come back to life.
    removed += [
        _purge(connection, table, "expire_us <= ? AND kept_from_us <= ?", times.now_us, kept_from_us)
        for table in _REVOCATION_TABLES
    ]
    return any(removed)


def _purge(connection: sqlite3.Connection, table: str, condition: str, *values: int) -> int:
    chosen = f"SELECT rowid FROM {table} WHERE {condition} LIMIT {_ROWS_A_STEP}"
    return connection.execute(f"DELETE FROM {table} WHERE rowid IN ({chosen})", values).rowcount
