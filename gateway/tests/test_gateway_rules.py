"""Who is answered at all: hosts, origins, owners of paths, methods, request ids, metrics, allowances."""

import asyncio
import json
import time

import pytest
from limits import RateLimitItemPerSecond

from quintet_gateway.http.client_address import allowance_key
from quintet_gateway.http.drain import DRAIN
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, RateLimiter

NEXUS_PATHS = ["/api/sessions", "/v1/sessions", "/api/health"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "app.localhost",
        "127.0.0.1",
        "127.8.9.1:5000",
        "[::1]:5000",
        "[::1]",
        "localhost.",
    ],
)
async def test_loopback_hosts_are_answered(client, host):
    assert (await client.get("/api/sessions", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "192.168.1.5:8000",
        "[2001:db8::1]",
        "evil@localhost",
        "",
        "a/b",
        "notlocalhost",
    ],
)
async def test_foreign_hosts_are_refused_in_the_shape_of_the_owner(client, host):
    response = await client.get("/api/sessions", headers={"Host": host})
    assert response.status == 421
    assert (await response.json())["error_code"] == "MISDIRECTED_REQUEST"
    response = await client.get("/v1/chats", headers={"Host": host})
    assert "code" in (await response.json())["error"]
    response = await client.get("/metrics", headers={"Host": host})
    assert "detail" in await response.json()
    assert (await client.get("/livez", headers={"Host": host})).status == 200


async def test_configured_hosts_are_answered(start):
    client = await start(allowed_hosts="api.example,.internal.example,10.0.0.0/8")
    for host, status in (
        ("api.example", 200),
        ("API.example:443", 200),
        ("a.internal.example", 200),
        ("10.2.3.4", 200),
        ("other.example", 421),
        ("11.2.3.4", 421),
    ):
        assert (await client.get("/api/sessions", headers={"Host": host})).status == status, host


async def test_host_of_an_absolute_target_counts(client, send_raw):
    head = b"GET http://evil.example/api/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert b" 421 " in (await send_raw(client, head)).split(b"\r\n")[0]


async def test_old_http_without_a_host_is_answered_and_new_is_not(client, send_raw):
    assert b" 200 " in (await send_raw(client, b"GET /api/health HTTP/1.0\r\n\r\n")).split(b"\r\n")[0]
    answer = await send_raw(client, b"GET /api/health HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ")[1] in {b"400", b"421"}


@pytest.mark.parametrize(
    ("origin", "echoed"),
    [
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:5173", True),
        ("capacitor://localhost", True),
        ("https://evil.example", False),
        ("https://localhost.evil.example", False),
        ("null", False),
        ("http://[broken", False),
    ],
)
async def test_origins_are_echoed_exactly_once_or_not_at_all(client, origin, echoed):
    response = await client.get("/api/sessions", headers={"Origin": origin})
    assert response.status == 200
    assert response.headers.getall("Access-Control-Allow-Origin", []) == ([origin] if echoed else [])
    assert response.headers.getall("Vary") == ["Origin"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert ("Retry-After" in response.headers.get("Access-Control-Expose-Headers", "")) is echoed
    stream = await client.post("/api/process/text", json={"message": "x"}, headers={"Origin": origin})
    assert stream.status == (200 if echoed else 403)
    assert stream.headers.getall("Access-Control-Allow-Origin", []) == ([origin] if echoed else [])
    if not echoed:
        assert (await stream.json())["error_code"] == "FORBIDDEN"


async def test_foreign_page_cannot_post_and_nothing_happens(client, assistant):
    for path in ("/api/sessions", "/api/process/text-to-speech", "/v1/clear-history"):
        response = await client.post(path, data=b'{"text": "x"}', headers={"Origin": "https://evil.example"})
        assert response.status == 403
    assert not assistant.sessions.kept
    assert not assistant.jobs.kept


async def test_configured_origin_and_own_pages_are_accepted(start):
    client = await start(allowed_origins="https://app.example/", allowed_hosts="api.example")
    for origin in ("https://app.example", "https://api.example"):
        response = await client.post("/api/sessions", headers={"Origin": origin, "Host": "api.example"})
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, origin)
    client = await start(allowed_origins="*")
    response = await client.post("/api/sessions", headers={"Origin": "https://any.example"})
    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, "https://any.example")


@pytest.mark.parametrize("path", ["/api/process/text", "/v1/sessions", "/api/unknown", "/metrics"])
async def test_preflight(client, path):
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    response = await client.options(path, headers=asked)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, DELETE, OPTIONS"
    for name in ("Content-Type", "Authorization", "X-Requested-With", "X-API-Key", "Last-Event-ID"):
        assert name in response.headers["Access-Control-Allow-Headers"]
    refused = await client.options(path, headers=asked | {"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Access-Control-Allow-Methods" not in refused.headers


async def test_options_names_the_methods(client):
    response = await client.options("/api/sessions")
    assert (response.status, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")


NEXUS = {"success", "error", "error_code", "details", "timestamp"}


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/api/unknown", NEXUS),
        ("/api", NEXUS),
        ("/api/sessions/a/b/c", NEXUS),
        ("/v1/status", NEXUS),
        ("/v1/process/nothing", NEXUS),
        ("/api/status/", NEXUS),
        ("/v1/chats/a/b", {"error"}),
        ("/v1/models", {"error"}),
        ("/api/v1/anything", {"error"}),
        ("/api/v1/unknown", {"error"}),
        ("/api/v1/session/a/b", {"detail"}),
        ("/v2/health", {"detail"}),
        ("/unknown", {"detail"}),
        ("/healthz", {"detail"}),
        ("/sess", {"detail"}),
        ("/apis", {"detail"}),
        ("/metrics/x", {"detail"}),
        ("//api/sessions", {"detail"}),
        ("/api/../../etc/passwd", NEXUS),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND"])
async def test_unknown_paths_have_the_shape_of_their_owner(client, send_raw, path, keys, method):
    answer = await send_raw(
        client, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 404 " in head.split(b"\r\n")[0]
    shape = json.loads(body)
    assert set(shape) == keys
    if keys == NEXUS:
        assert shape["error_code"] == "NOT_FOUND"
    if keys == {"detail"}:
        assert shape == {"detail": "Not Found"}
    if keys == {"error"}:
        assert set(shape["error"]) == {"code", "message", "details"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/sessions", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/api/process/text", "OPTIONS, POST"),
        ("HEAD", "/v1/process/text", "OPTIONS, POST"),
        ("POST", "/v1/health", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/status/x", "GET, HEAD, OPTIONS"),
        ("GET", "/api/sessions/x", "DELETE, OPTIONS"),
        ("PROPFIND", "/api/clear-history/", "OPTIONS, POST"),
        ("POST", "/metrics", "GET, HEAD, OPTIONS"),
    ],
)
async def test_other_methods_are_refused_with_the_right_ones(client, method, path, allowed):
    response = await client.request(method, path)
    assert (response.status, response.headers["Allow"]) == (405, allowed)
    if method != "HEAD":
        body = await response.json()
        assert body.get("error_code", "METHOD_NOT_ALLOWED") == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/api/health", "/v1/sessions/", "/metrics", "/livez", "/readyz/"])
async def test_head_is_get_without_a_body(client, path):
    response = await client.head(path)
    assert (response.status, await response.read()) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/sessions/", 200),
        ("POST", "/v1/process/text/", 400),
        ("GET", "/api/status/x/", 404),
        ("GET", "/v1/health/", 200),
    ],
)
async def test_slash_at_the_end_is_no_redirect(client, method, path, status):
    assert (await client.request(method, path, allow_redirects=False)).status == status


async def test_request_id_is_taken_if_clean_and_always_returned(client):
    response = await client.get("/api/health", headers={"X-Request-ID": "abc-123"})
    assert response.headers["X-Request-ID"] == "abc-123"
    response = await client.get("/api/unknown", headers={"X-Request-ID": "bad id <>"})
    assert response.headers["X-Request-ID"].isalnum()


async def test_logs_hold_no_secrets_and_no_ids(client, capfd):
    await client.get("/api/sessions?api_key=hunter2&token=hunter2", headers={"X-API-Key": "hunter2"})
    await client.get("/api/sessions/hunter2/messages")
    await client.get("/hunter2")
    await client.post("/api/process/text", json={"message": "hunter2"})
    out = capfd.readouterr()
    assert "/api/sessions/{session_id}/messages" in out.out
    assert "hunter2" not in out.out + out.err


async def test_metrics_count_patterns_and_not_paths(client):
    await client.get("/api/sessions/somebodys-session/messages")
    await client.get("/api/nobody-knows-this")
    await client.request("PROPFIND", "/api/sessions")
    text = await (await client.get("/metrics")).text()
    assert 'route="/api/sessions/{session_id}/messages"' in text
    assert "somebodys-session" not in text
    assert "nobody-knows-this" not in text
    assert "PROPFIND" not in text
    assert 'quintet_http_active{surface="gateway"} 1.0' in text


async def test_probes(client, assistant):
    assert await (await client.get("/livez")).json() == {"status": "ok"}
    body = await (await client.get("/readyz")).json()
    assert (body["status"], body["complete"], body["services"]["stt"]) == ("ready", True, True)
    client.app[DRAIN].begin()
    response = await client.get("/readyz")
    assert (response.status, (await response.json())["status"]) == (503, "draining")
    assert (await client.get("/livez")).status == 200
    assert (await client.get("/api/health")).status == 503


async def test_documented_allowance_of_each_endpoint(start):
    client = await start(limits="documented")
    for number in range(11):
        path = "/api/process/text" if number % 2 else "/v1/process/text/"
        response = await client.post(path, json={"message": "x"})
        if number < 10:
            assert response.status == 200
            assert response.headers["X-RateLimit-Limit"] == "100"
            assert response.headers["X-RateLimit-Remaining"] == str(99 - number)
            assert 0 <= int(response.headers["X-RateLimit-Reset"]) - time.time() <= 3601
    assert response.status == 429
    body = await response.json()
    assert (body["error_code"], body["error"]) == ("RATE_LIMIT_EXCEEDED", "Rate limit exceeded")
    assert body["details"] == {"limit": "10 requests per minute", "retry_after": int(response.headers["Retry-After"])}
    assert 1 <= body["details"]["retry_after"] <= 61
    assert (response.headers["X-RateLimit-Limit"], response.headers["X-RateLimit-Remaining"]) == ("10", "0")
    assert (await client.get("/api/sessions")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "amount"),
    [("GET", "/api/sessions", 20), ("POST", "/v1/process/image", 5), ("POST", "/api/process/voice", 5)],
)
async def test_allowances_of_the_document(start, method, path, amount):
    client = await start(limits="documented")
    statuses = [(await client.request(method, path)).status for _ in range(amount + 1)]
    assert 429 not in statuses[:-1]
    assert statuses[-1] == 429


async def test_polling_health_and_preflights_are_free_and_the_hour_is_not(start):
    client = await start(limits="documented")
    for path in ("/api/status/x", "/v1/status/x/", "/api/health", "/v1/health"):
        for _ in range(60):
            response = await client.get(path)
            assert response.status != 429
            assert "X-RateLimit-Limit" not in response.headers
    for _ in range(150):
        response = await client.options(
            "/api/sessions", headers={"Origin": "http://localhost", "Access-Control-Request-Method": "GET"}
        )
        assert response.status == 204
    statuses = [(await client.get("/api/sessions/x/messages")).status for _ in range(101)]
    assert statuses == [404] * 100 + [429]
    body = await (await client.get("/api/unknown")).json()
    assert body["details"]["limit"] == "100 requests per hour"


async def test_made_up_keys_and_forwarded_addresses_bring_no_allowance(start):
    client = await start(limits="documented", nexus_api_keys="right")
    for number in range(5):
        await client.post("/api/process/voice", headers={"X-Forwarded-For": f"10.0.0.{number}"})
    assert (await client.post("/api/process/voice", headers={"X-Forwarded-For": "10.9.9.9"})).status == 429
    assert (await client.post("/api/process/voice", headers={"X-API-Key": "wrong"})).status == 429
    assert (await client.post("/api/process/voice", headers={"X-API-Key": "right"})).status == 400


async def test_trusted_proxy_vouches_for_addresses(start):
    client = await start(limits="documented", trusted_proxies="127.0.0.0/8,10.0.0.0/8")
    for _ in range(5):
        await client.post("/api/process/voice", headers={"X-Forwarded-For": "1.1.1.1, 9.9.9.9, 10.0.0.7"})
    for forwarded, status in (("2.2.2.2, 9.9.9.9", 429), ("9.9.9.8", 400), ("9.9.9.9, nonsense", 400)):
        response = await client.post("/api/process/voice", headers={"X-Forwarded-For": forwarded})
        assert response.status == status, forwarded


async def test_refused_request_spends_nothing_and_the_wait_is_true():
    limiter = RateLimiter()
    small = Allowance("small", RateLimitItemPerSecond(2))
    large = Allowance("large", RateLimitItemPerSecond(100, 3600))
    for _ in range(2):
        await limiter.spend((small, large), "me")
    waits = []
    for _ in range(20):
        with pytest.raises(RateLimitedError) as refusal:
            await limiter.spend((small, large), "me")
        waits.append(refusal.value.retry_after_s)
    assert (await limiter.spend((large,), "me")).remaining == 97
    assert (await limiter.spend((small,), "you")).remaining == 1
    await asyncio.sleep(waits[-1])
    await limiter.spend((small,), "me")


def test_addresses_that_share_an_allowance():
    assert allowance_key("2001:db8::1") == allowance_key("2001:db8::ffff:1")
    assert allowance_key("2001:db8:1::1") != allowance_key("2001:db8:2::1")
    assert allowance_key("::ffff:1.2.3.4") == allowance_key("1.2.3.4")
    assert allowance_key("") == ""


@pytest.mark.parametrize(
    ("version", "path", "expectation", "status"),
    [
        (b"1.1", b"/api/sessions", b"100-Continue", b"200"),
        (b"1.1", b"/api/sessions", b"foo", b"417"),
        (b"1.1", b"/metrics", b"200-ok", b"417"),
        (b"1.0", b"/api/sessions", b"foo", b"200"),
    ],
)
async def test_expectations(client, send_raw, *, version, path, expectation, status):
    method = b"POST" if b"api" in path else b"GET"
    head = b"%s %s HTTP/%s\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nExpect: %s\r\n\r\n{}"
    answer = await send_raw(client, head % (method, path, version, expectation))
    if expectation == b"100-Continue":
        told, _, answer = answer.partition(b"\r\n\r\n")
        assert told == b"HTTP/1.1 100 Continue"
    assert answer.split(b" ")[1] == status
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    if status == b"417" and b"api" in path:
        assert (set(body), body["error_code"]) == (NEXUS, "EXPECTATION_FAILED")
    elif status == b"417":
        assert set(body) == {"detail"}
