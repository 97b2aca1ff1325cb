"""Checks of arguments about usage, and their translation into records. Each names the field in the error's metadata."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from quintet.usage.v1 import usage_service_pb2 as pb
from quintet_session.usage_store import Outcome, UsageDimension, UsageFilter, UsageRecord
from quintet_session.validation import LONGEST_OWNER, LONGEST_SURFACE, invalid, missing, required, scope, time_us

MOST_RECORDS = 100
LONGEST_RECORD_ID = 64
LONGEST_ACTION = 32
LONGEST_PROVIDER = 64
LONGEST_MODEL = 200
# Far above any call, and low enough that the sums of millions of records fit into 64 bits.
MOST_TOKENS = 10**9
MOST_MICRO_USD = 10**12
LONGEST_CALL_US = 24 * 3600 * 10**6

OUTCOMES = {
    pb.UsageRecord.OUTCOME_SUCCEEDED: Outcome.SUCCEEDED,
    pb.UsageRecord.OUTCOME_FAILED: Outcome.FAILED,
    pb.UsageRecord.OUTCOME_ABORTED: Outcome.ABORTED,
}
_DIMENSIONS = {
    pb.SummarizeUsageRequest.DIMENSION_OWNER: UsageDimension.OWNER,
    pb.SummarizeUsageRequest.DIMENSION_MODEL: UsageDimension.MODEL,
    pb.SummarizeUsageRequest.DIMENSION_ACTION: UsageDimension.ACTION,
    pb.SummarizeUsageRequest.DIMENSION_DAY: UsageDimension.DAY,
}


def records(messages: Sequence[pb.UsageRecord]) -> list[UsageRecord]:
    """Returns what is to be stored."""
    if not messages:
        raise missing("records")
    if len(messages) > MOST_RECORDS:
        raise invalid("records", f"1 to {MOST_RECORDS} records")
    return [_record(message) for message in messages]


def usage_filter(message: pb.UsageFilter) -> UsageFilter:
    """Returns which records are meant."""
    if len(message.owner) > LONGEST_OWNER:
        raise invalid("filter.owner", f"at most {LONGEST_OWNER} characters long")
    return UsageFilter(
        surface=required(message.surface, "filter.surface", LONGEST_SURFACE),
        owner=message.owner or None,
        start_us=time_us(message.start_time, "filter.start_time") if message.HasField("start_time") else None,
        end_us=time_us(message.end_time, "filter.end_time") if message.HasField("end_time") else None,
    )


def dimensions(values: Sequence[pb.SummarizeUsageRequest.Dimension.ValueType]) -> frozenset[UsageDimension]:
    """Returns what is to be grouped by."""
    found = [_DIMENSIONS.get(value) for value in values]
    known = frozenset(dimension for dimension in found if dimension is not None)
    if len(known) != len(values):
        raise invalid("dimensions", "owner, model, action or day, each at most once")
    return known


def _record(message: pb.UsageRecord) -> UsageRecord:
    if len(message.provider) > LONGEST_PROVIDER:
        raise invalid("records.provider", f"at most {LONGEST_PROVIDER} characters long")
    return UsageRecord(
        record_id=required(message.record_id, "records.record_id", LONGEST_RECORD_ID),
        scope=scope(message.scope),
        action=required(message.action, "records.action", LONGEST_ACTION),
        provider=message.provider,
        model=required(message.model, "records.model", LONGEST_MODEL),
        input_tokens=_count(message.input_tokens, "records.input_tokens", MOST_TOKENS),
        output_tokens=_count(message.output_tokens, "records.output_tokens", MOST_TOKENS),
        cost_micro_usd=_count(message.cost_micro_usd, "records.cost_micro_usd", MOST_MICRO_USD),
        latency_us=_duration_us(message.latency, "records.latency"),
        first_token_us=_duration_us(message.first_token_latency, "records.first_token_latency")
        if message.HasField("first_token_latency")
        else None,
        outcome=_outcome(message),
        estimated=message.estimated,
        start_us=time_us(message.start_time, "records.start_time") if message.HasField("start_time") else None,
    )


def _outcome(message: pb.UsageRecord) -> Outcome:
    if message.outcome == pb.UsageRecord.OUTCOME_UNSPECIFIED:
        raise missing("records.outcome")
    outcome = OUTCOMES.get(message.outcome)
    if outcome is None:
        raise invalid("records.outcome", "succeeded, failed or aborted")
    return outcome


def _count(value: int, field: str, most: int) -> int:
    if not 0 <= value <= most:
        raise invalid(field, f"0 to {most}")
    return value


def _duration_us(duration: Duration, field: str) -> int:
    microseconds = duration.seconds * 1_000_000 + duration.nanos // 1000
    if not 0 <= microseconds <= LONGEST_CALL_US:
        raise invalid(field, "0 seconds to a day")
    return microseconds
