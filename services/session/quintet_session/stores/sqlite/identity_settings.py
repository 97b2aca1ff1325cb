# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Operations on settings documents. Each takes an open transaction."""

import sqlite3
from collections.abc import Mapping

from quintet_errors import DomainError, Reason
from quintet_session.identity_store import SettingsChange, SettingsKey, SettingsLimits, SettingsRecord

_TABLES = ("settings_documents", "settings_values", "settings_secrets")
_KEY = "surface = ? AND subject = ?"


def get(connection: sqlite3.Connection, key: SettingsKey) -> SettingsRecord:
    """Returns a document."""
    named = (key.surface, key.subject)
    values = connection.execute(f"SELECT name, value FROM settings_values WHERE {_KEY} ORDER BY name", named)
    secrets = connection.execute(f"SELECT name FROM settings_secrets WHERE {_KEY} ORDER BY name", named)
    written = connection.execute(f"SELECT update_us FROM settings_documents WHERE {_KEY}", named).fetchone()
    return SettingsRecord(
        dict(values.fetchall()), tuple(name for (name,) in secrets.fetchall()), None if written is None else written[0]
    )


def update(
    connection: sqlite3.Connection, key: SettingsKey, change: SettingsChange, limits: SettingsLimits, now_us: int
) -> SettingsRecord:
    """Changes a document."""
    named = (key.surface, key.subject)
    connection.execute("INSERT OR REPLACE INTO settings_documents VALUES (?, ?, ?)", (*named, now_us))
    _replace(connection, "settings_values", named, change.values)
    _replace(connection, "settings_secrets", named, change.secrets)
    document = get(connection, key)
    _check(document, limits)
    return document


def remove_of(connection: sqlite3.Connection, subject: str) -> None:
    """Removes the documents of a subject on all surfaces."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE subject = ?", (subject,))


def _replace(
    connection: sqlite3.Connection, table: str, named: tuple[str, str], entries: Mapping[str, str | bytes | None]
) -> None:
    connection.executemany(f"DELETE FROM {table} WHERE {_KEY} AND name = ?", [(*named, name) for name in entries])
    connection.executemany(
        f"INSERT INTO {table} VALUES (?, ?, ?, ?)",
        [(*named, name, entry) for name, entry in entries.items() if entry is not None],
    )


def _check(document: SettingsRecord, limits: SettingsLimits) -> None:
    value_bytes = sum(len(value.encode()) for value in document.values.values())
    entries = len(document.values) + len(document.secret_names)
    if entries > limits.entries or value_bytes > limits.value_bytes:
        raise DomainError(
            Reason.PAYLOAD_TOO_LARGE,
            f"A settings document may have at most {limits.entries} entries and {limits.value_bytes} bytes of values.",
            {"maxBytes": str(limits.value_bytes), "receivedBytes": str(value_bytes)},
        )
