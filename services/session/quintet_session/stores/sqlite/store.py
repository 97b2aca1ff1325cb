# ruff: noqa: D102 - the methods are documented at the protocol
"""The SQLite implementation of `Store`: one file, one writer, readers that do not wait."""

import asyncio
import errno
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from filelock import BaseFileLock

from quintet_errors import DomainError, Reason
from quintet_observability import get_logger
from quintet_session.store import (
    Append,
    Appended,
    Blob,
    JobFailure,
    JobRecord,
    Lease,
    MessageListing,
    MessagePage,
    NewJob,
    Scope,
    SessionPage,
    SessionRecord,
)
from quintet_session.stores.sqlite import blobs, jobs, messages, retention, sessions
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


def _nothing(_connection: sqlite3.Connection) -> None:
    pass


class SqliteStore:
    """Keeps everything in `quintet.db`. Methods are documented at `Store`."""

    def __init__(
        self, options: DatabaseOptions, *, reader_threads: int = 4, now_us: Callable[[], int] = wall_clock_us
    ) -> None:
        self._options = options
        self._reader_threads = reader_threads
        self._now_us = now_us
        self._lock: BaseFileLock | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        # Chunks up to this key that no job refers to are from uploads that broke off with an earlier process.
        self._orphans_up_to = 0

    async def open(self) -> None:
        """Opens the database, brings it to the present schema and checks it."""
        try:
            self._lock = await asyncio.to_thread(take_lock, self._options)
            connection = await asyncio.to_thread(open_writer, self._options)
            self._orphans_up_to = blobs.last_key(connection)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except OSError as error:
            raise storage_full() if error.errno == errno.ENOSPC else not_writable(self._options.path) from error
        self._writer = Writer(connection)
        self._readers = Readers(self._options, self._reader_threads)

    async def close(self) -> None:
        """Finishes what was begun and gives the file free."""
        if self._readers is not None:
            await self._readers.close()
        if self._writer is not None:
            await self._writer.close()
        if self._lock is not None:
            with suppress(OSError):
                self._lock.release()

    async def create_session(self, scope: Scope, title: str) -> SessionRecord:
        return await self._write(lambda connection: sessions.create(connection, scope, title, self._now_us()))

    async def get_session(self, scope: Scope, session_id: str) -> SessionRecord:
        return await self._read(lambda connection: sessions.get(connection, scope, session_id))

    async def list_sessions(self, scope: Scope, limit: int, position: int | None = None) -> SessionPage:
        return await self._read(lambda connection: sessions.list_page(connection, scope, limit, position))

    async def retitle_session(self, scope: Scope, session_id: str, title: str) -> SessionRecord:
        return await self._write(
            lambda connection: sessions.retitle(connection, scope, session_id, title, self._now_us())
        )

    async def delete_session(self, scope: Scope, session_id: str) -> None:
        await self._write(lambda connection: sessions.delete(connection, scope, session_id))

    async def append_messages(self, scope: Scope, session_id: str, append: Append) -> Appended:
        weight_bytes = sum(len(message.content) for message in append.messages)
        return await self._write(
            lambda connection: messages.append(connection, scope, session_id, append, self._now_us()),
            weight_bytes=weight_bytes,
        )

    async def list_messages(self, scope: Scope, session_id: str, listing: MessageListing) -> MessagePage:
        return await self._read(lambda connection: messages.list_page(connection, scope, session_id, listing))

    async def clear_messages(self, scope: Scope, session_id: str) -> None:
        await self._write(lambda connection: messages.clear(connection, scope, session_id, self._now_us()))

    async def write_chunk(self, blob_id: str, position: int, data: bytes) -> None:
        await self._write(
            lambda connection: blobs.write_chunk(connection, blob_id, position, data),
            weight_bytes=len(data),
            bulk=True,
        )

    async def read_chunk(self, blob_id: str, position: int) -> bytes | None:
        return await self._read(lambda connection: blobs.read_chunk(connection, blob_id, position))

    async def discard_blob(self, blob_id: str) -> None:
        # A job that is on its way comes to hold the blob only when the light lane has got so far.
        await self._write(_nothing)
        # In the lane of the chunks: one that is on its way must not arrive after its removal.
        await self._write(lambda connection: blobs.discard(connection, blob_id), bulk=True)

    async def create_job(self, job: NewJob) -> JobRecord:
        return await self._write(lambda connection: jobs.create(connection, job, self._now_us()))

    async def get_job(self, scope: Scope, job_id: str) -> JobRecord:
        return await self._read(lambda connection: jobs.get(connection, scope, job_id))

    async def claim_job(self, token: str) -> JobRecord | None:
        return await self._write(lambda connection: jobs.claim(connection, token))

    async def leased_input(self, lease: Lease) -> Blob:
        return await self._read(lambda connection: jobs.leased_input(connection, lease))

    async def record_progress(self, lease: Lease, percent: int) -> JobRecord:
        return await self._write(lambda connection: jobs.record_progress(connection, lease, percent))

    async def finish_job(self, lease: Lease, outcome: Blob | JobFailure) -> JobRecord:
        return await self._write(lambda connection: jobs.finish(connection, lease, outcome, self._now_us()))

    async def release_job(
        self, lease: Lease, *, count_attempt: bool, last_attempt: int, failure: JobFailure
    ) -> JobRecord:
        return await self._write(
            lambda connection: jobs.release(
                connection,
                lease,
                count_attempt=count_attempt,
                last_attempt=last_attempt,
                failure=failure,
                now_us=self._now_us(),
            )
        )

    async def cancel_job(self, scope: Scope, job_id: str) -> JobRecord:
        return await self._write(lambda connection: jobs.cancel(connection, scope, job_id, self._now_us()))

    async def queued_jobs(self) -> Sequence[str]:
        return await self._read(jobs.queued)

    async def running_leases(self) -> Sequence[Lease]:
        return await self._read(jobs.running)

    async def purge_step(self, ended_before_us: int) -> bool:
        return await self._discard_orphan() or await self._write(
            lambda connection: retention.purge_step(connection, ended_before_us)
        )

    async def _discard_orphan(self) -> bool:
        if not self._orphans_up_to:
            return False
        orphan = await self._read(lambda connection: blobs.find_orphan(connection, self._orphans_up_to))
        if orphan is None:
            self._orphans_up_to = 0
            return False
        await self.discard_blob(orphan)
        return True

    async def _write(self, operation: Operation[ResultT], *, weight_bytes: int = 0, bulk: bool = False) -> ResultT:
        if self._writer is None:
            raise closed()
        try:
            return await self._writer.run(operation, weight_bytes=weight_bytes, bulk=bulk)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    async def _read(self, operation: Operation[ResultT]) -> ResultT:
        if self._readers is None:
            raise closed()
        try:
            return await self._readers.run(operation)
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
