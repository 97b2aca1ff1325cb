"""Client of quintet.usage.v1."""

from collections.abc import Sequence

import grpc

from quintet.usage.v1 import usage_service_pb2 as pb
from quintet.usage.v1 import usage_service_pb2_grpc as rpc
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import READ_DEADLINE_S, WRITE_DEADLINE_S


class UsageClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.UsageServiceStub(channel)

    async def record(self, records: Sequence[pb.UsageRecord]) -> None:
        """Stores 1 to 100 records, all or none; safe to repeat with the same record ids."""
        await call_unary(self._stub.RecordUsage, pb.RecordUsageRequest(records=records), deadline_s=WRITE_DEADLINE_S)

    async def summarize(self, request: pb.SummarizeUsageRequest) -> Sequence[pb.UsageSummary]:
        """Returns sums, the group with the most calls first."""
        return (await call_unary(self._stub.SummarizeUsage, request, deadline_s=READ_DEADLINE_S)).groups

    async def list_page(self, request: pb.ListUsageRequest) -> pb.ListUsageResponse:
        """Returns one page of single records, the newest first."""
        return await call_unary(self._stub.ListUsage, request, deadline_s=READ_DEADLINE_S)
