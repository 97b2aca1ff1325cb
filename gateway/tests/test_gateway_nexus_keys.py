"""Keys of the nexus surface that were created by command."""

import pytest
from nexus_requests import failure

from quintet_errors import DomainError, Reason


@pytest.fixture
def key(assistant):
    return assistant.identity.add_key("nexus", "nx_0123456789", "somebody")


@pytest.mark.parametrize("base", ["/api", "/v1"])
async def test_created_key_opens_its_own_conversations(client, assistant, key, base):
    made = await (await client.post(f"{base}/sessions", headers={"X-API-Key": key})).json()
    listed = await (await client.get(f"{base}/sessions", headers={"X-API-Key": key})).json()
    assert [one["id"] for one in listed["sessions"]] == [made["session_id"]]
    assert (await (await client.get(f"{base}/sessions")).json())["sessions"] == []
    ((owner, _),) = assistant.sessions.kept
    assert owner.owner.startswith("key:")
    assert key not in owner.owner


async def test_other_keys_are_refused_once_there_is_one(client, key):
    await failure(await client.get("/api/sessions", headers={"X-API-Key": "other"}), 401, "UNAUTHORIZED")
    assert (await client.get("/api/sessions")).status == 200
    assert (await client.get("/api/health", headers={"X-API-Key": "other"})).status == 200


async def test_last_key_that_was_revoked_opens_nothing(client, assistant, key):
    await client.post("/api/sessions", headers={"X-API-Key": key})
    assistant.identity.keys.clear()
    await failure(await client.get("/api/sessions", headers={"X-API-Key": key}), 401, "UNAUTHORIZED")


async def test_address_with_too_many_made_up_keys_waits_even_where_nothing_else_is_counted(start, assistant, key):
    client = await start(limits="documented")
    for number in range(120):
        response = await client.get("/api/status/job_1", headers={"X-API-Key": f"made up {number}"})
        await failure(response, 401, "UNAUTHORIZED")
    response = await client.get("/api/status/job_1", headers={"X-API-Key": "one more"})
    await failure(response, 429, "RATE_LIMIT_EXCEEDED")
    assert int(response.headers["Retry-After"]) >= 1
    assert assistant.identity.checks == 120
    assert (await client.get("/api/status/job_1")).status == 404


async def test_keys_of_other_surfaces_do_not_count(client, assistant):
    assistant.identity.add_key("quillium", "ql_1", "user_1")
    assert (await client.get("/api/sessions", headers={"X-API-Key": "your_api_key_here"})).status == 200
    assistant.identity.add_key("nexus", "nx_1")
    await failure(await client.get("/api/sessions", headers={"X-API-Key": "ql_1"}), 401, "UNAUTHORIZED")


async def test_configured_and_created_keys_count_both_and_configured_ones_ask_nobody(start, assistant, key):
    client = await start(nexus_api_keys="right")
    assert (await client.get("/api/sessions", headers={"X-API-Key": key})).status == 200
    checks = assistant.identity.checks
    assert (await client.get("/api/sessions", headers={"X-API-Key": "right"})).status == 200
    assert assistant.identity.checks == checks
    assistant.identity.keys.clear()
    await failure(await client.get("/api/sessions", headers={"X-API-Key": key}), 401, "UNAUTHORIZED")


async def test_key_that_may_only_read_reads_only(client, assistant):
    key = assistant.identity.add_key("nexus", "nx_r", scopes=["read"])
    assert (await client.get("/api/sessions", headers={"X-API-Key": key})).status == 200
    await failure(await client.post("/api/sessions", headers={"X-API-Key": key}), 401, "UNAUTHORIZED")
    await failure(await client.post("/api/process/text", json={"message": "x"}, headers={"X-API-Key": key}), 401,
                  "UNAUTHORIZED")  # fmt: skip
    assert not assistant.sessions.kept


async def test_key_that_nobody_can_check_is_503_and_requests_without_one_go_on(client, assistant):
    assistant.identity.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Later.")
    response = await client.get("/api/sessions", headers={"X-API-Key": "any"})
    await failure(response, 503, "SERVICE_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0
    assert (await client.get("/api/sessions")).status == 200
    assert (await client.get("/api/health", headers={"X-API-Key": "any"})).status == 200


async def test_created_key_has_an_allowance_of_its_own(start, assistant, key):
    client = await start(limits="documented")
    for _ in range(5):
        await client.post("/api/process/voice")
    assert (await client.post("/api/process/voice")).status == 429
    assert (await client.post("/api/process/voice", headers={"X-API-Key": "made up"})).status == 429
    assert (await client.post("/api/process/voice", headers={"X-API-Key": key})).status == 400
