"""quintet.jobs.v1 over real gRPC."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from refusals import refused

from quintet.jobs.v1 import job_service_pb2 as pb
from quintet.jobs.v1 import job_service_pb2_grpc as rpc
from quintet.session.v1.session_service_pb2 import Scope
from quintet_errors import Reason
from quintet_testing import eventually

SCOPE = Scope(surface="nexus", owner="anonymous")
TASK = pb.JobTask(kind=pb.JobTask.KIND_IMAGE_QUESTION, text="What is it?", language="en", session_id="s", script="x")
CONFIG = pb.CreateJobConfig(scope=SCOPE, task=TASK, id_prefix="img")
CHUNK = 64 << 10


def upload(data: bytes, config: pb.CreateJobConfig = CONFIG) -> Iterable[pb.CreateJobRequest]:
    yield pb.CreateJobRequest(config=config)
    for start in range(0, len(data), CHUNK):
        yield pb.CreateJobRequest(input=data[start : start + CHUNK])


def finish(
    job_id: str, token: str, data: bytes = b"", error: pb.JobError | None = None
) -> Iterable[pb.FinishJobRequest]:
    yield pb.FinishJobRequest(config=pb.FinishJobConfig(job_id=job_id, lease_token=token, error=error))
    for start in range(0, len(data), CHUNK):
        yield pb.FinishJobRequest(result=data[start : start + CHUNK])


async def test_a_full_queue_takes_no_input(serving: Any) -> None:
    async def config_only() -> AsyncIterator[pb.CreateJobRequest]:
        yield pb.CreateJobRequest(config=CONFIG)
        await asyncio.Event().wait()

    async with serving(max_queued_jobs=2) as running:
        first = await create(running.jobs)
        await create(running.jobs)
        refusal = await refused(running.jobs.CreateJob(config_only(), timeout=10))
        assert refusal.reason is Reason.ENGINE_BUSY
        assert int(refusal.metadata["retryAfterSeconds"]) >= 1
        assert (await claim(running.jobs)).job.job_id == first.job_id
        assert (await create(running.jobs)).state == pb.Job.STATE_QUEUED


async def create(jobs: rpc.JobServiceStub, data: bytes = b"") -> pb.Job:
    return (await jobs.CreateJob(upload(data))).job


async def claim(jobs: rpc.JobServiceStub, wait_s: int = 0) -> pb.ClaimJobResponse:
    return await jobs.ClaimJob(pb.ClaimJobRequest(worker_id="w", wait_duration=Duration(seconds=wait_s)))


async def get(jobs: rpc.JobServiceStub, job_id: str) -> pb.Job:
    return (await jobs.GetJob(pb.GetJobRequest(scope=SCOPE, job_id=job_id))).job


async def read_input(jobs: rpc.JobServiceStub, claimed: pb.ClaimJobResponse) -> list[bytes]:
    request = pb.ReadJobInputRequest(job_id=claimed.job.job_id, lease_token=claimed.lease_token)
    return [response.chunk async for response in jobs.ReadJobInput(request)]


async def read_result(jobs: rpc.JobServiceStub, job_id: str) -> bytes:
    request = pb.ReadJobResultRequest(scope=SCOPE, job_id=job_id)
    return b"".join([response.chunk async for response in jobs.ReadJobResult(request)])


def stored_chunks(folder: Path) -> int:
    connection = sqlite3.connect(folder / "quintet.db")
    (count,) = connection.execute("SELECT count(*) FROM chunks").fetchone()
    connection.close()
    return int(count)


async def test_a_job_from_its_upload_to_its_result(jobs: rpc.JobServiceStub) -> None:
    data = os.urandom(1_000_001)
    created = await create(jobs, data)
    assert created.job_id.startswith("img_")
    assert (created.state, created.input_bytes, created.progress_percent) == (pb.Job.STATE_QUEUED, len(data), 0)
    assert created.task == TASK
    assert not created.HasField("finish_time")
    claimed = await claim(jobs)
    assert (claimed.job.state, claimed.job.attempt_count) == (pb.Job.STATE_RUNNING, 1)
    assert claimed.lease_duration.ToTimedelta().total_seconds() == 10
    chunks = await read_input(jobs, claimed)
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= CHUNK
    renewal = pb.RenewJobRequest(job_id=created.job_id, lease_token=claimed.lease_token, progress_percent=40)
    assert not (await jobs.RenewJob(renewal)).cancelled
    assert (await get(jobs, created.job_id)).progress_percent == 40
    result = os.urandom(700_000)
    ended = (await jobs.FinishJob(finish(created.job_id, claimed.lease_token, result))).job
    assert (ended.state, ended.progress_percent) == (pb.Job.STATE_COMPLETED, 100)
    assert ended.finish_time.ToMicroseconds() >= ended.create_time.ToMicroseconds()
    assert await read_result(jobs, created.job_id) == result


async def test_empty_input_and_empty_result(jobs: rpc.JobServiceStub) -> None:
    created = await create(jobs)
    claimed = await claim(jobs)
    assert await read_input(jobs, claimed) == []
    await jobs.FinishJob(finish(created.job_id, claimed.lease_token))
    assert await read_result(jobs, created.job_id) == b""


async def test_a_failed_job_tells_why(jobs: rpc.JobServiceStub) -> None:
    created = await create(jobs)
    claimed = await claim(jobs)
    error = pb.JobError(reason="NO_SPEECH", message="No speech detected")
    ended = (await jobs.FinishJob(finish(created.job_id, claimed.lease_token, error=error))).job
    assert (ended.state, ended.error) == (pb.Job.STATE_FAILED, error)
    assert ended.progress_percent < 100
    refusal = await refused(read_result(jobs, created.job_id))
    assert refusal.reason is Reason.JOB_STATE_CONFLICT


async def test_a_repeated_finish_keeps_the_first_result_and_no_other_bytes(service: Any, tmp_path: Path) -> None:
    created = await create(service.jobs)
    claimed = await claim(service.jobs)
    for data in (b"first", b"second"):
        await service.jobs.FinishJob(finish(created.job_id, claimed.lease_token, data))
    assert await read_result(service.jobs, created.job_id) == b"first"

    async def probe() -> bool:
        return stored_chunks(tmp_path) == 1

    await eventually(probe)


async def test_watch_shows_a_job_until_its_end(jobs: rpc.JobServiceStub) -> None:
    created = await create(jobs)
    watch = jobs.WatchJob(pb.WatchJobRequest(scope=SCOPE, job_id=created.job_id))
    assert (await watch.read()).job.state == pb.Job.STATE_QUEUED  # type: ignore[union-attr]
    claimed = await claim(jobs)
    assert (await watch.read()).job.state == pb.Job.STATE_RUNNING  # type: ignore[union-attr]
    await jobs.FinishJob(finish(created.job_id, claimed.lease_token, b"x"))
    assert (await watch.read()).job.state == pb.Job.STATE_COMPLETED  # type: ignore[union-attr]
    assert await watch.read() is grpc.aio.EOF


async def test_a_cancelled_job_ends_and_its_worker_is_told(jobs: rpc.JobServiceStub) -> None:
    created = await create(jobs)
    claimed = await claim(jobs)
    cancel = pb.CancelJobRequest(scope=SCOPE, job_id=created.job_id)
    assert (await jobs.CancelJob(cancel)).job.state == pb.Job.STATE_CANCELLED
    renewal = pb.RenewJobRequest(job_id=created.job_id, lease_token=claimed.lease_token, progress_percent=50)
    assert (await jobs.RenewJob(renewal)).cancelled
    error = await refused(jobs.FinishJob(finish(created.job_id, claimed.lease_token, b"late")))
    assert error.reason is Reason.JOB_STATE_CONFLICT
    assert (await get(jobs, created.job_id)).progress_percent < 100


async def test_other_owners_do_not_see_a_job(jobs: rpc.JobServiceStub) -> None:
    job_id = (await create(jobs)).job_id
    other = Scope(surface="nexus", owner="someone")
    calls = [
        jobs.GetJob(pb.GetJobRequest(scope=other, job_id=job_id)),
        jobs.CancelJob(pb.CancelJobRequest(scope=other, job_id=job_id)),
        jobs.WatchJob(pb.WatchJobRequest(scope=other, job_id=job_id)).read(),
        jobs.ReadJobResult(pb.ReadJobResultRequest(scope=other, job_id=job_id)).read(),
    ]
    for call in calls:
        error = await refused(call)
        assert (error.reason, error.metadata) == (Reason.JOB_NOT_FOUND, {"jobId": job_id})


async def test_a_worker_that_hangs_up_gets_no_job(jobs: rpc.JobServiceStub) -> None:
    calls = [jobs.ClaimJob(pb.ClaimJobRequest(worker_id="w", wait_duration=Duration(seconds=30))) for _ in range(20)]
    staying = asyncio.ensure_future(claim(jobs, wait_s=20))
    await asyncio.wait({staying}, timeout=0.1)
    for call in calls:
        call.cancel()
    created = await create(jobs)
    claimed = await asyncio.wait_for(staying, 5)
    assert (claimed.job.job_id, claimed.job.attempt_count) == (created.job_id, 1)


async def test_a_broken_upload_leaves_nothing(service: Any, tmp_path: Path) -> None:
    sent = asyncio.Event()

    async def stalled() -> AsyncIterator[pb.CreateJobRequest]:
        for message in upload(os.urandom(2 << 20)):
            yield message
        sent.set()
        await asyncio.Event().wait()

    call = service.jobs.CreateJob(stalled())
    await asyncio.wait_for(sent.wait(), 10)

    async def arrived() -> bool:
        return stored_chunks(tmp_path) > 0

    async def removed() -> bool:
        return stored_chunks(tmp_path) == 0

    await eventually(arrived)
    call.cancel()
    await eventually(removed)
    assert not (await claim(service.jobs)).lease_token


BAD_UPLOADS: list[tuple[list[pb.CreateJobRequest], Reason]] = [
    ([], Reason.STREAM_OUT_OF_ORDER),
    ([pb.CreateJobRequest()], Reason.STREAM_OUT_OF_ORDER),
    ([pb.CreateJobRequest(input=b"x")], Reason.STREAM_OUT_OF_ORDER),
    ([pb.CreateJobRequest(config=CONFIG)] * 2, Reason.STREAM_OUT_OF_ORDER),
    ([pb.CreateJobRequest(config=CONFIG), *[pb.CreateJobRequest(input=bytes(1 << 20))] * 33], Reason.PAYLOAD_TOO_LARGE),
    ([pb.CreateJobRequest(config=pb.CreateJobConfig(task=TASK, id_prefix="img"))], Reason.MISSING_FIELD),
    ([pb.CreateJobRequest(config=pb.CreateJobConfig(scope=SCOPE, id_prefix="img"))], Reason.MISSING_FIELD),
    ([pb.CreateJobRequest(config=pb.CreateJobConfig(scope=SCOPE, task=TASK))], Reason.MISSING_FIELD),
    (
        [pb.CreateJobRequest(config=pb.CreateJobConfig(scope=SCOPE, task=TASK, id_prefix="../"))],
        Reason.INVALID_ARGUMENT,
    ),
    (
        [
            pb.CreateJobRequest(
                config=pb.CreateJobConfig(scope=SCOPE, task=pb.JobTask(kind=5, text="é" * 33_000), id_prefix="tts")  # type: ignore[arg-type]
            )
        ],
        Reason.PAYLOAD_TOO_LARGE,
    ),
]


@pytest.mark.parametrize(("messages", "reason"), BAD_UPLOADS)
async def test_bad_uploads_are_refused_and_leave_nothing(
    service: Any, tmp_path: Path, messages: list[pb.CreateJobRequest], reason: Reason
) -> None:
    assert (await refused(service.jobs.CreateJob(iter(messages)))).reason is reason

    async def removed() -> bool:
        return stored_chunks(tmp_path) == 0

    await eventually(removed)
    assert not (await claim(service.jobs)).lease_token


LEASED = {"job_id": "img_1", "lease_token": "t"}
BAD_CALLS = [
    ("ClaimJob", pb.ClaimJobRequest(), Reason.MISSING_FIELD),
    ("ClaimJob", pb.ClaimJobRequest(worker_id="w" * 129), Reason.INVALID_ARGUMENT),
    ("ClaimJob", pb.ClaimJobRequest(worker_id="w", wait_duration=Duration(seconds=31)), Reason.INVALID_ARGUMENT),
    ("ClaimJob", pb.ClaimJobRequest(worker_id="w", wait_duration=Duration(seconds=-1)), Reason.INVALID_ARGUMENT),
    ("RenewJob", pb.RenewJobRequest(job_id="img_1"), Reason.MISSING_FIELD),
    ("RenewJob", pb.RenewJobRequest(**LEASED, progress_percent=100), Reason.INVALID_ARGUMENT),
    ("RenewJob", pb.RenewJobRequest(**LEASED, progress_percent=-1), Reason.INVALID_ARGUMENT),
    ("RenewJob", pb.RenewJobRequest(**LEASED), Reason.JOB_NOT_FOUND),
    ("GetJob", pb.GetJobRequest(scope=SCOPE), Reason.MISSING_FIELD),
    ("GetJob", pb.GetJobRequest(job_id="img_1"), Reason.MISSING_FIELD),
    ("GetJob", pb.GetJobRequest(scope=SCOPE, job_id="x" * 100_000), Reason.JOB_NOT_FOUND),
]


@pytest.mark.parametrize(("method", "request_message", "reason"), BAD_CALLS)
async def test_bad_arguments_are_refused(
    jobs: rpc.JobServiceStub, method: str, request_message: Any, reason: Reason
) -> None:
    assert (await refused(getattr(jobs, method)(request_message))).reason is reason


async def test_bad_ends_are_refused_and_the_job_goes_on(jobs: rpc.JobServiceStub) -> None:
    created = await create(jobs)
    claimed = await claim(jobs)
    token = claimed.lease_token
    failed = pb.JobError(reason="NO_SPEECH", message="None")
    for messages, reason in (
        (finish(created.job_id, token, b"x", failed), Reason.STREAM_OUT_OF_ORDER),
        (finish(created.job_id, token, error=pb.JobError(reason="OOPS", message="x")), Reason.INVALID_ARGUMENT),
        (finish(created.job_id, token, error=pb.JobError(reason="NO_SPEECH")), Reason.MISSING_FIELD),
        (finish(created.job_id, "", b"x"), Reason.MISSING_FIELD),
        (finish(created.job_id, "forged", b"x"), Reason.LEASE_LOST),
    ):
        assert (await refused(jobs.FinishJob(messages))).reason is reason
    assert (await get(jobs, created.job_id)).state == pb.Job.STATE_RUNNING


async def test_many_uploads_at_once_arrive_whole(jobs: rpc.JobServiceStub) -> None:
    inputs = [os.urandom(1_000_000) for _ in range(30)]
    created = await asyncio.gather(*(create(jobs, data) for data in inputs))
    expected = {job.job_id: data for job, data in zip(created, inputs, strict=True)}
    for _ in inputs:
        claimed = await claim(jobs)
        assert b"".join(await read_input(jobs, claimed)) == expected.pop(claimed.job.job_id)
