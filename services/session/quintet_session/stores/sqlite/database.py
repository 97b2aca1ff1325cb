"""One SQLite file: one writer, readers that do not wait. The record stores share it."""

import asyncio
import errno
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from filelock import BaseFileLock

from quintet_errors import DomainError, Reason
from quintet_observability import get_logger
from quintet_session.stores.sqlite.connection import DatabaseOptions, open_writer, take_lock
from quintet_session.stores.sqlite.failures import closed, not_writable, storage_full, to_domain_error
from quintet_session.stores.sqlite.readers import Readers
from quintet_session.stores.sqlite.writer import Writer

_log = get_logger(__name__)

ResultT = TypeVar("ResultT")
Operation = Callable[[sqlite3.Connection], ResultT]


def wall_clock_us() -> int:
    """Returns the present time in microseconds since 1970."""
    return time.time_ns() // 1000


class SqliteDatabase:
    """Opens, closes, reads and writes `quintet.db`; `now_us` is the clock of everything that is stored."""

    def __init__(
        self,
        options: DatabaseOptions,
        *,
        reader_threads: int = 4,
        heavy_reader_threads: int = 2,
        now_us: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._options = options
        self._reader_threads = reader_threads
        self._heavy_reader_threads = heavy_reader_threads
        self.now_us = now_us
        self._lock: BaseFileLock | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        # Of their own, because a few of these would leave no thread to those that take a millisecond.
        self._heavy_readers: Readers | None = None

    async def open(self) -> None:
        """Opens the file, brings it to the present schema and checks it.

        Raises:
            DomainError: STORAGE_FAILED with a sentence that says what to do, or STORAGE_FULL.
        """
        try:
            self._lock = await asyncio.to_thread(take_lock, self._options)
            connection = await asyncio.to_thread(open_writer, self._options)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except OSError as error:
            raise storage_full() if error.errno == errno.ENOSPC else not_writable(self._options.path) from error
        self._writer = Writer(connection)
        self._readers = Readers(self._options, self._reader_threads)
        self._heavy_readers = Readers(self._options, self._heavy_reader_threads)

    async def close(self) -> None:
        """Finishes what was begun and gives the file free."""
        for readers in (self._heavy_readers, self._readers):
            if readers is not None:
                await readers.close()
        if self._writer is not None:
            await self._writer.close()
        if self._lock is not None:
            with suppress(OSError):
                self._lock.release()

    async def write(self, operation: Operation[ResultT], *, weight_bytes: int = 0, bulk: bool = False) -> ResultT:
        """Runs `operation` in a transaction and returns its result when that is durable; see `Writer.run`.

        Raises:
            DomainError: STORAGE_FULL, STORAGE_FAILED, or what the operation raised.
        """
        if self._writer is None:
            raise closed()
        try:
            return await self._writer.run(operation, weight_bytes=weight_bytes, bulk=bulk)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    async def read(self, operation: Operation[ResultT], *, heavy: bool = False) -> ResultT:
        """Runs `operation` on one snapshot and returns its result; `heavy` ones have threads of their own.

        Raises:
            DomainError: STORAGE_FAILED, or what the operation raised.
        """
        readers = self._heavy_readers if heavy else self._readers
        if readers is None:
            raise closed()
        try:
            return await readers.run(operation)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> DomainError:
        failure = to_domain_error(error, self._options.path)
        name = getattr(error, "sqlite_errorname", "")
        if failure.reason is Reason.STORAGE_FULL:
            _log.warning("store_full", sqlite=name)
        else:
            _log.error("store_failed", sqlite=name, exc_info=error)
        return failure
