"""Tells watchers how their jobs change, without asking the database."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from quintet_session.store import JobRecord


class Watch:
    """What one watcher knows: the latest state only, so a slow watcher costs no memory."""

    def __init__(self) -> None:
        self._latest: JobRecord | None = None
        self._changed = asyncio.Event()
        self._closed = False

    def offer(self, job: JobRecord) -> None:
        """Takes a state unless a newer one is known."""
        if self._latest is None or job.revision > self._latest.revision:
            self._latest = job
            self._changed.set()

    def close(self) -> None:
        """Ends `states`."""
        self._closed = True
        self._changed.set()

    async def states(self) -> AsyncGenerator[JobRecord, None]:
        """Yields the latest state whenever it is a new one, until the job has ended or the watch is closed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._closed:
                return
            if self._latest is not None:
                job = self._latest
                yield job
                if job.state.ended:
                    return


class JobBoard:
    """Knows who watches which job."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}
        self._closed = False

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """Watches a job for the length of the block; the watcher offers the first state itself."""
        watch = Watch()
        self._watches.setdefault(job_id, set()).add(watch)
        if self._closed:
            watch.close()
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    def publish(self, job: JobRecord) -> None:
        """Shows a state to everyone who watches the job."""
        for watch in self._watches.get(job.job_id, ()):
            watch.offer(job)

    def close(self) -> None:
        """Ends all watches, also those that begin later."""
        self._closed = True
        for watches in self._watches.values():
            for watch in watches:
                watch.close()
