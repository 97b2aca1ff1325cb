"""Jobs on their way from creation to end: the queue, the leases of workers, and the news for watchers."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_observability import get_logger, metrics
from quintet_rpc.request_context import shutting_down
from quintet_session.claim_line import ClaimLine
from quintet_session.job_board import JobBoard
from quintet_session.kept_tasks import KeptTasks
from quintet_session.leases import LeaseTimers
from quintet_session.store import Blob, JobFailure, JobRecord, JobState, Lease, NewJob, Scope, Store

_log = get_logger(__name__)

# A full queue is a long one: whoever is refused should not come back at once.
_RETRY_AFTER_S = 10
# How long to wait before a lease that could not be taken back is tried again.
_REPEAT_S = 1.0


@dataclass(frozen=True)
class LeasedJob:
    """A claimed job and the proof of the claim."""

    job: JobRecord
    lease: Lease


class JobQueue:
    """Hands jobs to workers, and takes them back from workers that fell silent."""

    def __init__(self, store: Store, *, lease_s: float, max_attempts: int, max_queued: int) -> None:
        self._store = store
        self._max_attempts = max_attempts
        self._max_queued = max_queued
        self._timers = LeaseTimers(lease_s, self._take_back)
        self._line = ClaimLine()
        self._board = JobBoard()
        self._queued: set[str] = set()
        self._tasks = KeptTasks()
        self._closing = False

    @property
    def lease_s(self) -> float:
        """How long a lease holds without a renewal, in seconds."""
        return self._timers.lease_s

    async def start(self) -> None:
        """Takes up the jobs of the process's life before: running ones get a fresh full lease."""
        self._queued.update(await self._store.queued_jobs())
        metrics.JOBS_WAITING.set(len(self._queued))
        for lease in await self._store.running_leases():
            self._timers.start(lease)
        self._tasks.start(self._release_waiters())

    async def close(self) -> None:
        """Ends all waits; jobs stay as they are."""
        self._end_waits()
        self._timers.close()
        await self._tasks.close()

    def check_room(self) -> None:
        """Makes sure that one more job may wait; those whose inputs are on their way are not counted.

        Raises:
            DomainError: ENGINE_BUSY if too many wait already.
        """
        if len(self._queued) >= self._max_queued:
            raise DomainError(
                Reason.ENGINE_BUSY,
                f"{len(self._queued)} jobs are waiting already. Try again in {_RETRY_AFTER_S} s.",
                {"retryAfterSeconds": str(_RETRY_AFTER_S)},
            )

    async def create(self, job: NewJob) -> JobRecord:
        """Stores a job and calls a worker."""
        return await self._carry_out(self._store.create_job(job))

    async def claim(self, wait_s: float) -> LeasedJob | None:
        """Returns the first queued job, or waits for one for at most `wait_s` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while not self._closing:
            with self._line.join() as turn:
                claimed = await self._claim_now()
                left_s = deadline - loop.time()
                if claimed is not None or left_s <= 0:
                    return claimed
                await turn.wait(left_s)
        return None

    async def give_back(self, leased: LeasedJob) -> None:
        """Undoes a claim whose caller has gone."""
        await self._release(leased.lease, count_attempt=False)

    async def renew(self, lease: Lease, percent: int) -> JobRecord:
        """Gives a lease its full time again and records progress."""
        self._timers.renew(lease)
        return await self._carry_out(self._store.record_progress(lease, percent))

    def touch(self, lease: Lease) -> None:
        """Gives a lease its full time again: its holder is sending something."""
        self._timers.renew(lease)

    async def finish(self, lease: Lease, outcome: Blob | JobFailure) -> JobRecord:
        """Ends a claimed job."""
        return await self._carry_out(self._store.finish_job(lease, outcome))

    async def cancel(self, scope: Scope, job_id: str) -> JobRecord:
        """Cancels a job."""
        return await self._carry_out(self._store.cancel_job(scope, job_id))

    async def watch(self, scope: Scope, job_id: str) -> AsyncGenerator[JobRecord, None]:
        """Yields the job now and after each change until it has ended.

        Raises:
            DomainError: JOB_NOT_FOUND, or SERVICE_UNAVAILABLE when the service stops.
        """
        with self._board.watch(job_id) as watch:
            job = await self._store.get_job(scope, job_id)
            watch.offer(job)
            async with aclosing(watch.states()) as states:
                async for job in states:
                    yield job
        if not job.state.ended:
            raise DomainError(Reason.SERVICE_UNAVAILABLE, "The service is stopping. Watch the job again in a moment.")

    async def _carry_out(self, change: Coroutine[Any, Any, JobRecord]) -> JobRecord:
        """Makes a change and tells of it, also if the caller leaves in between."""

        async def make_and_tell() -> JobRecord:
            return self._publish(await change)

        job: JobRecord = await asyncio.shield(self._tasks.start(make_and_tell()))
        return job

    def _publish(self, job: JobRecord) -> JobRecord:
        if job.state is not JobState.RUNNING:
            self._timers.stop(job.job_id)
        if job.state is JobState.QUEUED:
            self._queued.add(job.job_id)
            self._line.call_next()
        else:
            self._queued.discard(job.job_id)
        metrics.JOBS_WAITING.set(len(self._queued))
        self._board.publish(job)
        return job

    async def _claim_now(self) -> LeasedJob | None:
        lease_token = secrets.token_hex(16)
        claiming = self._tasks.start(self._store.claim_job(lease_token))
        try:
            job = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The store may be giving the job away in this moment, to a caller that is no longer there.
            self._tasks.start(self._undo(claiming, lease_token))
            raise
        return self._leased(job, lease_token)

    def _leased(self, job: JobRecord | None, token: str) -> LeasedJob | None:
        if job is None:
            return None
        lease = Lease(job.job_id, token)
        self._timers.start(lease)
        self._publish(job)
        return LeasedJob(job, lease)

    async def _undo(self, claiming: "asyncio.Task[JobRecord | None]", token: str) -> None:
        leased = self._leased(await claiming, token)
        if leased is not None:
            await self.give_back(leased)

    def _take_back(self, lease: Lease) -> None:
        self._tasks.start(self._take_back_surely(lease))

    async def _take_back_surely(self, lease: Lease) -> None:
        try:
            job = await self._release(lease, count_attempt=True)
        except DomainError as error:
            if error.reason in {Reason.STORAGE_FULL, Reason.STORAGE_FAILED}:
                _log.warning("lease_not_taken_back", job_id=lease.job_id, reason=error.reason.value)
                await asyncio.sleep(_REPEAT_S)
                self._take_back(lease)
            return
        _log.warning("lease_expired", job_id=job.job_id, attempt=job.attempt_count, state=job.state.value)

    async def _release(self, lease: Lease, *, count_attempt: bool) -> JobRecord:
        failure = JobFailure(
            Reason.ENGINE_FAILED.value,
            f"The work was begun {self._max_attempts} times and broke off each time. Try a smaller or another input.",
        )
        return await self._carry_out(
            self._store.release_job(
                lease, count_attempt=count_attempt, last_attempt=self._max_attempts, failure=failure
            )
        )

    async def _release_waiters(self) -> None:
        await shutting_down.wait()
        self._end_waits()

    def _end_waits(self) -> None:
        self._closing = True
        self._board.close()
        self._line.call_all()
