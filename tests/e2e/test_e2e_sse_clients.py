"""Sixty-four clients that read streams at the same time: shortly here, for half a minute in the fault tests."""

import asyncio
import os
import time

import httpx
import pytest
from framework.nexus import SCRIPT_HEADER, events_of
from framework.process_tree import descendants, pss_mib

CLIENTS = 64
WORDS = 100
SHORT_S = 3.0
LONG_S = float(os.environ.get("QUINTET_TEST_STREAM_S", "30"))
HEADERS = {SCRIPT_HEADER: f"steps={WORDS},interval_ms=20"}


async def read_for(client: httpx.AsyncClient, until: float) -> int:
    """Reads whole answers until the time is over; asserts that each has all of its words in order."""
    answers = 0
    while time.monotonic() < until:
        response = await client.post("/api/process/text", json={"message": "go"}, headers=HEADERS)
        assert response.status_code == 200
        events = events_of(response.text)
        assert [event["word"].strip() for event in events[:-1]] == [f"w{number}" for number in range(WORDS)]
        assert events[-1] == {"word": "", "complete": True}
        answers += 1
    return answers


async def read_all(base_url: str, seconds: float) -> int:
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=60, limits=limits) as client:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read_for(client, until)) for _ in range(CLIENTS)]
        return sum(reader.result() for reader in readers)


def memory_of(cluster) -> float:
    return pss_mib(process.pid for process in descendants(cluster.process.pid))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [SHORT_S, pytest.param(LONG_S, marks=pytest.mark.faults, id="long")])
def test_clients_that_read_at_the_same_time_miss_nothing(scripted, seconds):
    # The first crowd fills buffers and pools, which stay.
    assert asyncio.run(read_all(scripted.base_url, 0.1)) >= CLIENTS
    before_mib = memory_of(scripted)
    answers = asyncio.run(read_all(scripted.base_url, seconds))
    after_mib = memory_of(scripted)
    print(f"{answers} answers in {seconds} s; memory {before_mib:.1f} MiB before, {after_mib:.1f} MiB after")
    assert answers >= CLIENTS
    assert after_mib <= 1.05 * before_mib
