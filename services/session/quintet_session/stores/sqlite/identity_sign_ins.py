# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on sign-ins. Each takes an open transaction."""

import sqlite3

from quintet_session.identity_store import NewSignIn, SignInRecord, UserRecord
from quintet_session.stores.sqlite import identity_users


def begin(connection: sqlite3.Connection, sign_in: NewSignIn, now_us: int) -> UserRecord | None:
    """Stores a sign-in unless the password was changed while it was checked."""
    user = identity_users.look_up(connection, sign_in.user_id)
    if user is None or user.generation != sign_in.generation:
        return None
    connection.execute(
        "INSERT INTO sign_ins (sign_in_id, user_id, token_hash, create_us, expire_us) VALUES (?, ?, ?, ?, ?)",
        (sign_in.sign_in_id, sign_in.user_id, sign_in.token_hash, now_us, now_us + sign_in.lifetime_us),
    )
    return user


def find(connection: sqlite3.Connection, token_hash: bytes, now_us: int) -> SignInRecord | None:
    """Returns the sign-in of a refresh token that has not expired."""
    row = connection.execute(
        f"SELECT {identity_users.COLUMNS}, sign_in_id FROM sign_ins JOIN users USING (user_id)"
        " WHERE token_hash = ? AND expire_us > ?",
        (token_hash, now_us),
    ).fetchone()
    return None if row is None else SignInRecord(row[-1], identity_users.to_record(row[:-1]))
