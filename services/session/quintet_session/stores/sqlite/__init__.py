"""SQLite behind the `Store` protocol."""

from quintet_session.stores.sqlite.connection import DatabaseOptions, Synchronous
from quintet_session.stores.sqlite.store import SqliteStore

__all__ = ["DatabaseOptions", "SqliteStore", "Synchronous"]
