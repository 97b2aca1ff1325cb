"""quintet.usage.v1 over a store."""

from google.protobuf.duration_pb2 import Duration

from quintet.usage.v1 import usage_service_pb2 as pb
from quintet.usage.v1 import usage_service_pb2_grpc as rpc
from quintet_rpc.context import Context
from quintet_session import page_tokens, usage_validation, validation
from quintet_session.translate import to_scope, to_timestamp
from quintet_session.usage_store import UsageFilter, UsageGroup, UsageRecord, UsageStore

# What fits into one message even with the longest names.
_MOST_GROUPS = 4500
_OUTCOME_NUMBERS = {outcome: number for number, outcome in usage_validation.OUTCOMES.items()}


class UsageServicer(rpc.UsageServiceServicer):
    """Checks arguments, asks the store, and translates."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store

    async def RecordUsage(self, request: pb.RecordUsageRequest, context: Context) -> pb.RecordUsageResponse:
        """Stores records, all or none."""
        await self._store.record_usage(usage_validation.records(request.records))
        return pb.RecordUsageResponse()

    async def SummarizeUsage(self, request: pb.SummarizeUsageRequest, context: Context) -> pb.SummarizeUsageResponse:
        """Sums up records."""
        chosen = usage_validation.usage_filter(request.filter)
        dimensions = usage_validation.dimensions(request.dimensions)
        groups = await self._store.summarize_usage(chosen, dimensions, _MOST_GROUPS + 1)
        if len(groups) > _MOST_GROUPS:
            raise validation.invalid("dimensions", f"such that there are at most {_MOST_GROUPS} groups")
        return pb.SummarizeUsageResponse(groups=[_to_summary(group) for group in groups])

    async def ListUsage(self, request: pb.ListUsageRequest, context: Context) -> pb.ListUsageResponse:
        """Returns one page of single records."""
        chosen = usage_validation.usage_filter(request.filter)
        listing = _listing(chosen)
        position = page_tokens.decode(request.page_token, *listing)
        page = await self._store.list_usage(chosen, validation.page_size(request.page_size), position)
        return pb.ListUsageResponse(
            records=[_to_message(record) for record in page.records],
            next_page_token=page_tokens.encode(page.next_position, *listing),
        )


def _listing(chosen: UsageFilter) -> tuple[str, ...]:
    return ("usage", chosen.surface, chosen.owner or "", str(chosen.start_us), str(chosen.end_us))


def _to_summary(group: UsageGroup) -> pb.UsageSummary:
    return pb.UsageSummary(
        owner=group.owner,
        provider=group.provider,
        model=group.model,
        action=group.action,
        day=group.day,
        call_count=group.call_count,
        success_count=group.success_count,
        input_tokens=group.input_tokens,
        output_tokens=group.output_tokens,
        cost_micro_usd=group.cost_micro_usd,
        total_latency=_to_duration(group.total_latency_us),
    )


def _to_message(record: UsageRecord) -> pb.UsageRecord:
    return pb.UsageRecord(
        record_id=record.record_id,
        scope=to_scope(record.scope),
        action=record.action,
        provider=record.provider,
        model=record.model,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost_micro_usd=record.cost_micro_usd,
        latency=_to_duration(record.latency_us),
        first_token_latency=None if record.first_token_us is None else _to_duration(record.first_token_us),
        outcome=_OUTCOME_NUMBERS[record.outcome],
        estimated=record.estimated,
        start_time=None if record.start_us is None else to_timestamp(record.start_us),
    )


def _to_duration(time_us: int) -> Duration:
    seconds, microseconds = divmod(time_us, 1_000_000)
    return Duration(seconds=seconds, nanos=microseconds * 1000)
