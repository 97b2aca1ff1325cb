"""A service that is stopped but holds its sockets open, and one that is not there at all."""

import signal
import statistics
import time

import httpx
import pytest
from framework.cluster import running
from framework.media import small_picture
from framework.nexus import SCRIPT_HEADER, accepted, ask, assert_error, ended, new_session
from framework.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("stopped")) as started:
        yield started


@pytest.fixture
def client(cluster):
    with cluster.client() as opened:
        yield opened


def healthy(client: httpx.Client) -> bool:
    return client.get("/v1/health").status_code == 200


def test_stopped_session_service_is_told_and_recovers(cluster, client):
    pid = cluster.kill("session", signal.SIGSTOP)
    try:
        wait_until(lambda: not healthy(client), 5, "an unhealthy answer")
        assert_error(client.get("/v1/health"), 503, "SERVICE_UNAVAILABLE")
        started = time.monotonic()
        assert_error(client.get("/api/sessions"), 503, "SERVICE_UNAVAILABLE")
        waited_s = time.monotonic() - started
        assert ask(client, "hello"), "an answer without a session does not need it"
    finally:
        cluster.kill("session", signal.SIGCONT)
    assert waited_s < 10
    wait_until(lambda: healthy(client), 10, "health")
    assert new_session(client)
    assert cluster.pids()["session"] == pid


def test_stopped_model_service_keeps_nobody_else_waiting(cluster, client):
    pid = cluster.kill("vision", signal.SIGSTOP)
    try:
        job = accepted(client.post("/api/process/image", files={"image": small_picture()}))
        times = []
        for _ in range(30):
            started = time.monotonic()
            assert ask(client, "hello")
            times.append(time.monotonic() - started)
        assert statistics.quantiles(times, n=20)[-1] < 0.5
        assert client.get("/livez").status_code == 200
    finally:
        cluster.kill("vision", signal.SIGCONT)
    assert ended(client, job, within_s=60)["status"] == "completed"
    assert cluster.pids()["vision"] == pid


def test_reader_that_stalls_is_cut_off_and_harms_nobody(cluster, client):
    import socket

    from framework.metrics import engine_active
    from framework.raw_http import request

    body = b'{"message": "go"}'
    headers = [("Content-Type", "application/json"), (SCRIPT_HEADER, "steps=100000")]
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.settimeout(30)
        stalled.connect(("127.0.0.1", cluster.port))
        stalled.sendall(request("POST", "/api/process/text", headers, body))
        stalled.recv(100)
        started = time.monotonic()
        assert ask(client, "hello")
        assert time.monotonic() - started < 1
        wait_until(lambda: engine_active(cluster, "llm") == 0, 60, "the end of the stalled stream")


def test_surplus_is_refused_at_once(tmp_path):
    import asyncio

    settings = {"QUINTET_LLM_SLOTS": "4", "QUINTET_LLM_WAITING": "4"}
    with running(tmp_path, settings=settings) as small:

        async def storm() -> list[tuple[httpx.Response, float]]:
            limits = httpx.Limits(max_connections=100)
            async with httpx.AsyncClient(base_url=small.base_url, trust_env=False, timeout=60, limits=limits) as client:

                async def one() -> tuple[httpx.Response, float]:
                    started = time.monotonic()
                    headers = {SCRIPT_HEADER: "steps=20,interval_ms=50"}
                    response = await client.post("/api/process/text", json={"message": "go"}, headers=headers)
                    return response, time.monotonic() - started

                return await asyncio.gather(*(one() for _ in range(80)))

        found = asyncio.run(storm())
    served = [seconds for response, seconds in found if response.status_code == 200]
    refused = [(response, seconds) for response, seconds in found if response.status_code != 200]
    assert len(served) == 8
    for response, seconds in refused:
        assert_error(response, 503, "SERVICE_UNAVAILABLE")
        assert int(response.headers["Retry-After"]) >= 1
        assert seconds < 1.5
