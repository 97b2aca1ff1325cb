"""The switch that closes the surfaces whose documents leave them open."""

import pytest
from aegis_requests import AWAY, ScriptedCredentials, furnish, refused

from quintet_gateway.http.closed_surfaces import close_surface
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.surfaces import Surface, render_detail

OPEN = [
    "/ai/health",
    "/ai/health/",
    "/api/v1/ai/health",
    "/rag/health",
    "/api/v1/rag/health",
    "/api/health",
    "/v1/health",
]
CLOSED = [
    ("GET", "/ai/conversations"),
    ("GET", "/ai/version"),
    ("GET", "/ai/nothing"),
    ("POST", "/ai/chat"),
    ("GET", "/api/v1/llm/status"),
    ("DELETE", "/rag/collections/x"),
    ("GET", "/voice/settings"),
]
REFUSAL = "A valid credential is required."


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


@pytest.fixture
async def closed(start):
    return await start(require_credentials=True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic " + ScriptedCredentials.secret},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
    ],
)
async def test_aegis_refuses_in_its_own_shape(closed, headers):
    for method, path in CLOSED:
        await refused(await closed.request(method, path, headers=headers), 401, REFUSAL)


async def test_nexus_refuses_in_its_own_shape(closed):
    for method, path in (("GET", "/api/sessions"), ("POST", "/v1/process/text"), ("GET", "/api/else")):
        response = await closed.request(method, path)
        body = await response.json()
        assert response.status == 401
        assert (body["success"], body["error"], body["error_code"]) == (False, REFUSAL, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "shown",
    [
        {"headers": {"Authorization": f"Bearer {ScriptedCredentials.token}"}},
        {"headers": {"authorization": f"bearer {ScriptedCredentials.secret}"}},
        {"headers": {"X-API-Key": ScriptedCredentials.secret}},
        {"headers": {"Authorization": "Bearer wrong", "X-API-Key": ScriptedCredentials.secret}},
        {"params": {"token": ScriptedCredentials.token}},
        {"params": {"api_key": ScriptedCredentials.secret}},
    ],
)
async def test_any_credential_lets_in(closed, shown):
    for path in ("/ai/version", "/api/sessions"):
        assert (await closed.get(path, **shown)).status == 200


@pytest.mark.parametrize(
    ("issuer", "secret"), [("quillium", "ql_x"), ("omni", "qo_x"), ("nexus", "qn_x"), ("gateway", "qk_x")]
)
async def test_keys_of_every_surface_count(closed, assistant, issuer, secret):
    assistant.identity.issuer, assistant.identity.secret = issuer, secret
    assert (await closed.get("/ai/version", headers={"X-API-Key": secret})).status == 200
    assert assistant.identity.asked == [(issuer, secret)]


async def test_request_full_of_made_up_keys_costs_one_question(closed, assistant):
    headers = {"Authorization": "Bearer ql_made_up", "X-API-Key": "qo_made_up"}
    response = await closed.get("/ai/version", headers=headers, params={"token": "qn_made_up", "api_key": "qk_made_up"})
    await refused(response, 401, REFUSAL)
    await refused(await closed.get("/ai/version", headers={"X-API-Key": "of nobody here"}), 401, REFUSAL)
    assert assistant.identity.asked == [("quillium", "ql_made_up")]


async def test_address_with_too_many_made_up_keys_waits(start, assistant):
    client = await start(require_credentials=True, limits="documented")
    for number in range(120):
        await refused(await client.get("/ai/version", headers={"X-API-Key": f"qo_{number}"}), 401, REFUSAL)
    response = await client.get("/ai/version", headers={"X-API-Key": "qo_one_more"})
    assert response.status == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert len(assistant.identity.asked) == 120
    token = {"Authorization": f"Bearer {ScriptedCredentials.token}"}
    assert (await client.get("/ai/version", headers=token)).status == 200


@pytest.mark.parametrize(("scope", "reads", "writes"), [("read", 200, 401), ("write", 401, 200)])
async def test_key_lets_in_for_what_it_may_do(closed, assistant, scope, reads, writes):
    assistant.identity.scopes = (scope,)
    headers = {"X-API-Key": ScriptedCredentials.secret}
    assert (await closed.get("/ai/version", headers=headers)).status == reads
    assert (await closed.post("/ai/chat", json={"message": "x"}, headers=headers)).status == writes


@pytest.mark.parametrize(("scope", "status"), [("read", 401), ("write", 200), ((), 200)])
async def test_get_that_writes_needs_a_key_that_may_write(closed, assistant, scope, status):
    assistant.identity.scopes = (scope,) if scope else ()
    for path in ("/ai/chat/stream", "/api/v1/ai/chat/stream/"):
        headers = {"X-API-Key": ScriptedCredentials.secret}
        response = await closed.get(path, params={"message": "x"}, headers=headers)
        assert response.status == status
        await response.read()
    assert bool(assistant.chat.asks) == (status == 200)


async def test_keys_of_nexus_from_the_settings_count_there(start):
    client = await start(require_credentials=True, nexus_api_keys="k1,k2")
    assert (await client.get("/api/sessions", headers={"X-API-Key": "k2"})).status == 200
    assert (await client.get("/api/sessions", headers={"X-API-Key": "k3"})).status == 401
    assert (await client.get("/ai/version", headers={"X-API-Key": "k2"})).status == 401


async def test_health_stays_open(closed):
    assert [(await closed.get(path)).status for path in OPEN] == [200] * len(OPEN)


async def test_surface_that_asks_for_credentials_itself_is_left_alone(closed):
    response = await closed.post("/v1/auth/login", data=b"{")
    assert response.status == 400
    assert "error" in await response.json()


def test_surface_that_says_nothing_is_closed():
    said_nothing = Surface("new", (("new",),), render_detail)
    assert close_surface(said_nothing, KeyChecks(None)).admit is not said_nothing.admit


async def test_preflights_stay_open(closed):
    headers = {"Origin": "http://localhost:1", "Access-Control-Request-Method": "POST"}
    assert (await closed.options("/ai/chat", headers=headers)).status == 204


async def test_absent_identity_is_no_refusal(closed, assistant):
    assistant.identity.failure = AWAY
    response = await closed.get("/ai/version", headers={"X-API-Key": "qo_k"})
    await refused(response, 503, "AI service error: The service is away.")


async def test_surfaces_are_open_by_default_and_irrelevant_credentials_do_no_harm(client):
    for headers in ({}, {"Authorization": "Bearer broken"}, {"X-API-Key": "x"}):
        assert (await client.get("/ai/version", headers=headers)).status == 200
        assert (await client.get("/api/sessions", headers=headers)).status == 200
