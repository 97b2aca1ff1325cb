"""Client of quintet.jobs.v1."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from dataclasses import dataclass

import grpc
from google.protobuf.duration_pb2 import Duration

from quintet.jobs.v1 import job_service_pb2 as pb
from quintet.jobs.v1 import job_service_pb2_grpc as rpc
from quintet.session.v1.session_service_pb2 import Scope
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.channel import READ_DEADLINE_S, UPLOAD_DEADLINE_S, WRITE_DEADLINE_S
from quintet_rpc.uploads import upload_messages


@dataclass(frozen=True)
class Lease:
    """A claimed job and the proof of the claim."""

    job: pb.Job
    token: str
    duration_s: float


class JobClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.JobServiceStub(channel)

    async def create(self, config: pb.CreateJobConfig, chunks: AsyncIterable[bytes] | Iterable[bytes]) -> pb.Job:
        """Creates a durable job; an exception of `chunks` aborts the upload and nothing is stored."""
        messages = upload_messages(
            pb.CreateJobRequest(config=config), chunks, lambda piece: pb.CreateJobRequest(input=piece)
        )
        return (await call_unary(self._stub.CreateJob, messages, deadline_s=UPLOAD_DEADLINE_S)).job

    async def get(self, scope: Scope, job_id: str) -> pb.Job:
        """Returns a job without its result."""
        request = pb.GetJobRequest(scope=scope, job_id=job_id)
        return (await call_unary(self._stub.GetJob, request, deadline_s=READ_DEADLINE_S)).job

    async def result(self, scope: Scope, job_id: str) -> bytes:
        """Returns the serialized JobResult of a completed job."""
        request = pb.ReadJobResultRequest(scope=scope, job_id=job_id)
        responses = call_stream(self._stub.ReadJobResult, request, deadline_s=UPLOAD_DEADLINE_S)
        return b"".join([response.chunk async for response in responses])

    async def claim(self, worker_id: str, wait_s: int) -> Lease | None:
        """Waits for a job for at most `wait_s` seconds."""
        request = pb.ClaimJobRequest(worker_id=worker_id, wait_duration=Duration(seconds=wait_s))
        response = await call_unary(self._stub.ClaimJob, request, deadline_s=wait_s + READ_DEADLINE_S)
        if not response.lease_token:
            return None
        return Lease(response.job, response.lease_token, response.lease_duration.ToTimedelta().total_seconds())

    async def input(self, lease: Lease) -> AsyncGenerator[bytes, None]:
        """Yields the input of a claimed job."""
        request = pb.ReadJobInputRequest(job_id=lease.job.job_id, lease_token=lease.token)
        async for response in call_stream(self._stub.ReadJobInput, request, deadline_s=UPLOAD_DEADLINE_S):
            yield response.chunk

    async def renew(self, lease: Lease, progress_percent: int) -> bool:
        """Renews a lease, records progress, and tells whether the job was cancelled."""
        request = pb.RenewJobRequest(
            job_id=lease.job.job_id, lease_token=lease.token, progress_percent=progress_percent
        )
        return (await call_unary(self._stub.RenewJob, request, deadline_s=WRITE_DEADLINE_S)).cancelled

    async def finish(self, lease: Lease, result: bytes, error: pb.JobError | None) -> pb.Job:
        """Ends a claimed job with a result or an error."""
        config = pb.FinishJobConfig(job_id=lease.job.job_id, lease_token=lease.token, error=error)
        messages = upload_messages(
            pb.FinishJobRequest(config=config),
            () if error else (result,),
            lambda piece: pb.FinishJobRequest(result=piece),
        )
        return (await call_unary(self._stub.FinishJob, messages, deadline_s=UPLOAD_DEADLINE_S)).job
