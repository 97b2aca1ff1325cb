"""Runs accepted jobs: claims them from the session service and ends them.

Any number of gateways may do this at once. A job belongs to whoever holds its lease; a gateway that is killed stops
renewing, and another one (or the same one after its restart) claims the job again.
"""

import asyncio
import socket
import time
import uuid
from collections import defaultdict
from contextlib import suppress

from quintet.jobs.v1.job_result_pb2 import JobResult
from quintet.jobs.v1.job_service_pb2 import Job, JobError, JobTask
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.job_works import JobWorks
from quintet_gateway.assistant.running_job import LeaseGone, RunningJob, retrying
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.clients.jobs import JobClient, Lease
from quintet_observability import get_logger, metrics
from quintet_rpc.request_context import request_scope

_log = get_logger(__name__)

_CLAIM_WAIT_S = 20
_PAUSE_AFTER_FAILURE_S = 0.5
# A claimed job that waits for a slot of its kind costs a renewal now and then. Claiming many of them lets a job of
# another kind pass a long queue.
_CLAIMS_PER_SLOT = 16


class JobRunner:
    """Works on at most `slots` jobs of each kind at once."""

    def __init__(self, client: JobClient, works: JobWorks, slots: int, contact: SessionContact | None = None) -> None:
        self._client = client
        self._contact = contact or SessionContact()
        self._works = works
        self._slots: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(slots))
        self._claims = asyncio.Semaphore(slots * _CLAIMS_PER_SLOT)
        self._worker_id = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"[:128]
        self._running: set[asyncio.Task[None]] = set()
        self._claiming: asyncio.Task[None] | None = None
        self._can_claim = True

    def start(self) -> None:
        """Begins to claim jobs."""
        self._claiming = asyncio.create_task(self._claim_jobs())

    async def stop_claiming(self) -> None:
        """Claims no more jobs; those at work go on."""
        if self._claiming is not None:
            self._claiming.cancel()
            with suppress(asyncio.CancelledError):
                await self._claiming

    async def close(self, grace_s: float) -> None:
        """Claims no more, lets running jobs go on for `grace_s`, and leaves the rest to the next worker."""
        await self.stop_claiming()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _claim_jobs(self) -> None:
        while True:
            await self._claims.acquire()
            lease = None
            try:
                lease = await self._claim()
            finally:
                if lease is None:
                    self._claims.release()
            if lease is not None:
                task = asyncio.create_task(self._run_claimed(lease))
                self._running.add(task)
                task.add_done_callback(self._ended)

    async def _claim(self) -> Lease | None:
        try:
            lease = await self._client.claim(self._worker_id, _CLAIM_WAIT_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, jobs must be claimed again when it is over
            if self._can_claim and not self._contact.is_awaited(error):
                _log.warning("claim_failed", reason=str(getattr(error, "reason", "")), error=type(error).__name__)
                self._can_claim = False
            # The channel reconnects by itself; asking it in a tight loop would only burn time.
            await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)
            return None
        self._contact.made()
        self._can_claim = True
        return lease

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._claims.release()
        if not task.cancelled() and (error := task.exception()):
            _log.error("job_runner_crashed", exc_info=error)

    async def _run_claimed(self, lease: Lease) -> None:
        kind = JobTask.Kind.Name(lease.job.task.kind)
        started = time.monotonic()
        slot = self._slots[lease.job.task.kind]
        with request_scope(request_id=lease.job.job_id, script=lease.job.task.script):
            try:
                outcome = await RunningJob(self._client, self._works, lease, slot).run()
                ended = await self._finish(lease, outcome, time.monotonic() - started)
            except LeaseGone:
                _log.warning("job_left", job_id=lease.job.job_id)
                return
        metrics.JOBS_ENDED.labels(kind, Job.State.Name(ended.state)).inc()
        metrics.JOB_SECONDS.labels(kind).observe(time.monotonic() - started)

    async def _finish(self, lease: Lease, outcome: JobResult | DomainError, seconds: float) -> Job:
        error = None
        result = b""
        if isinstance(outcome, DomainError):
            error = JobError(reason=outcome.reason.value, message=outcome.message)
            _log.info("job_failed", job_id=lease.job.job_id, reason=outcome.reason.value, message=outcome.message)
        else:
            outcome.processing_duration.FromMicroseconds(int(seconds * 1e6))
            result = outcome.SerializeToString()
        try:
            return await retrying()(self._client.finish, lease, result, error)
        except DomainError as refusal:
            if error is None and refusal.reason in {Reason.PAYLOAD_TOO_LARGE, Reason.STORAGE_FULL}:
                # Doing the work again would end in the same result.
                return await self._finish(lease, refusal, seconds)
            _log.error("job_end_not_stored", job_id=lease.job.job_id, reason=refusal.reason.value)
            raise LeaseGone from refusal
