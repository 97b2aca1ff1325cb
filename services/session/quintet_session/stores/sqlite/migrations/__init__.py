"""Brings a database to the present schema, one numbered file after the other."""

import sqlite3
from importlib import resources

from quintet_errors import DomainError, Reason


def migrate(connection: sqlite3.Connection) -> None:
    """Applies each file whose number is above the database's `user_version`, each in a transaction of its own.

    Raises:
        DomainError: STORAGE_FAILED if the database is newer than this program.
    """
    scripts = _scripts()
    version = schema_version(connection)
    if version > max(scripts):
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"The database was written by a newer Quintet (schema {version}, this program knows {max(scripts)}). "
            "Start the newer program, or restore a backup that was made before the update.",
        )
    for number in sorted(scripts):
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{scripts[number]}\nPRAGMA user_version = {number};\nCOMMIT;")


def schema_version(connection: sqlite3.Connection) -> int:
    """Returns the number of the last migration that was applied, 0 for none."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _scripts() -> dict[int, str]:
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".sql"))
    return {int(entry.name.split("_")[0]): entry.read_text(encoding="utf-8") for entry in files}
