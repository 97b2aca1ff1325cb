"""Runs accepted jobs: claims them from the session service, renews their leases, ends them.

Any number of gateways may do this at once. A job belongs to whoever holds its lease; a gateway that is killed stops
renewing, and another one (or the same one after its restart) claims the job again.
"""

import asyncio
import socket
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_exponential_jitter,
)

from quintet.jobs.v1.job_result_pb2 import JobResult
from quintet.jobs.v1.job_service_pb2 import Job, JobError, JobTask
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.job_works import JobOrder, JobWorks
from quintet_gateway.clients.jobs import JobClient, Lease
from quintet_observability import get_logger, metrics
from quintet_rpc.calls import is_transient
from quintet_rpc.request_context import request_scope

_log = get_logger(__name__)

_CLAIM_WAIT_S = 20
# A service that was killed is back within seconds; one that is full works off its queue within a minute.
_PATIENCE_S = 60.0
_RENEWALS_PER_LEASE = 3
# Progress that moves faster than this is told together.
_SHORTEST_RENEWAL_S = 0.25


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, DomainError) and (is_transient(error) or error.reason is Reason.ENGINE_BUSY)


def _retrying() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(_is_worth_repeating),
        wait=wait_exponential_jitter(initial=0.2, max=2.0, jitter=0.2),
        stop=stop_after_delay(_PATIENCE_S),
        after=_log_retry,
        reraise=True,
    )


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning("job_step_repeated", attempt=state.attempt_number, reason=getattr(error, "reason", ""))


class JobRunner:
    """Works on at most `slots` jobs at once."""

    def __init__(self, client: JobClient, works: JobWorks, slots: int) -> None:
        self._client = client
        self._works = works
        self._slots = asyncio.Semaphore(slots)
        self._worker_id = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"[:128]
        self._running: set[asyncio.Task[None]] = set()
        self._claiming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to claim jobs."""
        self._claiming = asyncio.create_task(self._claim_jobs())

    async def close(self, grace_s: float) -> None:
        """Claims no more, lets running jobs go on for `grace_s`, and leaves the rest to the next worker."""
        if self._claiming is not None:
            self._claiming.cancel()
            with suppress(asyncio.CancelledError):
                await self._claiming
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _claim_jobs(self) -> None:
        while True:
            await self._slots.acquire()
            lease = None
            try:
                lease = await self._claim()
            finally:
                if lease is None:
                    self._slots.release()
            if lease is not None:
                task = asyncio.create_task(self._run_claimed(lease))
                self._running.add(task)
                task.add_done_callback(self._ended)

    async def _claim(self) -> Lease | None:
        try:
            return await self._client.claim(self._worker_id, _CLAIM_WAIT_S)
        except DomainError as error:
            _log.warning("claim_failed", reason=error.reason.value)
            # The channel reconnects by itself; asking it in a tight loop would only burn time.
            await asyncio.sleep(0.5)
            return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()):
            _log.error("job_runner_crashed", exc_info=error)

    async def _run_claimed(self, lease: Lease) -> None:
        kind = JobTask.Kind.Name(lease.job.task.kind)
        started = time.monotonic()
        with request_scope(request_id=lease.job.job_id, script=lease.job.task.script):
            try:
                outcome = await _RunningJob(self._client, self._works, lease).run()
                ended = await self._finish(lease, outcome, time.monotonic() - started)
            except _LeaseGone:
                _log.warning("job_left", job_id=lease.job.job_id)
                return
        metrics.JOBS_ENDED.labels(kind, Job.State.Name(ended.state)).inc()
        metrics.JOB_SECONDS.labels(kind).observe(time.monotonic() - started)

    async def _finish(self, lease: Lease, outcome: JobResult | DomainError, seconds: float) -> Job:
        error = None
        result = b""
        if isinstance(outcome, DomainError):
            error = JobError(reason=outcome.reason.value, message=outcome.message)
            _log.info("job_failed", job_id=lease.job.job_id, reason=outcome.reason.value)
        else:
            outcome.processing_duration.FromMicroseconds(int(seconds * 1e6))
            result = outcome.SerializeToString()
        try:
            return await _retrying()(self._client.finish, lease, result, error)
        except DomainError as failure:
            _log.error("job_end_not_stored", job_id=lease.job.job_id, reason=failure.reason.value)
            raise _LeaseGone from failure


class _LeaseGone(Exception):  # noqa: N818 - an event of the protocol and not an error of the job
    """The job belongs to somebody else now, or nobody wants its result."""


class _RunningJob:
    """One claimed job: its work and the renewal of its lease, side by side."""

    def __init__(self, client: JobClient, works: JobWorks, lease: Lease) -> None:
        self._client = client
        self._works = works
        self._lease = lease
        self._percent = 0
        self._moved = asyncio.Event()

    async def run(self) -> JobResult | DomainError:
        """Returns the result or the error that the job ends with."""
        work: asyncio.Future[JobResult] = asyncio.ensure_future(_retrying()(self._work))
        renewal = asyncio.ensure_future(self._renew_until_lost())
        try:
            both: set[asyncio.Future[Any]] = {work, renewal}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise _LeaseGone
            return self._outcome(work)
        finally:
            work.cancel()
            renewal.cancel()
            await asyncio.gather(work, renewal, return_exceptions=True)

    async def _work(self) -> JobResult:
        return await self._works.run(JobOrder(self._lease.job.task, self._upload, self._report))

    async def _upload(self) -> AsyncIterator[bytes]:
        async with aclosing(self._client.input(self._lease)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _outcome(self, work: asyncio.Future[JobResult]) -> JobResult | DomainError:
        error = work.exception()
        if error is None:
            return work.result()
        if isinstance(error, DomainError):
            if error.reason is Reason.LEASE_LOST:
                raise _LeaseGone from error
            return error
        _log.error("job_crashed", job_id=self._lease.job.job_id, exc_info=error)
        return DomainError(Reason.INTERNAL, "The job failed unexpectedly.")

    def _report(self, percent: int) -> None:
        if percent > self._percent:
            self._percent = min(percent, 99)
            self._moved.set()

    async def _renew_until_lost(self) -> None:
        """Returns when the job was cancelled or its lease was lost; a service that is away for a moment is neither."""
        interval_s = self._lease.duration_s / _RENEWALS_PER_LEASE
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), interval_s)
            self._moved.clear()
            try:
                if await self._client.renew(self._lease, self._percent):
                    return
            except DomainError as error:
                if not is_transient(error) and error.reason is not Reason.DEADLINE_EXCEEDED:
                    return
            await asyncio.sleep(_SHORTEST_RENEWAL_S)
