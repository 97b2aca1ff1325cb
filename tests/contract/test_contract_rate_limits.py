"""The documented allowances. Each test comes from a loopback address of its own, and so has an allowance of its own."""

import itertools
import time

import httpx
import pytest
from framework.media import recording, small_picture
from framework.nexus import PREFIXES, accepted, assert_error
from framework.waiting import wait_until

_addresses = itertools.count(2)
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
PICTURE = {"files": {"image": small_picture()}}
VOICE = {"files": {"audio": recording("wav")}}

# path: method, request, allowance, window in seconds, words
LIMITS = {
    "/process/text": ("POST", {"json": {"message": "hi"}}, 10, "10 requests per minute"),
    "/process/image": ("POST", PICTURE, 5, "5 requests per minute"),
    "/process/voice": ("POST", VOICE, 5, "5 requests per minute"),
    "/sessions": ("GET", {}, 20, "20 requests per minute"),
}


@pytest.fixture
def client(limited):
    # Windows follow the clock, and one that turns in the middle of a test gives some of the allowance back.
    wait_until(lambda: time.time() % 60 < 50, 15, "a minute with time for the test")
    transport = httpx.HTTPTransport(local_address=f"127.0.1.{next(_addresses)}")
    with limited.client(transport=transport) as opened:
        yield opened


@pytest.mark.parametrize("path", LIMITS, ids=str)
def test_one_more_than_the_allowance_is_refused_on_both_prefixes(client, path):
    method, options, allowance, words = LIMITS[path]
    for number in range(allowance):
        # Aliases share their allowance.
        assert client.request(method, PREFIXES[number % 2] + path, **options).status_code == 200
    for prefix in PREFIXES:
        response = client.request(method, prefix + path, **options)
        details = assert_error(response, 429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded")
        wait = int(response.headers["Retry-After"])
        assert 1 <= wait <= 60
        assert details == details | {"limit": words, "retry_after": wait}
        assert response.headers["X-RateLimit-Limit"] == str(allowance)
        assert response.headers["X-RateLimit-Remaining"] == "0"
    assert client.get("/api/health").status_code == 200
    assert client.post("/api/clear-history", json={}).status_code == 200


def test_creating_and_listing_sessions_share_one_allowance(client):
    for _ in range(10):
        assert client.post("/api/sessions").status_code == 200
        assert client.get("/v1/sessions").status_code == 200
    assert client.post("/api/sessions").status_code == 429
    assert client.get("/api/sessions/x/messages").status_code == 404, "sub-paths count only in all"


def test_all_endpoints_share_the_hourly_allowance(client):
    for number in range(100):
        response = client.post("/api/clear-history", json={})
        assert response.status_code == 200
        assert response.headers["X-RateLimit-Limit"] == "100"
        assert response.headers["X-RateLimit-Remaining"] == str(99 - number)
    details = assert_error(client.post("/api/process/text-to-speech", json={"text": "hi"}), 429, "RATE_LIMIT_EXCEEDED")
    assert details["limit"] == "100 requests per hour"
    assert 0 < details["retry_after"] <= 3600


def test_headers_stand_on_every_counted_response(client):
    responses = [
        client.get("/api/sessions"),
        client.post("/api/process/text", json={"message": "hi"}),
        client.post("/api/process/text", json={}),
        client.get("/api/sessions/x/messages"),
    ]
    for response in responses:
        assert response.headers["X-RateLimit-Limit"] == "100"
        assert time.time() - 5 <= int(response.headers["X-RateLimit-Reset"]) <= time.time() + 3605
    assert [int(response.headers["X-RateLimit-Remaining"]) for response in responses] == [99, 98, 97, 96]


def test_polling_and_health_are_free(client):
    job_id = accepted(client.post("/api/process/text-to-speech", json={"text": "hi"}))
    for _ in range(120):
        response = client.get(f"/api/status/{job_id}")
        assert response.status_code == 200
        assert client.get("/v1/health").status_code == 200
    assert not set(HEADERS) & set(response.headers)
    assert client.get("/api/sessions").headers["X-RateLimit-Remaining"] == "98"


def test_preflights_are_free(client):
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    for _ in range(30):
        assert client.options("/api/process/image", headers=headers).status_code in {200, 204}
    assert client.post("/api/process/image", **PICTURE).headers["X-RateLimit-Remaining"] == "99"


def test_a_page_can_read_when_to_come_back(client):
    for _ in range(6):
        response = client.post("/api/process/voice", headers={"Origin": "http://localhost:3000"}, **VOICE)
    assert response.status_code == 429
    assert "retry-after" in response.headers["Access-Control-Expose-Headers"].lower()
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"


def test_forwarded_addresses_of_strangers_do_not_count(client):
    statuses = [
        client.post("/api/process/image", headers={"X-Forwarded-For": f"10.0.0.{number}"}, **PICTURE).status_code
        for number in range(6)
    ]
    assert statuses == [200] * 5 + [429]


def test_made_up_keys_do_not_give_a_new_allowance(client):
    statuses = [
        client.post("/api/process/image", headers={"X-API-Key": f"key-{number}"}, **PICTURE).status_code
        for number in range(6)
    ]
    assert statuses == [200] * 5 + [429]


def test_switched_off_limits_send_no_headers(scripted):
    with scripted.client() as client:
        for _ in range(30):
            response = client.get("/api/sessions")
            assert response.status_code == 200
    assert not {name.lower() for name in HEADERS} & set(response.headers)
