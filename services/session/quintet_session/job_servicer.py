"""quintet.jobs.v1 over a store and its queue."""

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing

from google.protobuf.duration_pb2 import Duration

from quintet.jobs.v1 import job_service_pb2 as pb
from quintet.jobs.v1 import job_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_observability import get_logger
from quintet_rpc.context import Context
from quintet_rpc.uploads import CHUNK_BYTES, read_chunks
from quintet_session import validation
from quintet_session.job_queue import JobQueue
from quintet_session.store import Blob, JobFailure, JobRecord, JobState, Lease, NewJob, Scope, Store
from quintet_session.translate import to_job
from quintet_session.uploads import Cleanups, Upload, read_blob

_log = get_logger(__name__)


class JobServicer(rpc.JobServiceServicer):
    """Checks arguments, moves bytes, and translates."""

    def __init__(self, store: Store, queue: JobQueue, cleanups: Cleanups, max_upload_bytes: int) -> None:
        self._store = store
        self._queue = queue
        self._cleanups = cleanups
        self._max_bytes = max_upload_bytes

    async def CreateJob(
        self, request_iterator: AsyncIterator[pb.CreateJobRequest], context: Context
    ) -> pb.CreateJobResponse:
        """Stores the input, then the job."""
        chunks = read_chunks(request_iterator, "input", self._max_bytes)
        config: pb.CreateJobConfig = await anext(chunks)
        scope = validation.scope(config.scope)
        task = validation.task(config.task)
        self._queue.check_room()
        job_id = f"{validation.id_prefix(config.id_prefix)}_{secrets.token_hex(12)}"
        async with self._cleanups.upload() as upload:
            async for chunk in chunks:
                await upload.add(chunk)
            job = await self._queue.create(NewJob(job_id, scope, task, await upload.finish()))
            upload.keep()
        return pb.CreateJobResponse(job=to_job(job))

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """Returns a job without its result."""
        job = await self._store.get_job(*_named(request))
        return pb.GetJobResponse(job=to_job(job))

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[pb.WatchJobResponse]:
        """Sends the job now and after each change."""
        async with aclosing(self._queue.watch(*_named(request))) as states:
            async for job in states:
                yield pb.WatchJobResponse(job=to_job(job))

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """Cancels a job."""
        return pb.CancelJobResponse(job=to_job(await self._queue.cancel(*_named(request))))

    async def ReadJobResult(
        self, request: pb.ReadJobResultRequest, context: Context
    ) -> AsyncIterator[pb.ReadJobResultResponse]:
        """Sends the result of a completed job."""
        job = await self._store.get_job(*_named(request))
        if job.state is not JobState.COMPLETED:
            raise DomainError(
                Reason.JOB_STATE_CONFLICT,
                f"The job has no result: it is {job.state.value}.",
                {"state": job.state.value},
            )
        if job.result is not None:
            gone = DomainError(Reason.JOB_NOT_FOUND, "The job is no longer kept.", {"jobId": job.job_id})
            async with aclosing(read_blob(self._store, job.result, CHUNK_BYTES, gone)) as pieces:
                async for piece in pieces:
                    yield pb.ReadJobResultResponse(chunk=piece)

    async def ClaimJob(self, request: pb.ClaimJobRequest, context: Context) -> pb.ClaimJobResponse:
        """Hands a waiting job to a worker."""
        worker_id = validation.required(request.worker_id, "worker_id", validation.LONGEST_WORKER_ID)
        leased = await self._queue.claim(validation.wait_s(request))
        if leased is None:
            return pb.ClaimJobResponse()
        if context.cancelled():
            await self._queue.give_back(leased)
            return pb.ClaimJobResponse()
        _log.info("job_claimed", job_id=leased.job.job_id, worker=worker_id, attempt=leased.job.attempt_count)
        duration = Duration()
        duration.FromMilliseconds(int(self._queue.lease_s * 1000))
        return pb.ClaimJobResponse(job=to_job(leased.job), lease_token=leased.lease.token, lease_duration=duration)

    async def ReadJobInput(
        self, request: pb.ReadJobInputRequest, context: Context
    ) -> AsyncIterator[pb.ReadJobInputResponse]:
        """Sends the input of a claimed job."""
        lease = validation.lease(request.job_id, request.lease_token)
        blob = await self._store.leased_input(lease)
        lost = DomainError(Reason.LEASE_LOST, "The job ended while its input was read.")
        async with aclosing(read_blob(self._store, blob, CHUNK_BYTES, lost)) as pieces:
            async for piece in pieces:
                yield pb.ReadJobInputResponse(chunk=piece)

    async def RenewJob(self, request: pb.RenewJobRequest, context: Context) -> pb.RenewJobResponse:
        """Renews a lease and records progress."""
        lease = validation.lease(request.job_id, request.lease_token)
        job = await self._queue.renew(lease, validation.progress(request.progress_percent))
        return pb.RenewJobResponse(cancelled=job.state is JobState.CANCELLED)

    async def FinishJob(
        self, request_iterator: AsyncIterator[pb.FinishJobRequest], context: Context
    ) -> pb.FinishJobResponse:
        """Stores the result, then the end of the job."""
        chunks = read_chunks(request_iterator, "result", self._max_bytes)
        config: pb.FinishJobConfig = await anext(chunks)
        lease = validation.lease(config.job_id, config.lease_token)
        failure = validation.failure(config.error) if config.HasField("error") else None
        async with self._cleanups.upload() as upload:
            async for chunk in chunks:
                _check_wanted(failure)
                self._queue.touch(lease)
                await upload.add(chunk)
            job = await self._finish(lease, failure, upload)
        return pb.FinishJobResponse(job=to_job(job))

    async def _finish(self, lease: Lease, failure: JobFailure | None, upload: Upload) -> JobRecord:
        if failure is not None:
            return await self._queue.finish(lease, failure)
        blob = await upload.finish()
        job = await self._queue.finish(lease, blob)
        if _refers_to(job, blob):
            upload.keep()
        return job


def _named(
    request: pb.GetJobRequest | pb.WatchJobRequest | pb.CancelJobRequest | pb.ReadJobResultRequest,
) -> tuple[Scope, str]:
    return validation.scope(request.scope), validation.required(request.job_id, "job_id")


def _check_wanted(failure: JobFailure | None) -> None:
    if failure is not None:
        raise DomainError(Reason.STREAM_OUT_OF_ORDER, "A failed job has no `result`.")


def _refers_to(job: JobRecord, blob: Blob) -> bool:
    # A repeated finish leaves the result of the first one in place.
    return job.result is not None and job.result.blob_id == blob.blob_id
