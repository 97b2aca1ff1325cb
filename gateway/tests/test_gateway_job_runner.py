"""Jobs over a scripted queue and scripted works: each ends once, whatever happens on the way."""

import asyncio
from collections import defaultdict

import pytest

from quintet.jobs.v1.job_result_pb2 import JobResult
from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.job_runner import JobRunner
from quintet_gateway.clients.jobs import Lease

SPEECH, HEARING = JobTask.KIND_SPEECH, JobTask.KIND_TRANSCRIPTION


class ScriptedQueue:
    """Hands out the jobs that are put in, and keeps how each ended."""

    def __init__(self):
        self.waiting = asyncio.Queue()
        self.ended = {}
        self.claimed = []
        self.failures = defaultdict(list)
        self.changed = asyncio.Condition()
        self.lost = set()
        self.progress = {}

    def put(self, job_id, kind=SPEECH, lease_s=30.0):
        job = Job(job_id=job_id, task=JobTask(kind=kind, text="x"))
        self.waiting.put_nowait(Lease(job, f"token-{job_id}", lease_s))

    def _fail(self, call):
        if self.failures[call]:
            raise self.failures[call].pop(0)

    async def claim(self, worker_id, wait_s):
        self._fail("claim")
        lease = await self.waiting.get()
        self.claimed.append(lease.job.job_id)
        return lease

    async def renew(self, lease, percent):
        self._fail("renew")
        self.progress[lease.job.job_id] = percent
        if lease.job.job_id in self.lost:
            raise DomainError(Reason.LEASE_LOST, "Gone.")
        return False

    async def finish(self, lease, result, error):
        self._fail("finish")
        async with self.changed:
            assert lease.job.job_id not in self.ended
            self.ended[lease.job.job_id] = error.reason if error else "completed"
            self.changed.notify_all()
        return Job(state=Job.STATE_FAILED if error else Job.STATE_COMPLETED)

    async def end_of(self, *job_ids):
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.ended.keys() >= set(job_ids))
        return [self.ended[job_id] for job_id in job_ids]


class ScriptedWorks:
    """Does what is scripted for a kind: fails so many times, or waits until it is let go."""

    def __init__(self):
        self.failures = defaultdict(list)
        self.gates = {}
        self.stopped = asyncio.Event()
        self.runs = 0

    async def run(self, order):
        self.runs += 1
        if self.failures[order.task.kind]:
            raise self.failures[order.task.kind].pop(0)
        order.report(40)
        try:
            if gate := self.gates.get(order.task.kind):
                await gate.wait()
        except asyncio.CancelledError:
            self.stopped.set()
            raise
        return JobResult(answer="done")


@pytest.fixture
async def queue():
    return ScriptedQueue()


@pytest.fixture
async def works():
    return ScriptedWorks()


@pytest.fixture
async def runner(queue, works):
    runner = JobRunner(queue, works, slots=1)
    runner.start()
    yield runner
    await runner.close(0)


async def test_job_is_worked_on_once_and_ends(runner, queue, works):
    queue.put("a")
    assert await queue.end_of("a") == ["completed"]
    assert works.runs == 1


@pytest.mark.parametrize("reason", [Reason.SERVICE_UNAVAILABLE, Reason.ENGINE_BUSY])
async def test_work_is_repeated_while_its_service_is_away_or_full(runner, queue, works, reason):
    works.failures[SPEECH] = [DomainError(reason, "Later.")] * 2
    queue.put("a")
    assert await queue.end_of("a") == ["completed"]
    assert works.runs == 3


async def test_error_of_the_work_ends_the_job_at_once(runner, queue, works):
    works.failures[SPEECH] = [DomainError(Reason.UNDECODABLE_MEDIA, "Broken file.")]
    queue.put("a")
    assert await queue.end_of("a") == ["UNDECODABLE_MEDIA"]


async def test_bug_in_the_work_ends_the_job_without_its_detail(runner, queue, works):
    works.failures[SPEECH] = [KeyError("secret")]
    queue.put("a")
    assert await queue.end_of("a") == ["INTERNAL"]


async def test_end_is_told_until_the_store_is_back(runner, queue):
    queue.failures["finish"] = [DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")] * 2
    queue.put("a")
    assert await queue.end_of("a") == ["completed"]


async def test_result_that_is_too_large_fails_the_job_instead_of_repeating_it(runner, queue, works):
    queue.failures["finish"] = [DomainError(Reason.PAYLOAD_TOO_LARGE, "Too large.")]
    queue.put("a")
    assert await queue.end_of("a") == ["PAYLOAD_TOO_LARGE"]
    assert works.runs == 1


async def test_claims_go_on_after_any_failure(runner, queue):
    queue.put("a")
    assert await queue.end_of("a") == ["completed"]
    queue.failures["claim"] = [DomainError(Reason.SERVICE_UNAVAILABLE, "Away."), KeyError("bug")]
    queue.put("b")
    queue.put("c")
    assert await queue.end_of("b", "c") == ["completed", "completed"]


async def test_lost_lease_stops_the_work_and_tells_no_end(runner, queue, works):
    works.gates[SPEECH] = asyncio.Event()
    queue.lost.add("a")
    queue.put("a")
    await asyncio.wait_for(works.stopped.wait(), 10)
    queue.put("b", HEARING)
    assert await queue.end_of("b") == ["completed"]
    assert "a" not in queue.ended


async def test_service_that_is_away_for_a_renewal_costs_nothing(runner, queue, works):
    works.gates[SPEECH] = asyncio.Event()
    queue.failures["renew"] = [DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")] * 2
    queue.put("a", lease_s=0.1)
    async with asyncio.timeout(10):
        while "a" not in queue.progress:
            await asyncio.sleep(0)
    works.gates[SPEECH].set()
    assert await queue.end_of("a") == ["completed"]
    assert queue.progress["a"] == 40


async def test_job_of_another_kind_passes_a_long_queue(runner, queue, works):
    works.gates[HEARING] = asyncio.Event()
    for number in range(10):
        queue.put(f"long-{number}", HEARING)
    queue.put("short")
    assert await queue.end_of("short") == ["completed"]
    works.gates[HEARING].set()
    assert set(await queue.end_of(*(f"long-{number}" for number in range(10)))) == {"completed"}


async def test_nothing_is_claimed_after_the_stop(runner, queue, works):
    works.gates[SPEECH] = asyncio.Event()
    queue.put("a")
    async with asyncio.timeout(10):
        while not works.runs:
            await asyncio.sleep(0)
    await runner.stop_claiming()
    queue.put("b")
    works.gates[SPEECH].set()
    assert await queue.end_of("a") == ["completed"]
    assert queue.claimed == ["a"]
