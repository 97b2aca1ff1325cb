# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on what is revoked, and the removal of what has expired. Each takes an open transaction."""

import sqlite3

from quintet_session.identity_store import REVOCATION_KEPT_US, Revocations, TokenRevocation, UserRevocation

_EXPIRING_TABLES = ("sign_ins", "token_revocations", "user_revocations")
_ROWS_A_STEP = 500


def end_sign_ins(connection: sqlite3.Connection, user_id: str, kept_sign_in_id: str = "") -> None:
    """Ends the sign-ins of a user, all but one."""
    connection.execute("DELETE FROM sign_ins WHERE user_id = ? AND sign_in_id != ?", (user_id, kept_sign_in_id))


def revoke_token(connection: sqlite3.Connection, token_id: str, now_us: int) -> TokenRevocation:
    """Revokes one access token."""
    (expire_us,) = connection.execute(
        "INSERT INTO token_revocations (token_id, expire_us) VALUES (?, ?)"
        " ON CONFLICT (token_id) DO UPDATE SET expire_us = max(expire_us, excluded.expire_us) RETURNING expire_us",
        (token_id, now_us + REVOCATION_KEPT_US),
    ).fetchone()
    return TokenRevocation(token_id, expire_us)


def revoke_user(connection: sqlite3.Connection, user_id: str, min_generation: int, now_us: int) -> UserRevocation:
    """Revokes the access tokens of a user that are older than a generation."""
    (expire_us,) = connection.execute(
        "INSERT INTO user_revocations (user_id, min_generation, expire_us) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET min_generation = excluded.min_generation,"
        " expire_us = max(expire_us, excluded.expire_us) RETURNING expire_us",
        (user_id, min_generation, now_us + REVOCATION_KEPT_US),
    ).fetchone()
    return UserRevocation(user_id, min_generation, expire_us)


def all_live(connection: sqlite3.Connection, now_us: int) -> Revocations:
    """Returns what is revoked and has not expired."""
    tokens = connection.execute("SELECT token_id, expire_us FROM token_revocations WHERE expire_us > ?", (now_us,))
    users = connection.execute(
        "SELECT user_id, min_generation, expire_us FROM user_revocations WHERE expire_us > ?", (now_us,)
    )
    return Revocations(
        tuple(TokenRevocation(*row) for row in tokens.fetchall()),
        tuple(UserRevocation(*row) for row in users.fetchall()),
    )


def is_revoked(connection: sqlite3.Connection, token_id: str, user_id: str, generation: int) -> bool:
    """Tells whether an access token was revoked."""
    (found,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM token_revocations WHERE token_id = ?)"
        " OR EXISTS (SELECT 1 FROM user_revocations WHERE user_id = ? AND min_generation > ?)",
        (token_id, user_id, generation),
    ).fetchone()
    return bool(found)


def purge_step(connection: sqlite3.Connection, now_us: int) -> bool:
    """Removes some expired rows of each table, and tells whether there were any."""
    removed = [
        connection.execute(
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE expire_us <= ? LIMIT {_ROWS_A_STEP})",
            (now_us,),
        ).rowcount
        for table in _EXPIRING_TABLES
    ]
    return any(removed)
