"""Who is let in to the omni surface, how often, and how every failure is worded."""

import asyncio
import time

import pytest
from limits import RateLimitItemPerMinute
from omni_requests import NO_SESSION, Holder, failure, success

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.omni.errors import OPERATORS_ONLY, REASONS
from quintet_gateway.http.rate_limits import Allowance, RateLimitedError, WindowLimiter

CALLS = [
    ("GET", "/config"),
    ("POST", "/session"),
    ("GET", f"/session/{NO_SESSION}"),
    ("DELETE", f"/session/{NO_SESSION}"),
    ("POST", f"/session/{NO_SESSION}/clear"),
    ("GET", "/sessions"),
    ("POST", "/process"),
    ("POST", "/webhooks"),
    ("GET", "/webhooks"),
    ("DELETE", "/webhooks/wh_1"),
    ("GET", "/ws"),
]
WRITES = [(method, path) for method, path in CALLS if method != "GET" or path == "/ws"]


@pytest.fixture
def holder(assistant, client):
    return Holder(assistant, client)


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_call_without_a_key_is_401(client, holder, method, path):
    for headers, query in (
        ({}, {}),
        ({"Authorization": "Bearer "}, {"api_key": ""}),
        ({"Authorization": f"Basic {holder.secret}"}, {}),
        ({"X-API-Key": holder.secret}, {}),
    ):
        response = await client.request(method, path, headers=headers, params=query)
        await failure(response, 401, "API key required")
        assert not [name for name in response.headers if name.startswith("X-RateLimit")]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_call_with_a_wrong_key_is_403(client, holder, method, path):
    secrets = ("qo_wrong", "ql_mine", "a.b.c", "x" * 5000, "nö")
    for secret in secrets:
        await failure(await client.request(method, path, params={"api_key": secret}), 403, "Invalid API key")
    response = await client.request(method, path, headers={"Authorization": "Bearer qo_wrong"})
    await failure(response, 403, "Invalid API key")


async def test_key_of_another_surface_is_403(client, assistant, holder):
    assistant.identity.add_key("quillium", "qo_elsewhere")
    await failure(await client.get("/config", params={"api_key": "qo_elsewhere"}), 403, "Invalid API key")


async def test_key_is_taken_from_the_header_or_the_address(client, holder):
    assert (await client.get("/config", params={"api_key": holder.secret})).status == 200
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (await client.get("/config", headers={"Authorization": f"{scheme}  {holder.secret}"})).status == 200
    mixed = {"headers": {"Authorization": "Basic dXNlcjpwYXNz"}, "params": {"api_key": holder.secret}}
    assert (await client.get("/config", **mixed)).status == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_scopes_of_a_key_are_kept_to(client, assistant, method, path):
    reader = Holder(assistant, client, "reader", scopes=("read",))
    response = await reader.ask(method, path)
    if (method, path) in WRITES:
        await failure(response, 403, "Forbidden")
    else:
        assert response.status in {200, 404}


async def test_key_that_may_write_only_reads_nothing(client, assistant):
    writer = Holder(assistant, client, "writer", scopes=("write",))
    await failure(await writer.ask("GET", "/sessions"), 403, "Forbidden")
    await success(await writer.ask("POST", "/session"))


async def test_key_is_written_nowhere(holder, capfd):
    await holder.client.get("/sessions", params={"api_key": holder.secret})
    await holder.client.get("/sessions", params={"api_key": "qo_wrong_secret"})
    written = capfd.readouterr()
    assert "/sessions" in written.out
    assert holder.secret not in written.out + written.err
    assert "qo_wrong_secret" not in written.out + written.err


@pytest.mark.parametrize("reason", Reason)
async def test_every_reason_has_a_documented_answer(assistant, holder, *, reason):
    assistant.sessions.failure = DomainError(reason, "It failed.", {"field": "x", "retryAfterSeconds": "7"})
    response = await holder.ask("GET", "/sessions")
    status, error = REASONS[reason]
    assert status in {400, 401, 403, 404, 429, 500}
    body = await failure(response, status, error)
    assert body["detail"] == ("Internal server error" if reason in OPERATORS_ONLY else "It failed.")
    if status == 429:
        assert (response.headers["Retry-After"], body["retry_after"]) == ("7", 7)


async def test_full_engine_is_429_and_a_missing_service_500(assistant, holder):
    assistant.sessions.failure = DomainError(Reason.ENGINE_BUSY, "The engine is busy.")
    await failure(await holder.ask("GET", "/sessions"), 429, "Rate limited")
    assistant.sessions.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "The service is away.")
    await failure(await holder.ask("GET", "/sessions"), 500, "Processing failed")
    assistant.sessions.failure = RuntimeError("a bug with /srv in it")
    body = await failure(await holder.ask("GET", "/sessions"), 500, "Internal error")
    assert body["detail"] == "Internal server error"


async def test_nobody_who_can_check_keys_is_500(assistant, holder):
    assistant.identity.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "The service is away.")
    await failure(await holder.ask("GET", "/sessions"), 500, "Processing failed")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/session", "OPTIONS, POST"),
        ("PUT", f"/session/{NO_SESSION}", "DELETE, GET, HEAD, OPTIONS"),
        ("POST", "/sessions", "GET, HEAD, OPTIONS"),
        ("GET", "/process", "OPTIONS, POST"),
        ("PUT", "/webhooks", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/ws", "GET, OPTIONS"),
    ],
)
async def test_unknown_method_is_405_and_names_the_others(holder, method, path, allowed):
    response = await holder.ask(method, path)
    await failure(response, 405, "Method not allowed")
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/process/more", "/session/a/b/c", "/ws/more", "/config/x"])
async def test_unknown_path_is_404(holder, path):
    await failure(await holder.ask("GET", path), 404, "Not found")


async def test_pages_of_any_origin_may_call(holder):
    response = await holder.ask("POST", "/session", headers={"Origin": "https://page.example"})
    await success(response)
    assert response.headers.getall("Access-Control-Allow-Origin") == ["*"]
    assert "X-RateLimit-Reset" in response.headers["Access-Control-Expose-Headers"]
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "DELETE"}
    assert (await holder.client.options("/webhooks/wh_1", headers=asked)).status == 204


async def test_plain_get_of_the_websocket_makes_no_session(holder):
    await failure(await holder.ask("GET", "/ws"), 400, "Bad Request")
    assert not holder.sessions


@pytest.fixture
async def limited(start, assistant):
    """A client that may ask three times a minute."""
    return await start(limits="documented", omni_requests_per_minute=3)


async def test_allowance_is_counted_down_and_then_closed(limited, assistant):
    holder, neighbour = Holder(assistant, limited), Holder(assistant, limited, "other")
    for left, path in ((2, "/sessions"), (1, f"/session/{NO_SESSION}"), (0, "/process/x")):
        response = await holder.ask("GET", path)
        assert response.headers["X-RateLimit-Remaining"] == str(left)
        assert 55 <= int(response.headers["X-RateLimit-Reset"]) <= 60
        assert "X-RateLimit-Limit" not in response.headers
    for _ in range(2):
        response = await holder.ask("GET", "/sessions")
        body = await failure(response, 429, "Rate limited", "More than 3 requests per minute.")
        assert 55 <= body["retry_after"] <= 61
        assert response.headers["X-RateLimit-Remaining"] == "0"
        assert 55 <= int(response.headers["X-RateLimit-Reset"]) <= 61
    handshake = await limited.get("/ws", params={"api_key": holder.secret}, headers={"Upgrade": "websocket"})
    await failure(handshake, 429, "Rate limited")
    assert (await limited.get("/health")).status == 200
    await success(await neighbour.ask("GET", "/sessions"))


async def test_wrong_keys_cannot_be_tried_for_ever(limited, assistant):
    Holder(assistant, limited)
    answers = [await limited.get("/sessions", params={"api_key": f"qo_{number}"}) for number in range(125)]
    assert [one.status for one in answers[:120]] == [403] * 120
    assert answers[-1].status == 429
    assert assistant.identity.checks <= 121
    await failure(answers[-1], 429, "Rate limited")


async def test_without_limits_nothing_is_counted(holder):
    response = await holder.ask("GET", "/sessions")
    assert not [name for name in response.headers if name.startswith("X-RateLimit")]


@pytest.fixture
def clock(monkeypatch):
    """The clock of the counting library, which only a test may turn."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


async def spend(limiter, key="k"):
    try:
        return (await limiter.spend(key)).remaining
    except RateLimitedError as refusal:
        return -refusal.retry_after_s


async def test_window_begins_with_the_first_request_and_closing_lasts_a_minute(clock):
    limiter = WindowLimiter(Allowance("test", RateLimitItemPerMinute(2)), 60)
    clock[0] += 37
    assert [await spend(limiter), await spend(limiter)] == [1, 0]
    clock[0] += 30
    assert await spend(limiter) == -60
    clock[0] += 45
    # The window has ended, but the key is still closed, and trying does not make it longer.
    assert await spend(limiter) == -15
    assert await spend(limiter, "other") == 1
    clock[0] += 15.1
    assert await spend(limiter) == 1
    clock[0] += 60.1
    assert [await spend(limiter), await spend(limiter)] == [1, 0]


async def test_many_requests_at_once_spend_no_more_than_there_is(clock):
    limiter = WindowLimiter(Allowance("test", RateLimitItemPerMinute(10)), 60)
    spent = await asyncio.gather(*(spend(limiter) for _ in range(50)))
    assert sum(one >= 0 for one in spent) == 10
