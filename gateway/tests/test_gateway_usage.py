"""Usage records: taken at once, stored in the background in batches, and lost only where that is counted."""

import asyncio

import pytest
from prometheus_client import REGISTRY
from scripted_services import ScriptedServices

from quintet.usage.v1.usage_service_pb2 import SummarizeUsageRequest, UsageFilter, UsageRecord
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.usage import Usage
from quintet_gateway.clients.usage import UsageClient
from quintet_testing import eventually, serve

AWAY = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.", {})


@pytest.fixture
async def services():
    return ScriptedServices()


@pytest.fixture
async def client(services):
    async with serve(services.register) as channel:
        yield UsageClient(channel)


@pytest.fixture
async def usage(client):
    usage = Usage(client, capacity=500)
    yield usage
    await usage.close(5)


def record(number):
    return UsageRecord(record_id=f"r{number}", action="chat", model="m")


def dropped(why):
    return REGISTRY.get_sample_value("quintet_usage_dropped_total", {"why": why}) or 0


def ids(records):
    return [one.record_id for one in records]


async def stored(services, count):
    async def enough():
        return len(services.usage.records) >= count

    await eventually(enough)
    return ids(services.usage.records)


async def test_records_are_stored_in_their_order_and_in_batches(services, usage):
    services.usage.release.clear()
    for number in range(250):
        usage.record(record(number))
    services.usage.release.set()
    assert await stored(services, 250) == [f"r{number}" for number in range(250)]
    assert [len(batch) for batch in services.usage.batches] == [100, 100, 50]


async def test_record_that_comes_later_is_stored_too(services, usage):
    usage.record(record(1))
    await stored(services, 1)
    usage.record(record(2))
    assert await stored(services, 2) == ["r1", "r2"]


async def test_records_wait_for_a_service_that_is_away(services, usage):
    # More failures than the channel repeats by itself.
    services.usage.failures = [AWAY] * 6
    usage.record(record(1))
    usage.record(record(2))
    assert await stored(services, 2) == ["r1", "r2"]
    assert services.usage.attempts == 7


async def test_overflow_drops_the_newest_and_counts_them(services, usage):
    before = dropped("full")
    services.usage.release.clear()
    for number in range(510):
        usage.record(record(number))
    assert dropped("full") - before == 10
    services.usage.release.set()
    assert await stored(services, 500) == [f"r{number}" for number in range(500)]


async def test_bad_record_takes_no_other_with_it(services, usage):
    before = dropped("refused")
    services.usage.refused = {"r1"}
    for number in range(3):
        usage.record(record(number))
    assert await stored(services, 2) == ["r0", "r2"]
    assert dropped("refused") - before == 1


async def test_close_waits_until_everything_is_stored(services, client):
    usage = Usage(client)
    services.usage.release.clear()
    for number in range(150):
        usage.record(record(number))
    closing = asyncio.create_task(usage.close(10))
    services.usage.release.set()
    await closing
    assert len(services.usage.records) == 150


async def test_close_gives_up_in_time_and_counts_what_is_lost(services, client):
    before = dropped("closed")
    usage = Usage(client)
    services.usage.release.clear()
    for number in range(150):
        usage.record(record(number))
    async with asyncio.timeout(5):
        await usage.close(0.05)
    assert dropped("closed") - before == 150
    services.usage.release.set()


async def test_summaries_name_what_they_are_grouped_by(services, usage):
    of = UsageFilter(surface="aegis", owner="maya")
    groups = await usage.summarize(of, [SummarizeUsageRequest.DIMENSION_MODEL])
    assert [(group.model, group.call_count) for group in groups] == [("grounded-1", 2)]
    assert services.usage.summaries[0].filter == of
    assert list(services.usage.summaries[0].dimensions) == [SummarizeUsageRequest.DIMENSION_MODEL]


async def test_recent_records_come_from_as_many_pages_as_needed(services, usage):
    services.usage.batches = [[record(number) for number in range(7)]]
    assert ids(await usage.recent(UsageFilter(surface="aegis"), 5)) == ["r6", "r5", "r4", "r3", "r2"]
    assert ids(await usage.recent(UsageFilter(surface="aegis"), 50)) == [f"r{number}" for number in range(6, -1, -1)]
    assert await usage.recent(UsageFilter(surface="aegis"), 0) == []
