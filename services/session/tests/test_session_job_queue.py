"""Leases, waiting workers and watchers, over a real store."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from quintet_errors import DomainError, Reason
from quintet_rpc.request_context import shutting_down
from quintet_session.claim_line import ClaimLine
from quintet_session.job_board import Watch
from quintet_session.job_queue import JobQueue, LeasedJob
from quintet_session.leases import LeaseTimers
from quintet_session.store import Blob, JobFailure, JobRecord, JobState, Lease, NewJob, Scope, Store
from quintet_testing import eventually

SCOPE = Scope("nexus", "anonymous")


@asynccontextmanager
async def started(store: Store, lease_s: float) -> AsyncIterator[JobQueue]:
    shutting_down.renew()
    queue = JobQueue(store, lease_s=lease_s, max_attempts=3, max_queued=100)
    await queue.start()
    try:
        yield queue
    finally:
        await queue.close()


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[JobQueue]:
    async with started(store, lease_s=30) as queue:
        yield queue


@pytest.fixture
async def hasty_queue(store: Store) -> AsyncIterator[JobQueue]:
    async with started(store, lease_s=0.2) as queue:
        yield queue


def new_job(number: int = 1) -> NewJob:
    return NewJob(f"img_{number}", SCOPE, b"task", Blob("none", 0))


async def claimed(queue: JobQueue, wait_s: float = 10) -> LeasedJob:
    leased = await queue.claim(wait_s)
    assert leased is not None
    return leased


async def in_state(store: Store, state: JobState) -> JobRecord:
    async def probe() -> JobRecord | None:
        job = await store.get_job(SCOPE, "img_1")
        return job if job.state is state else None

    found = await eventually(probe)
    assert found is not None
    return found


async def settled() -> None:
    """Lets what is ready in the loop run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_waiting_worker_gets_a_new_job_at_once(queue: JobQueue) -> None:
    waiting = asyncio.create_task(claimed(queue))
    await asyncio.wait({waiting}, timeout=0.05)
    assert not waiting.done()
    await queue.create(new_job())
    leased = await asyncio.wait_for(waiting, 1)
    assert leased.job.job_id == "img_1"


async def test_a_claim_without_a_job_ends_in_time(queue: JobQueue) -> None:
    assert await queue.claim(0) is None
    assert await asyncio.wait_for(queue.claim(0.05), 2) is None


async def test_many_workers_share_many_jobs(queue: JobQueue) -> None:
    waiting = [asyncio.create_task(claimed(queue)) for _ in range(20)]
    await settled()
    for number in range(20):
        await queue.create(new_job(number))
    got = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert sorted(leased.job.job_id for leased in got) == sorted(f"img_{number}" for number in range(20))


async def test_a_worker_that_left_while_waiting_gets_no_job(queue: JobQueue, store: Store) -> None:
    gone = [asyncio.create_task(claimed(queue)) for _ in range(5)]
    staying = asyncio.create_task(claimed(queue))
    await asyncio.wait({staying}, timeout=0.05)
    for task in gone:
        task.cancel()
    await queue.create(new_job())
    leased = await asyncio.wait_for(staying, 1)
    assert leased.job.attempt_count == 1


@pytest.mark.parametrize("steps", range(12))
async def test_a_worker_that_leaves_at_any_point_of_its_claim_costs_no_attempt(
    queue: JobQueue, store: Store, steps: int
) -> None:
    await queue.create(new_job())
    leaving = asyncio.create_task(queue.claim(10))
    for _ in range(steps):
        await asyncio.sleep(0)
    leaving.cancel()
    (outcome,) = await asyncio.gather(leaving, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError | LeasedJob)
    if isinstance(outcome, asyncio.CancelledError):
        leased = await asyncio.wait_for(claimed(queue), 1)
        assert leased.job.attempt_count == 1


async def test_a_call_that_comes_to_nothing_goes_to_the_next_worker() -> None:
    line = ClaimLine()
    with line.join() as second, line.join() as third:
        with line.join() as first:
            assert [turn.call() for turn in (first, first)] == [True, False]
        await asyncio.wait_for(second.wait(5), 1)
        assert not second.wasted
        waiting = asyncio.create_task(third.wait(0.01))
        await waiting
        line.call_next()
        await asyncio.wait_for(third.wait(5), 1)


async def test_a_silent_worker_loses_its_job_to_the_next_one(hasty_queue: JobQueue) -> None:
    queue = hasty_queue
    await queue.create(new_job())
    first = await claimed(queue)
    second = await asyncio.wait_for(claimed(queue), 5)
    assert (second.job.job_id, second.job.attempt_count) == ("img_1", 2)
    assert second.lease.token != first.lease.token
    with pytest.raises(DomainError) as caught:
        await queue.renew(first.lease, 50)
    assert caught.value.reason is Reason.LEASE_LOST


async def test_after_the_last_attempt_the_job_fails_and_says_why(hasty_queue: JobQueue, store: Store) -> None:
    queue = hasty_queue
    await queue.create(new_job())
    for attempt in (1, 2, 3):
        assert (await asyncio.wait_for(claimed(queue), 5)).job.attempt_count == attempt
    job = await in_state(store, JobState.FAILED)
    assert job.failure is not None
    assert job.failure.reason == "ENGINE_FAILED"
    assert "3 times" in job.failure.message


async def test_a_renewed_lease_holds(store: Store) -> None:
    async with started(store, lease_s=0.8) as queue:
        await queue.create(new_job())
        leased = await claimed(queue)
        for percent in range(10, 60, 10):
            # A wait for another job is the clock: together five of them are longer than the lease.
            assert await queue.claim(0.2) is None
            assert (await queue.renew(leased.lease, percent)).progress_percent == percent
        assert (await store.get_job(SCOPE, "img_1")).attempt_count == 1


async def test_a_running_job_gets_a_fresh_lease_after_a_restart(queue: JobQueue, store: Store) -> None:
    await queue.create(new_job())
    leased = await claimed(queue)
    await queue.close()
    async with started(store, lease_s=0.8) as restarted:
        assert (await restarted.renew(leased.lease, 30)).progress_percent == 30
        assert (await asyncio.wait_for(claimed(restarted), 5)).job.attempt_count == 2


async def test_a_process_that_stood_still_gives_every_lease_its_time_again() -> None:
    expired: list[Lease] = []
    timers = LeaseTimers(0.05, expired.append)
    timers.start(Lease("img_1", "t"))
    # Blocks the loop like a stopped process: the timer fires far too late.
    time.sleep(1.2)  # noqa: ASYNC251 - that is the fault
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert expired == []

    async def probe() -> bool:
        return bool(expired)

    await eventually(probe)
    assert expired == [Lease("img_1", "t")]


async def test_a_watcher_sees_the_way_of_a_job_to_its_end(queue: JobQueue) -> None:
    await queue.create(new_job())
    seen: list[tuple[JobState, int]] = []
    started = asyncio.Event()

    async def watch() -> None:
        async with aclosing(queue.watch(SCOPE, "img_1")) as states:
            async for job in states:
                seen.append((job.state, job.progress_percent))
                started.set()

    watching = asyncio.create_task(watch())
    await started.wait()
    leased = await claimed(queue)
    await settled()
    await queue.renew(leased.lease, 40)
    await settled()
    await queue.finish(leased.lease, Blob("none", 0))
    await asyncio.wait_for(watching, 2)
    assert seen == [(JobState.QUEUED, 0), (JobState.RUNNING, 0), (JobState.RUNNING, 40), (JobState.COMPLETED, 100)]


async def test_a_slow_watcher_gets_the_latest_state_only(queue: JobQueue) -> None:
    await queue.create(new_job())
    leased = await claimed(queue)
    async with aclosing(queue.watch(SCOPE, "img_1")) as states:
        assert (await anext(states)).state is JobState.RUNNING
        for percent in range(1, 50):
            await queue.renew(leased.lease, percent)
        await queue.finish(leased.lease, JobFailure("ENGINE_FAILED", "No."))
        assert (await anext(states)).state is JobState.FAILED
        with pytest.raises(StopAsyncIteration):
            await anext(states)


async def test_an_older_state_never_replaces_a_newer_one(queue: JobQueue) -> None:
    old = await queue.create(new_job())
    new = (await claimed(queue)).job
    watch = Watch()
    watch.offer(new)
    watch.offer(old)
    assert (await anext(watch.states())) == new


async def test_a_caller_that_leaves_does_not_keep_the_news_from_others(queue: JobQueue) -> None:
    await queue.create(new_job())
    async with aclosing(queue.watch(SCOPE, "img_1")) as states:
        assert (await anext(states)).state is JobState.QUEUED
        leaving = asyncio.create_task(queue.cancel(SCOPE, "img_1"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await asyncio.wait_for(anext(states), 2)).state is JobState.CANCELLED


async def test_a_stopping_service_ends_every_wait(queue: JobQueue) -> None:
    await queue.create(new_job())
    await claimed(queue)
    waiting = asyncio.create_task(queue.claim(30))
    async with aclosing(queue.watch(SCOPE, "img_1")) as states:
        await anext(states)
        shutting_down.set()
        with pytest.raises(DomainError) as caught:
            await asyncio.wait_for(anext(states), 2)
        assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
    assert await asyncio.wait_for(waiting, 2) is None
