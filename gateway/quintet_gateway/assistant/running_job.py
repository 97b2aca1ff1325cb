"""One claimed job: its work and the renewal of its lease, side by side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from quintet.jobs.v1.job_result_pb2 import JobResult
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.job_works import JobOrder, JobWorks
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.jobs import JobClient, Lease
from quintet_observability import get_logger
from quintet_rpc.calls import is_transient

_log = get_logger(__name__)

# A service that was killed is back within seconds.
_PATIENCE_S = 60.0
_RENEWALS_PER_LEASE = 3
# Progress that moves faster than this is told together.
_SHORTEST_RENEWAL_S = 0.25


class LeaseGone(Exception):  # noqa: N818 - an event of the protocol and not an error of the job
    """The job belongs to somebody else now, or nobody wants its result."""


class RunningJob:
    """Works on one job; `slot` is held while the model services do, so that no kind of job takes all of them."""

    def __init__(
        self, client: JobClient, works: JobWorks, lease: Lease, slot: AbstractAsyncContextManager[Any]
    ) -> None:
        self._client = client
        self._works = works
        self._lease = lease
        self._slot = slot
        self._percent = 0
        self._moved = asyncio.Event()

    async def run(self) -> JobResult | DomainError:
        """Returns the result or the error that the job ends with.

        Raises:
            LeaseGone: if the job was cancelled or taken over.
        """
        work: asyncio.Future[JobResult] = asyncio.ensure_future(self._work())
        renewal = asyncio.ensure_future(self._renew_until_lost())
        both: set[asyncio.Future[Any]] = {work, renewal}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise LeaseGone
            return self._outcome(work)
        finally:
            work.cancel()
            renewal.cancel()
            await asyncio.gather(work, renewal, return_exceptions=True)

    async def _work(self) -> JobResult:
        scope = self._lease.job.scope
        order = JobOrder(Owner(scope.surface, scope.owner), self._lease.job.task, self._upload, self._report)
        async with self._slot:
            return await retrying()(self._works.run, order)

    async def _upload(self) -> AsyncIterator[bytes]:
        async with aclosing(self._client.input(self._lease)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _outcome(self, work: asyncio.Future[JobResult]) -> JobResult | DomainError:
        if work.cancelled():
            raise LeaseGone
        error = work.exception()
        if error is None:
            return work.result()
        if isinstance(error, DomainError):
            if error.reason is Reason.LEASE_LOST:
                raise LeaseGone from error
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
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._moved.wait()
            self._moved.clear()
            try:
                if await self._client.renew(self._lease, self._percent):
                    return
            except DomainError as error:
                if not is_transient(error) and error.reason is not Reason.DEADLINE_EXCEEDED:
                    return
            await asyncio.sleep(_SHORTEST_RENEWAL_S)


class _Patience:
    """Gives up after a minute of waiting for a service that is away; a full engine is waited for without a limit."""

    def __init__(self) -> None:
        self._away_s = 0.0

    def __call__(self, state: RetryCallState) -> bool:
        if _is_busy(_error_of(state)):
            self._away_s = 0.0
            return False
        self._away_s += state.upcoming_sleep
        return self._away_s >= _PATIENCE_S


def retrying() -> AsyncRetrying:
    """Returns the policy by which a job's steps are repeated while services are away or full."""
    return AsyncRetrying(
        retry=retry_if_exception(lambda error: _is_away(error) or _is_busy(error)),
        wait=wait_exponential_jitter(multiplier=0.2, max=1.0, jitter=0.2),
        stop=_Patience(),
        after=_log_retry,
        reraise=True,
    )


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _is_away(error: BaseException | None) -> bool:
    return isinstance(error, DomainError) and is_transient(error)


def _is_busy(error: BaseException | None) -> bool:
    return isinstance(error, DomainError) and error.reason is Reason.ENGINE_BUSY


def _log_retry(state: RetryCallState) -> None:
    reason = getattr(_error_of(state), "reason", "")
    _log.warning("job_step_repeated", attempt=state.attempt_number, reason=str(reason))
