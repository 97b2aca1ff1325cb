"""Jobs as the one who asked for them sees them."""

import asyncio
from collections.abc import AsyncIterable

from quintet.jobs.v1.job_result_pb2 import JobResult
from quintet.jobs.v1.job_service_pb2 import CreateJobConfig, Job, JobTask
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.jobs import JobClient

# Parsing more than this would hold the event loop for a millisecond and longer.
_PARSED_AT_ONCE = 1 << 20


class Jobs:
    """Accepts jobs and tells how they are. Methods that name a job raise DomainError JOB_NOT_FOUND."""

    def __init__(self, client: JobClient) -> None:
        self._client = client

    async def accept(
        self, owner: Owner, task: JobTask, id_prefix: str, upload: AsyncIterable[bytes] | None = None
    ) -> Job:
        """Stores a job with its input; once this returns, the job will be run whatever happens to this process.

        An exception of `upload` aborts the job, and nothing of it is kept.
        """
        config = CreateJobConfig(scope=owner.scope(), task=task, id_prefix=id_prefix)
        return await self._client.create(config, upload if upload is not None else ())

    async def get(self, owner: Owner, job_id: str) -> Job:
        """Returns a job without its result."""
        return await self._client.get(owner.scope(), job_id)

    async def result(self, owner: Owner, job_id: str) -> JobResult:
        """Returns the result of a completed job."""
        data = await self._client.result(owner.scope(), job_id)
        if len(data) < _PARSED_AT_ONCE:
            return JobResult.FromString(data)
        return await asyncio.to_thread(JobResult.FromString, data)
