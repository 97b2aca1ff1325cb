"""What SQLite's errors mean, as one sentence that says what to do."""

import shutil
import sqlite3
from pathlib import Path

from quintet_errors import DomainError, Reason

# Below this SQLite cannot extend its files, and says so with several codes.
_NO_SPACE_BYTES = 64 << 10
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def primary_code(error: sqlite3.Error) -> int:
    """Returns the primary result code of an error, 0 for errors that Python's module made."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def to_domain_error(error: sqlite3.Error, database: Path) -> DomainError:
    """Turns an error of SQLite into STORAGE_FULL or STORAGE_FAILED."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(database)):
        return storage_full()
    if code in _DAMAGED:
        return damaged(database, str(error))
    if code == sqlite3.SQLITE_READONLY:
        return not_writable(database)
    return DomainError(Reason.STORAGE_FAILED, "The store failed. The log of the session service says why.")


def storage_full() -> DomainError:
    """Returns the error of a store that cannot grow."""
    return DomainError(
        Reason.STORAGE_FULL, "The store has no space left. Free some space on its disk; nothing was stored half."
    )


def damaged(database: Path, detail: str) -> DomainError:
    """Returns the error of a database that cannot be trusted."""
    return DomainError(
        Reason.STORAGE_FAILED,
        f"The database {database} is damaged ({detail}). It was left as it is: put a backup in its place, or save "
        f'what can be saved with: sqlite3 {database} ".recover" | sqlite3 {database}.recovered',
    )


def not_writable(path: Path) -> DomainError:
    """Returns the error of a file or folder that this user may not write."""
    return DomainError(
        Reason.STORAGE_FAILED,
        f"{path} cannot be written by this user. Give it to the user that runs the session service (chown), or set "
        "QUINTET_SESSION_DATA_DIR to a folder of that user.",
    )


def in_use(database: Path) -> DomainError:
    """Returns the error of a database that another process has open."""
    return DomainError(
        Reason.STORAGE_FAILED,
        f"Another session service already uses {database}. Stop it first, or set QUINTET_SESSION_DATA_DIR to another "
        "folder.",
    )


def closed() -> DomainError:
    """Returns the error of a call to a store that is not open."""
    return DomainError(
        Reason.SERVICE_UNAVAILABLE, "The session service is starting or stopping. Try again in a moment."
    )


def _is_full(database: Path) -> bool:
    try:
        return shutil.disk_usage(database.parent).free < _NO_SPACE_BYTES
    except OSError:
        return False
