"""quintet.usage.v1 over real gRPC."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from refusals import refused

from quintet.session.v1 import session_service_pb2 as session_pb
from quintet.usage.v1 import usage_service_pb2 as pb
from quintet.usage.v1 import usage_service_pb2_grpc as rpc
from quintet_errors import Reason
from quintet_testing import eventually

SCOPE = session_pb.Scope(surface="omni", owner="ann")
FILTER = pb.UsageFilter(surface="omni", owner="ann")
Dimension = pb.SummarizeUsageRequest


def record(record_id: str = "1", **changes: Any) -> pb.UsageRecord:
    values: dict[str, Any] = {
        "record_id": record_id,
        "scope": SCOPE,
        "action": "chat",
        "provider": "openai",
        "model": "small",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_micro_usd": 7,
        "latency": Duration(seconds=1, nanos=500_000_000),
        "first_token_latency": Duration(nanos=250_000_000),
        "outcome": pb.UsageRecord.OUTCOME_SUCCEEDED,
        "estimated": True,
        "start_time": Timestamp(seconds=1_700_000_000),
    }
    return pb.UsageRecord(**{**values, **changes})


def recording(*records: pb.UsageRecord) -> pb.RecordUsageRequest:
    return pb.RecordUsageRequest(records=records)


async def test_records_come_back_as_they_were_sent(usage: rpc.UsageServiceStub) -> None:
    whole = record()
    bare = record("2", provider="", estimated=False, outcome=pb.UsageRecord.OUTCOME_ABORTED)
    bare.ClearField("first_token_latency")
    await usage.RecordUsage(recording(whole, bare))
    await usage.RecordUsage(recording(whole))
    listed = await usage.ListUsage(pb.ListUsageRequest(filter=FILTER))
    assert list(listed.records) == [bare, whole]
    assert listed.next_page_token == ""


async def test_a_record_without_a_time_gets_the_present_one(usage: rpc.UsageServiceStub) -> None:
    before = Timestamp()
    before.GetCurrentTime()
    sent = record()
    sent.ClearField("start_time")
    await usage.RecordUsage(recording(sent))
    (stored,) = (await usage.ListUsage(pb.ListUsageRequest(filter=FILTER))).records
    assert 0 <= stored.start_time.seconds - before.seconds < 60


async def test_groups_carry_what_they_are_grouped_by(usage: rpc.UsageServiceStub) -> None:
    failed = record("2", outcome=pb.UsageRecord.OUTCOME_FAILED)
    await usage.RecordUsage(recording(record(), failed, record("3", model="large")))
    request = pb.SummarizeUsageRequest(filter=FILTER, dimensions=[Dimension.DIMENSION_MODEL, Dimension.DIMENSION_DAY])
    first, second = (await usage.SummarizeUsage(request)).groups
    assert first == pb.UsageSummary(
        provider="openai",
        model="small",
        day="2023-11-14",
        call_count=2,
        success_count=1,
        input_tokens=20,
        output_tokens=10,
        cost_micro_usd=14,
        total_latency=Duration(seconds=3),
    )
    assert (second.model, second.owner, second.action, second.call_count) == ("large", "", "", 1)


async def test_nothing_has_a_total_of_zero(usage: rpc.UsageServiceStub) -> None:
    (total,) = (await usage.SummarizeUsage(pb.SummarizeUsageRequest(filter=FILTER))).groups
    assert total == pb.UsageSummary(total_latency=Duration())


async def test_times_choose_records(usage: rpc.UsageServiceStub) -> None:
    await usage.RecordUsage(
        recording(*(record(str(second), start_time=Timestamp(seconds=second)) for second in range(5)))
    )
    wanted = pb.UsageFilter(surface="omni", start_time=Timestamp(seconds=1), end_time=Timestamp(seconds=3))
    listed = await usage.ListUsage(pb.ListUsageRequest(filter=wanted))
    assert [one.record_id for one in listed.records] == ["2", "1"]
    (total,) = (await usage.SummarizeUsage(pb.SummarizeUsageRequest(filter=wanted))).groups
    assert total.call_count == 2


async def test_pages_hold_each_record_once(usage: rpc.UsageServiceStub) -> None:
    await usage.RecordUsage(recording(*(record(str(number)) for number in range(7))))
    request = pb.ListUsageRequest(filter=FILTER, page_size=3)
    seen: list[str] = []
    while True:
        page = await usage.ListUsage(request)
        seen += [one.record_id for one in page.records]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert seen == [str(number) for number in range(6, -1, -1)]


async def test_a_page_token_opens_only_its_own_listing(usage: rpc.UsageServiceStub) -> None:
    await usage.RecordUsage(recording(record("1"), record("2")))
    token = (await usage.ListUsage(pb.ListUsageRequest(filter=FILTER, page_size=1))).next_page_token
    for other in (
        pb.UsageFilter(surface="omni", owner="bob"),
        pb.UsageFilter(surface="omni"),
        pb.UsageFilter(surface="omni", owner="ann", end_time=Timestamp(seconds=1)),
    ):
        error = await refused(usage.ListUsage(pb.ListUsageRequest(filter=other, page_token=token)))
        assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "page_token"})


async def test_other_scopes_see_nothing(usage: rpc.UsageServiceStub) -> None:
    await usage.RecordUsage(recording(record()))
    for other in (pb.UsageFilter(surface="omni", owner="bob"), pb.UsageFilter(surface="quillium", owner="ann")):
        assert not (await usage.ListUsage(pb.ListUsageRequest(filter=other))).records
        (total,) = (await usage.SummarizeUsage(pb.SummarizeUsageRequest(filter=other))).groups
        assert total.call_count == 0


async def test_old_records_go_and_newer_ones_stay(serving: Callable[..., Any]) -> None:
    now = int(time.time())
    async with serving(usage_retention_d=2, purge_interval_s=0.01) as service:
        for name, days in (("kept", 1), ("old", 3)):
            sent = record(name, start_time=Timestamp(seconds=now - days * 86_400))
            await service.usage.RecordUsage(recording(sent))

        async def old_is_gone() -> bool:
            listed = await service.usage.ListUsage(pb.ListUsageRequest(filter=FILTER))
            return [one.record_id for one in listed.records] == ["kept"]

        await eventually(old_is_gone)


async def test_one_bad_record_keeps_all_out(usage: rpc.UsageServiceStub) -> None:
    await refused(usage.RecordUsage(recording(record("1"), record("2", model=""))))
    assert not (await usage.ListUsage(pb.ListUsageRequest(filter=FILTER))).records


async def test_as_many_groups_as_fit_are_returned_and_more_are_refused(usage: rpc.UsageServiceStub) -> None:
    wide = "\U0001f600"
    longest = record(
        scope=session_pb.Scope(surface="omni", owner=wide * 128),
        action=wide * 32,
        provider=wide * 64,
        input_tokens=10**9,
        output_tokens=10**9,
        cost_micro_usd=10**12,
        latency=Duration(seconds=86_399, nanos=999_999_000),
    )

    def distinct(number: int) -> pb.UsageRecord:
        one = pb.UsageRecord()
        one.CopyFrom(longest)
        one.record_id = str(number)
        one.model = f"{number:04}" + wide * 196
        return one

    for first in range(0, 4500, 100):
        await usage.RecordUsage(recording(*(distinct(first + number) for number in range(100))))
    every = [number for number in pb.SummarizeUsageRequest.Dimension.values() if number]
    request = pb.SummarizeUsageRequest(filter=pb.UsageFilter(surface="omni"), dimensions=every)
    answer = await usage.SummarizeUsage(request)
    assert len(answer.groups) == 4500
    await usage.RecordUsage(recording(distinct(4500)))
    error = await refused(usage.SummarizeUsage(request))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "dimensions"})


BAD_RECORDS: list[tuple[dict[str, Any], str, Reason]] = [
    ({"record_id": ""}, "records.record_id", Reason.MISSING_FIELD),
    ({"record_id": "x" * 65}, "records.record_id", Reason.INVALID_ARGUMENT),
    ({"scope": session_pb.Scope(surface="omni")}, "scope.owner", Reason.MISSING_FIELD),
    ({"action": " "}, "records.action", Reason.MISSING_FIELD),
    ({"action": "x" * 33}, "records.action", Reason.INVALID_ARGUMENT),
    ({"provider": "x" * 65}, "records.provider", Reason.INVALID_ARGUMENT),
    ({"model": ""}, "records.model", Reason.MISSING_FIELD),
    ({"model": "x" * 201}, "records.model", Reason.INVALID_ARGUMENT),
    ({"input_tokens": -1}, "records.input_tokens", Reason.INVALID_ARGUMENT),
    ({"output_tokens": 10**9 + 1}, "records.output_tokens", Reason.INVALID_ARGUMENT),
    ({"cost_micro_usd": -1}, "records.cost_micro_usd", Reason.INVALID_ARGUMENT),
    ({"latency": Duration(seconds=-1)}, "records.latency", Reason.INVALID_ARGUMENT),
    ({"latency": Duration(seconds=2**62)}, "records.latency", Reason.INVALID_ARGUMENT),
    ({"first_token_latency": Duration(nanos=-2000)}, "records.first_token_latency", Reason.INVALID_ARGUMENT),
    ({"outcome": pb.UsageRecord.OUTCOME_UNSPECIFIED}, "records.outcome", Reason.MISSING_FIELD),
    ({"outcome": 9}, "records.outcome", Reason.INVALID_ARGUMENT),
    ({"start_time": Timestamp(seconds=-1)}, "records.start_time", Reason.INVALID_ARGUMENT),
    ({"start_time": Timestamp(seconds=2**62)}, "records.start_time", Reason.INVALID_ARGUMENT),
]


@pytest.mark.parametrize(("changes", "field", "reason"), BAD_RECORDS)
async def test_bad_records_are_named(
    usage: rpc.UsageServiceStub, changes: dict[str, Any], field: str, reason: Reason
) -> None:
    error = await refused(usage.RecordUsage(recording(record(**changes))))
    assert (error.reason, dict(error.metadata)) == (reason, {"field": field})


BAD_CALLS = [
    ("RecordUsage", pb.RecordUsageRequest(), "records", Reason.MISSING_FIELD),
    ("RecordUsage", recording(*[record()] * 101), "records", Reason.INVALID_ARGUMENT),
    ("SummarizeUsage", pb.SummarizeUsageRequest(), "filter.surface", Reason.MISSING_FIELD),
    ("SummarizeUsage", pb.SummarizeUsageRequest(filter=FILTER, dimensions=[0]), "dimensions", Reason.INVALID_ARGUMENT),  # type: ignore[list-item]
    ("SummarizeUsage", pb.SummarizeUsageRequest(filter=FILTER, dimensions=[9]), "dimensions", Reason.INVALID_ARGUMENT),  # type: ignore[list-item]
    (
        "SummarizeUsage",
        pb.SummarizeUsageRequest(filter=FILTER, dimensions=[Dimension.DIMENSION_DAY] * 2),
        "dimensions",
        Reason.INVALID_ARGUMENT,
    ),
    ("ListUsage", pb.ListUsageRequest(filter=FILTER, page_size=1001), "page_size", Reason.INVALID_ARGUMENT),
    ("ListUsage", pb.ListUsageRequest(filter=FILTER, page_token="QUJD"), "page_token", Reason.INVALID_ARGUMENT),
    (
        "ListUsage",
        pb.ListUsageRequest(filter=pb.UsageFilter(surface="omni", owner="x" * 129)),
        "filter.owner",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "ListUsage",
        pb.ListUsageRequest(filter=pb.UsageFilter(surface="omni", start_time=Timestamp(seconds=-(2**62)))),
        "filter.start_time",
        Reason.INVALID_ARGUMENT,
    ),
]


@pytest.mark.parametrize(("method", "request_message", "field", "reason"), BAD_CALLS)
async def test_bad_arguments_are_named(
    usage: rpc.UsageServiceStub, method: str, request_message: object, field: str, reason: Reason
) -> None:
    error = await refused(getattr(usage, method)(request_message))
    assert (error.reason, dict(error.metadata)) == (reason, {"field": field})
