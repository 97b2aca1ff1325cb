"""Opens the database: checks that this process may and should use it, and sets SQLite up."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import BaseFileLock, FileLock, Timeout

from quintet_errors import DomainError, Reason
from quintet_session.stores.sqlite.failures import damaged, in_use, not_writable
from quintet_session.stores.sqlite.migrations import migrate

DATABASE_NAME = "quintet.db"
# STRICT tables are the newest thing that is used.
_OLDEST_SQLITE = (3, 37, 0)
# Uploads write megabytes at once; small checkpoints would write and sync the file for each of them.
_CHECKPOINT_PAGES = 4000
_LARGEST_IDLE_LOG_BYTES = 32 << 20
# Chunks of uploads and of documents are left out: they can be gigabytes, and reading them would hold up every start.
# So are usage records, of which a year can have millions; one that is lost or wrong costs a line of a statistic.
_CHECKED_TABLES = (
    "sessions",
    "messages",
    "message_ids",
    "appends",
    "jobs",
    "users",
    "sign_ins",
    "token_revocations",
    "user_revocations",
    "api_keys",
    "settings_documents",
    "settings_values",
    "settings_secrets",
    "knowledge_states",
    "knowledge_documents",
    "knowledge_references",
    "webhooks",
    "webhook_event_types",
    "webhook_events",
    "webhook_deliveries",
)

Synchronous = Literal["full", "normal"]


@dataclass(frozen=True)
class DatabaseOptions:
    """How to open a database.

    `synchronous` full survives a power cut, normal only the death of the process. `max_bytes` 0 means no limit but
    the disk's. `lock_wait_s` is how long a process that is being replaced has to let go of the file.
    """

    data_dir: Path
    synchronous: Synchronous = "full"
    max_bytes: int = 0
    lock_wait_s: float = 5.0

    @property
    def path(self) -> Path:
        """The database file."""
        return self.data_dir / DATABASE_NAME


def take_lock(options: DatabaseOptions) -> BaseFileLock:
    """Makes the data directory if needed and locks its database for this process.

    Leases of jobs live in the memory of one process, so two of them on one file would give a job away twice.

    Raises:
        DomainError: STORAGE_FAILED.
    """
    _check_folder(options)
    lock = FileLock(options.path.with_suffix(".lock"), thread_local=False)
    try:
        lock.acquire(timeout=options.lock_wait_s)
    except Timeout:
        raise in_use(options.path) from None
    except OSError as error:
        raise not_writable(options.path.with_suffix(".lock")) from error
    return lock


def open_writer(options: DatabaseOptions) -> sqlite3.Connection:
    """Opens the database for writing, creates or migrates it, and checks it.

    Raises:
        DomainError: STORAGE_FAILED.
        sqlite3.Error: if SQLite cannot open it.
        OSError: if the file cannot be made.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"SQLite {sqlite3.sqlite_version} is too old; run Quintet with a Python that has 3.37 or newer.",
        )
    # Conversations are nobody else's business; SQLite gives its log the same permissions.
    options.path.touch(mode=0o600)
    connection = _connect(f"file:{_quoted(options.path)}?mode=rw")
    try:
        # First, because a damaged database is to be left as it is.
        _check_integrity(connection, options.path)
        _configure_writer(connection, options)
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(options: DatabaseOptions) -> sqlite3.Connection:
    """Opens the database for reading."""
    connection = _connect(f"file:{_quoted(options.path)}?mode=ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    # Each connection is used by one thread at a time, but closed by another one.
    return sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)


def _quoted(path: Path) -> str:
    return path.absolute().as_uri().removeprefix("file://")


def _configure_writer(connection: sqlite3.Connection, options: DatabaseOptions) -> None:
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        # Lets purged uploads give their space back to the disk; later it would take a rewrite of the whole file.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"The file system of {options.data_dir} cannot hold a write-ahead log. Set QUINTET_SESSION_DATA_DIR to a "
            "folder on a local disk.",
        )
    connection.execute(f"PRAGMA synchronous = {options.synchronous.upper()}")
    # Some builds overwrite what is deleted, which would make the end of a 20 MiB upload as slow as its beginning.
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG_BYTES}")
    if options.max_bytes:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {options.max_bytes // page_size}")


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in tables.intersection(_CHECKED_TABLES):
        (verdict,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
        if verdict != "ok":
            raise damaged(path, str(verdict).splitlines()[-1])


def _check_folder(options: DatabaseOptions) -> None:
    folder = options.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"The data directory {folder} cannot be made ({error.strerror}). Make it and give it to the user that "
            "runs the session service, or set QUINTET_SESSION_DATA_DIR to another folder.",
        ) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise not_writable(folder)
    for path in (options.path, *(options.path.with_name(DATABASE_NAME + end) for end in ("-wal", "-shm"))):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise not_writable(path)
