"""The end of a cluster while people use it."""

import asyncio
import signal

import httpx
import pytest
from framework.cluster import Cluster, launch
from framework.media import small_picture
from framework.nexus import SCRIPT_HEADER, accepted, ask, ended, events_of, messages_of, new_session
from framework.process_tree import alive, descendants
from framework.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

STREAMS = 50


async def read_stream(client: httpx.AsyncClient, script: str, begun: asyncio.Semaphore) -> list[dict]:
    headers = {SCRIPT_HEADER: script}
    received = ""
    async with client.stream("POST", "/api/process/text", json={"message": "go"}, headers=headers) as response:
        assert response.status_code == 200
        async for text in response.aiter_text():
            if not received:
                begun.release()
            received += text
    return events_of(received)


async def streams_through_the_end(cluster: Cluster, script: str) -> list[list[dict]]:
    limits = httpx.Limits(max_connections=STREAMS + 5)
    async with httpx.AsyncClient(base_url=cluster.base_url, trust_env=False, timeout=60, limits=limits) as client:
        begun = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as tasks:
            streams = [tasks.create_task(read_stream(client, script, begun)) for _ in range(STREAMS)]
            for _ in range(STREAMS):
                async with asyncio.timeout(30):
                    await begun.acquire()
            cluster.process.send_signal(signal.SIGTERM)
        return [stream.result() for stream in streams]


@pytest.fixture
def cluster(tmp_path, request):
    settings = getattr(request, "param", {})
    started = launch(tmp_path, "--engines", "scripted", "--limits", "off", settings=settings)
    try:
        started.wait_ready()
        yield started
    finally:
        started.abandon()


def assert_clean_end(cluster: Cluster) -> None:
    tree = descendants(cluster.process.pid)
    assert cluster.process.wait(30) == 0, cluster.log_tail()
    assert not alive(tree)


def test_sigterm_lets_fifty_streams_finish(cluster):
    found = asyncio.run(streams_through_the_end(cluster, "steps=40,interval_ms=50"))
    for events in found:
        assert [event["word"].strip() for event in events[:-1]] == [f"w{number}" for number in range(40)]
        assert events[-1] == {"word": "", "complete": True}
    assert_clean_end(cluster)


SHORT_GRACE = {
    f"QUINTET_{name}_SHUTDOWN_GRACE_S": "2" for name in ("GATEWAY", "SESSION", "LLM", "VISION", "STT", "TTS")
}


@pytest.mark.parametrize("cluster", [SHORT_GRACE], indirect=True)
def test_streams_beyond_the_grace_end_in_an_orderly_error(cluster):
    found = asyncio.run(streams_through_the_end(cluster, "steps=10000,interval_ms=50"))
    for events in found:
        assert events[-1]["complete"] is True
        assert events[-1]["error"]
    assert_clean_end(cluster)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_idle_cluster_ends_cleanly(cluster, number):
    cluster.stop(number, within_s=15)
    events = {(event.get("service"), event["event"]) for event in cluster.events()}
    assert ("gateway", "stopped") in events


def test_readiness_goes_off_before_the_end(cluster):
    async def watch() -> set[int]:
        statuses = set()
        limits = httpx.Limits(max_connections=5)
        async with httpx.AsyncClient(base_url=cluster.base_url, trust_env=False, timeout=20, limits=limits) as client:
            begun = asyncio.Semaphore(0)
            stream = asyncio.create_task(read_stream(client, "steps=20,interval_ms=100", begun))
            await begun.acquire()
            cluster.process.send_signal(signal.SIGTERM)
            while not stream.done():
                try:
                    statuses.add((await client.get("/readyz")).status_code if not stream.done() else 0)
                except httpx.HTTPError:
                    statuses.add(503)
                if 503 in statuses:
                    break
            assert (await stream)[-1]["complete"] is True
        return statuses

    assert 503 in asyncio.run(watch())
    wait_until(lambda: cluster.process.poll() is not None, 20, "the end")
    assert cluster.process.returncode == 0


def test_jobs_and_history_go_on_after_a_restart(tmp_path):
    def start() -> Cluster:
        return launch(tmp_path, "--engines", "scripted", "--limits", "off")

    headers = {SCRIPT_HEADER: "steps=10,interval_ms=300"}
    first = start()
    try:
        first.wait_ready()
        with first.client() as client:
            session = new_session(client)
            answer = ask(client, "remember this", session)
            files = {"image": small_picture()}
            jobs = [accepted(client.post("/api/process/image", files=files, headers=headers)) for _ in range(10)]
        first.stop()
    finally:
        first.abandon()
    second = start()
    try:
        second.wait_ready()
        with second.client() as client:
            assert messages_of(client, session) == [("user", "remember this"), ("ai", answer)]
            assert [ended(client, job, within_s=90)["status"] for job in jobs] == ["completed"] * 10
        second.stop()
    finally:
        second.abandon()
