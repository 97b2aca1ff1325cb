"""Has documents read by worker processes, which may hang or die without harm."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager

from pebble import ProcessExpired, ProcessPool

from quintet_errors import DomainError, Reason
from quintet_gateway.documents.confinement import confine
from quintet_gateway.documents.formats import Format
from quintet_gateway.documents.pieces import Piece
from quintet_gateway.documents.unreadable import UnreadableError
from quintet_gateway.documents.worker import read_document

_TASKS_PER_WORKER = 500
_ATTEMPTS = 2

ReadDocument = Callable[[Format, bytes], list[Piece]]


class _NeverBegunError(Exception):
    """No worker took a file."""


class Extractor:
    """Workers for as long as somebody needs them; `read` is what they do, a function that a process can import."""

    def __init__(
        self,
        *,
        workers: int = 2,
        file_s: float = 60.0,
        start_s: float = 30.0,
        memory_mib: int = 1024,
        read: ReadDocument = read_document,
        pool: Callable[..., ProcessPool] = ProcessPool,
    ) -> None:
        self.workers = workers
        # A file that waits for another one must not look like one that no worker takes.
        self._free = asyncio.Semaphore(workers)
        self._pool_of = pool
        self._file_s = file_s
        self._start_s = start_s
        self._memory_bytes = memory_mib << 20
        self._read = read
        self._users = 0
        self._pool: ProcessPool | None = None
        self._started: ProcessPool | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[None]:
        """Keeps the workers for the length of the block; the last one to leave ends them."""
        self._users += 1
        if self._pool is None:
            self._pool = self._new_pool()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._end_pool(self._pool)

    async def pieces(self, form: Format, data: bytes) -> list[Piece]:
        """Returns the chunks of a file; call it inside of `at_hand`. Cancelling it ends the worker.

        Raises:
            UnreadableError: if it cannot be read, or the worker did not live through it.
            DomainError: INTERNAL if no worker starts.
        """
        for _ in range(_ATTEMPTS):
            pool = self._pool
            if pool is None:
                raise RuntimeError("no worker is at hand")
            try:
                async with self._free:
                    return await self._submit(pool, form, data)
            except TimeoutError:
                raise UnreadableError(f"takes longer than {self._file_s:g} s to read") from None
            except ProcessExpired:
                raise UnreadableError("ends every process that reads it") from None
            except (BrokenProcessPool, _NeverBegunError):
                # A worker that dies between two files leaves the pool broken, or with a lock that nobody gives back.
                if pool is self._pool:
                    self._end_pool(pool)
                    self._pool = self._new_pool()
        raise DomainError(Reason.INTERNAL, "The processes that read documents cannot be started.")

    async def _submit(self, pool: ProcessPool, form: Format, data: bytes) -> list[Piece]:
        if pool is not self._started:
            # The first call starts processes, which takes longer than a loop may stand still.
            await asyncio.to_thread(getattr, pool, "active")
            self._started = pool
        try:
            reading = pool.submit(self._read, self._file_s, form, data)
        except RuntimeError:
            # A worker that died without work has ended the pool.
            raise _NeverBegunError from None
        # The pool's own limit counts from when a worker begins.
        limit = asyncio.timeout(self._file_s + self._start_s)
        try:
            async with limit:
                return await asyncio.wrap_future(reading)
        except TimeoutError:
            if limit.expired():
                raise _NeverBegunError from None
            raise

    def _new_pool(self) -> ProcessPool:
        return self._pool_of(
            self.workers,
            max_tasks=_TASKS_PER_WORKER,
            initializer=confine,
            initargs=(self._memory_bytes, self._read),
            context=multiprocessing.get_context("spawn"),
        )

    async def close(self) -> None:
        """Waits until the processes have ended."""
        await asyncio.gather(*self._ending)

    def _end_pool(self, pool: ProcessPool) -> None:
        task = asyncio.ensure_future(asyncio.to_thread(_stop, pool))
        self._pool = self._started = None
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
