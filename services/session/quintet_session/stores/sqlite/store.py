# ruff: noqa: D102 - the methods are documented at the protocol
"""Sessions, messages and jobs in SQLite."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from quintet_session.store import (
    Append,
    Appended,
    Blob,
    CreatedSession,
    FoundMessage,
    JobFailure,
    JobRecord,
    Lease,
    MessageListing,
    MessagePage,
    NewJob,
    NewMessage,
    Scope,
    SessionBounds,
    SessionListing,
    SessionPage,
    SessionRecord,
)
from quintet_session.stores.sqlite import blobs, jobs, messages, retention, session_bounds, sessions
from quintet_session.stores.sqlite.connection import DatabaseOptions
from quintet_session.stores.sqlite.database import SqliteDatabase, wall_clock_us
from quintet_session.stores.sqlite.identity import SqliteIdentity
from quintet_session.stores.sqlite.knowledge import SqliteKnowledge
from quintet_session.stores.sqlite.usage import SqliteUsage
from quintet_session.stores.sqlite.webhooks import SqliteWebhooks
from quintet_session.webhook_store import EventRecord


def _nothing(_connection: sqlite3.Connection) -> None:
    pass


def _event_bytes(event: EventRecord | None) -> int:
    return 0 if event is None else len(event.data)


def _message_bytes(message: NewMessage) -> int:
    attributes = sum(len(name) + len(value) for name, value in message.attributes.items())
    return len(message.content) + attributes + len(message.image_analysis or b"")


class SqliteStore:
    """Keeps sessions, messages, jobs and their blobs. Methods are documented at `Store`."""

    def __init__(
        self,
        options: DatabaseOptions,
        *,
        reader_threads: int = 4,
        now_us: Callable[[], int] = wall_clock_us,
        now_s: Callable[[], float] = time.monotonic,
        max_vector_cache_bytes: int = 256 << 20,
    ) -> None:
        self._database = SqliteDatabase(options, reader_threads=reader_threads, now_us=now_us)
        self.identity = SqliteIdentity(self._database, now_s=now_s)
        self.usage = SqliteUsage(self._database)
        self.webhooks = SqliteWebhooks(self._database, now_s=now_s)
        self.knowledge = SqliteKnowledge(self._database, max_cache_bytes=max_vector_cache_bytes, now_s=now_s)
        # Chunks up to this key that no job refers to are from uploads that broke off with an earlier process.
        self._orphans_up_to = 0

    async def open(self) -> None:
        await self._database.open()
        await self.identity.open()
        await self.webhooks.open()
        self._orphans_up_to = await self._database.read(blobs.last_key)

    async def close(self) -> None:
        await self._database.close()

    async def create_session(
        self,
        scope: Scope,
        title: str,
        attributes: Mapping[str, str] | None = None,
        *,
        bounds: SessionBounds | None = None,
        event: EventRecord | None = None,
    ) -> CreatedSession:
        return await self._database.write(
            lambda connection: session_bounds.create(
                connection,
                scope,
                title,
                attributes or {},
                self._database.now_us(),
                bounds=bounds or SessionBounds(),
                event=event,
            ),
            weight_bytes=_event_bytes(event),
        )

    async def get_session(self, scope: Scope, session_id: str) -> SessionRecord:
        return await self._database.read(
            lambda connection: sessions.get(connection, scope, session_id, self._database.now_us())
        )

    async def list_sessions(self, scope: Scope, listing: SessionListing) -> SessionPage:
        return await self._database.read(
            lambda connection: sessions.list_page(connection, scope, listing, self._database.now_us())
        )

    async def update_session(
        self, scope: Scope, session_id: str, title: str | None = None, attributes: Mapping[str, str] | None = None
    ) -> SessionRecord:
        return await self._database.write(
            lambda connection: sessions.update(
                connection, scope, session_id, title=title, attributes=attributes, now_us=self._database.now_us()
            )
        )

    async def delete_session(self, scope: Scope, session_id: str, event: EventRecord | None = None) -> None:
        await self._database.write(
            lambda connection: messages.delete_session(connection, scope, session_id, event, self._database.now_us()),
            weight_bytes=_event_bytes(event),
        )

    async def count_sessions(self, surface: str) -> int:
        return await self._database.read(
            lambda connection: sessions.count(connection, surface, self._database.now_us())
        )

    async def get_session_owner(self, surface: str, session_id: str) -> Scope:
        return await self._database.read(
            lambda connection: sessions.owner(connection, surface, session_id, self._database.now_us())
        )

    async def append_messages(self, scope: Scope, session_id: str, append: Append) -> Appended:
        return await self._database.write(
            lambda connection: messages.append(connection, scope, session_id, append, self._database.now_us()),
            weight_bytes=_event_bytes(append.event) + sum(map(_message_bytes, append.messages)),
        )

    async def list_messages(self, scope: Scope, session_id: str, listing: MessageListing) -> MessagePage:
        return await self._database.read(
            lambda connection: messages.list_page(connection, scope, session_id, listing, self._database.now_us())
        )

    async def get_message(self, scope: Scope, message_id: str) -> FoundMessage:
        return await self._database.read(
            lambda connection: messages.get(connection, scope, message_id, self._database.now_us())
        )

    async def clear_messages(self, scope: Scope, session_id: str) -> None:
        await self._database.write(
            lambda connection: messages.clear(connection, scope, session_id, self._database.now_us())
        )

    async def write_chunk(self, blob_id: str, position: int, data: bytes) -> None:
        await self._database.write(
            lambda connection: blobs.write_chunk(connection, blob_id, position, data),
            weight_bytes=len(data),
            bulk=True,
        )

    async def read_chunk(self, blob_id: str, position: int) -> bytes | None:
        return await self._database.read(lambda connection: blobs.read_chunk(connection, blob_id, position))

    async def discard_blob(self, blob_id: str) -> None:
        # A job that is on its way comes to hold the blob only when the light lane has got so far.
        await self._database.write(_nothing)
        # In the lane of the chunks: one that is on its way must not arrive after its removal.
        await self._database.write(lambda connection: blobs.discard(connection, blob_id), bulk=True)

    async def create_job(self, job: NewJob) -> JobRecord:
        return await self._database.write(lambda connection: jobs.create(connection, job, self._database.now_us()))

    async def get_job(self, scope: Scope, job_id: str) -> JobRecord:
        return await self._database.read(lambda connection: jobs.get(connection, scope, job_id))

    async def claim_job(self, token: str) -> JobRecord | None:
        return await self._database.write(lambda connection: jobs.claim(connection, token))

    async def leased_input(self, lease: Lease) -> Blob:
        return await self._database.read(lambda connection: jobs.leased_input(connection, lease))

    async def record_progress(self, lease: Lease, percent: int) -> JobRecord:
        return await self._database.write(lambda connection: jobs.record_progress(connection, lease, percent))

    async def finish_job(self, lease: Lease, outcome: Blob | JobFailure) -> JobRecord:
        return await self._database.write(
            lambda connection: jobs.finish(connection, lease, outcome, self._database.now_us())
        )

    async def release_job(
        self, lease: Lease, *, count_attempt: bool, last_attempt: int, failure: JobFailure
    ) -> JobRecord:
        return await self._database.write(
            lambda connection: jobs.release(
                connection,
                lease,
                count_attempt=count_attempt,
                last_attempt=last_attempt,
                failure=failure,
                now_us=self._database.now_us(),
            )
        )

    async def cancel_job(self, scope: Scope, job_id: str) -> JobRecord:
        return await self._database.write(
            lambda connection: jobs.cancel(connection, scope, job_id, self._database.now_us())
        )

    async def queued_jobs(self) -> Sequence[str]:
        return await self._database.read(jobs.queued)

    async def running_leases(self) -> Sequence[Lease]:
        return await self._database.read(jobs.running)

    async def purge_step(self, ended_before_us: int) -> bool:
        if await self.identity.purge_step():
            return True
        return (
            await self._discard_orphan()
            or await self.knowledge.purge_step()
            or await self._database.write(
                lambda connection: retention.purge_step(connection, ended_before_us, self._database.now_us())
            )
        )

    async def _discard_orphan(self) -> bool:
        if not self._orphans_up_to:
            return False
        orphan = await self._database.read(lambda connection: blobs.find_orphan(connection, self._orphans_up_to))
        if orphan is None:
            self._orphans_up_to = 0
            return False
        await self.discard_blob(orphan)
        return True
