"""Uploads on their way into the store: chunk by chunk, and leaving nothing if they break off."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from quintet_errors import DomainError
from quintet_observability import get_logger
from quintet_session.store import Blob, Store

_log = get_logger(__name__)

# A row for each quarter megabyte: a hundred uploads at once hold 25 MiB in memory, and a row still costs little.
_ROW_BYTES = 256 << 10
_REPEAT_S = 1.0
_CLOSE_WAIT_S = 3.0


class Upload:
    """One blob that is being written; leaving the block without `keep` removes it."""

    def __init__(self, store: Store, cleanups: "Cleanups") -> None:
        self._store = store
        self._cleanups = cleanups
        self._blob_id = uuid.uuid4().hex
        self._pending = bytearray()
        self._rows = 0
        self._size = 0
        self._kept = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows and not self._kept:
            self._cleanups.discard(self._blob_id)

    async def add(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._pending += data
        self._size += len(data)
        while len(self._pending) >= _ROW_BYTES:
            row = bytes(self._pending[:_ROW_BYTES])
            del self._pending[:_ROW_BYTES]
            await self._write(row)

    async def finish(self) -> Blob:
        """Stores the rest and returns the durable blob."""
        if self._pending:
            await self._write(bytes(self._pending))
            self._pending.clear()
        return Blob(self._blob_id, self._size)

    def keep(self) -> None:
        """Says that a job refers to the blob now."""
        self._kept = True

    async def _write(self, row: bytes) -> None:
        position = self._rows
        # Counted before the write: a row that is cancelled on its way may have been stored.
        self._rows += 1
        await self._store.write_chunk(self._blob_id, position, row)


class Cleanups:
    """Removes what broken uploads left, after their callers have gone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    def upload(self) -> Upload:
        """Begins an upload."""
        return Upload(self._store, self)

    def discard(self, blob_id: str) -> None:
        """Removes a blob unless a job refers to it."""
        task = asyncio.ensure_future(self._discard(blob_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Waits for what is being removed; the next process removes what cannot be removed now."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_WAIT_S)
        for task in self._tasks:
            task.cancel()

    async def _discard(self, blob_id: str) -> None:
        while True:
            try:
                await self._store.discard_blob(blob_id)
                return
            except DomainError as error:
                # Even a removal needs some space, and this one gives much of it back.
                _log.warning("upload_not_removed", reason=error.reason.value)
            await asyncio.sleep(_REPEAT_S)


async def read_blob(store: Store, blob: Blob, piece_bytes: int, gone: DomainError) -> AsyncGenerator[bytes, None]:
    """Yields a blob in pieces.

    Raises:
        DomainError: `gone` if the blob is removed meanwhile.
    """
    left = blob.size
    position = 0
    while left > 0:
        row = await store.read_chunk(blob.blob_id, position)
        if row is None:
            raise gone
        for start in range(0, len(row), piece_bytes):
            yield row[start : start + piece_bytes]
        left -= len(row)
        position += 1
