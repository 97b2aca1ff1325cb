"""Sign-in, tokens, profiles and API keys of the quillium surface."""

import pytest
from quillium_requests import BASES, TIME, Person, failure, success

from quintet_errors import DomainError, Reason

TOKEN_KEYS = {"access_token", "refresh_token", "expires_in", "token_type"}
ACCOUNT = {"email": "user@example.com", "password": "secure_password"}


@pytest.fixture
def person(assistant, client):
    return Person(assistant, client)


async def sign_in(client, base="/v1", **chosen):
    return await client.post(f"{base}/auth/login", json={**ACCOUNT, **chosen})


@BASES
async def test_registration_login_and_profile(client, base):
    tokens = await success(await client.post(f"{base}/auth/register", json=ACCOUNT), 201)
    assert tokens.keys() == TOKEN_KEYS
    tokens = await success(await sign_in(client, base, remember_me=True))
    assert tokens.keys() == TOKEN_KEYS
    assert (tokens["expires_in"], tokens["token_type"]) == (900, "Bearer")
    headers = {"Authorization": f"bearer {tokens['access_token']}"}
    profile = await success(await client.get(f"{base}/users/me", headers=headers))
    assert profile["id"].startswith("user_")
    assert (profile["email"], profile["username"], profile["name"]) == ("user@example.com", "user", "user")
    assert (profile["is_admin"], profile["is_sso"]) == (False, False)
    assert profile["settings"] == {"theme": "light", "language": "en", "notifications_enabled": True}
    assert TIME.fullmatch(profile["created_at"])
    assert TIME.fullmatch(profile["updated_at"])


@pytest.mark.parametrize("key", ["name", "username"])
async def test_name_and_username_are_one_field(client, key):
    tokens = await success(await client.post("/v1/auth/register", json={**ACCOUNT, key: " Ada "}), 201)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    profile = await success(await client.get("/v1/users/me", headers=headers))
    assert profile["name"] == profile["username"] == "Ada"


@pytest.mark.parametrize("path", ["/v1/auth/register", "/v1/auth/login"])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"",
        b'{"email": "a@b.c"}',
        b'{"password": "secure_password"}',
        b'{"email": 1, "password": "secure_password"}',
        b'{"email": "a@b.c", "password": ["x"]}',
        b'{"email": " ", "password": "secure_password"}',
        b'{"email": "a@b.c", "password": ""}',
        b'{"email": "a\\ud800@b.c", "password": "secure_password"}',
        b'{"email": "a@b.c", "password": NaN}',
        b'{"email": "a@b.c", "password": "' + b"x" * (1 << 20) + b'"}',
        b"[" * 10_000,
    ],
)
async def test_bad_bodies_are_invalid(client, path, body):
    await failure(await client.post(path, data=body), 400, "invalid_request")


@pytest.mark.parametrize(
    "chosen",
    [{"password": "short"}, {"email": "no address"}, {"name": "ab"}, {"username": 5}, {"name": "x" * 101}],
)
async def test_registration_checks_its_fields(client, assistant, chosen):
    response = await client.post("/v1/auth/register", json={**ACCOUNT, **chosen})
    await failure(response, 400, "invalid_request")
    assert not assistant.identity.users


async def test_second_registration_is_a_conflict(client, person):
    await failure(await client.post("/v1/auth/register", json=ACCOUNT), 409, "conflict", "User already exists")


async def test_registration_can_be_switched_off(client, assistant):
    await assistant.identity.update_settings("quillium", "admin", {"enable_sign_ups": False})
    response = await client.post("/v1/auth/register", json=ACCOUNT)
    message = "User registration is currently disabled by the administrator"
    await failure(response, 403, "forbidden", message)


@pytest.mark.parametrize("chosen", [{"password": "wrong"}, {"email": "nobody@example.com"}, {"password": "x" * 5000}])
async def test_wrong_credentials_are_told_apart_by_nothing(client, person, chosen):
    error = await failure(await sign_in(client, **chosen), 401, "unauthorized", "Invalid credentials")
    assert error["details"] == ""


async def test_password_that_the_service_refuses_is_a_wrong_one(client, assistant):
    assistant.identity.failure = DomainError(Reason.INVALID_ARGUMENT, "too long", {"field": "password"})
    await failure(await sign_in(client), 401, "unauthorized", "Invalid credentials")


@BASES
async def test_refresh_keeps_the_refresh_token(client, person, base):
    first = await success(await sign_in(client))
    again = await success(await client.post(f"{base}/auth/refresh", json={"refresh_token": first["refresh_token"]}))
    assert again.keys() == TOKEN_KEYS
    assert again["refresh_token"] == first["refresh_token"]
    headers = {"Authorization": f"Bearer {again['access_token']}"}
    assert (await client.get("/v1/users/me", headers=headers)).status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "No refresh token provided"),
        (b"{}", "No refresh token provided"),
        (b'{"refresh_token": ""}', "No refresh token provided"),
        (b'{"refresh_token": "made-up"}', "Invalid or expired refresh token"),
        (b'{"refresh_token": "' + b"x" * 100_000 + b'"}', "Invalid or expired refresh token"),
    ],
)
async def test_refresh_without_a_valid_token(client, body, message):
    await failure(await client.post("/v1/auth/refresh", data=body), 401, "unauthorized", message)


@pytest.mark.parametrize("body", [b"{", b'{"refresh_token": 5}', b"[]"])
async def test_refresh_with_a_bad_body(client, body):
    await failure(await client.post("/v1/auth/refresh", data=body), 400, "invalid_request")


@pytest.mark.parametrize("body", [None, {}, {"refresh_token": "x"}])
async def test_logout_ends_both_tokens_at_once(client, person, body):
    tokens = await success(await sign_in(client))
    response = await person.ask("POST", "/v1/auth/logout", token=tokens["access_token"], json=body)
    assert await success(response) == {"message": "Logged out successfully"}
    await failure(await person.ask("GET", "/v1/users/me", token=tokens["access_token"]), 401, "unauthorized")
    body = {"refresh_token": tokens["refresh_token"]}
    await failure(await client.post("/v1/auth/refresh", json=body), 401, "unauthorized")


async def test_profile_changes_only_what_is_sent(person, assistant):
    changed = await success(await person.ask("PUT", "/v1/users/me", json={"username": "Grace", "email": "g@x.org"}))
    assert (changed["name"], changed["email"], changed["is_admin"]) == ("Grace", "g@x.org", False)
    changed = await success(await person.ask("PUT", "/v1/users/me", json={}))
    assert (changed["name"], changed["email"]) == ("Grace", "g@x.org")
    assert assistant.identity.passwords[person.user.user_id] == "secure_password"


@pytest.mark.parametrize(
    "body", [{"email": ""}, {"email": 1}, {"email": "nothing"}, {"name": "x"}, {"password": "short"}, {"is_admin": "y"}]
)
async def test_bad_profile_changes_are_invalid(person, body):
    await failure(await person.ask("PUT", "/v1/users/me", json=body), 400, "invalid_request")


async def test_taken_address_is_a_conflict(person, assistant):
    assistant.identity.add("other@example.com")
    await failure(await person.ask("PUT", "/v1/users/me", json={"email": "other@example.com"}), 409, "conflict")


async def test_only_an_administrator_makes_administrators(person, assistant, client):
    assert (await success(await person.ask("PUT", "/v1/users/me", json={"is_admin": True})))["is_admin"] is False
    admin = Person(assistant, client, email="admin@example.com", is_admin=True)
    assert (await success(await admin.ask("PUT", "/v1/users/me", json={"is_admin": False})))["is_admin"] is False


async def test_new_password_makes_the_token_invalid_and_is_the_one_that_counts(person, client):
    body = {"password": "another_password"}
    await success(await person.ask("PUT", "/v1/users/me", json=body))
    await failure(await person.ask("GET", "/v1/users/me"), 401, "unauthorized")
    await failure(await sign_in(client), 401, "unauthorized")
    assert (await sign_in(client, **body)).status == 200


@BASES
async def test_api_key_opens_what_a_token_opens_but_no_settings_of_the_surface(client, assistant, base):
    admin = Person(assistant, client, is_admin=True)
    made = await success(await admin.ask("POST", f"{base}/users/api-key"))
    assert made["api_key"].startswith("ql_")
    assert TIME.fullmatch(made["created_at"])
    headers = {"X-API-Key": made["api_key"]}
    profile = await success(await client.get(f"{base}/users/me", headers=headers))
    assert profile["id"] == admin.user.user_id
    assert (await client.post(f"{base}/chats", headers=headers)).status == 201
    response = await client.get(f"{base}/settings/admin", headers=headers)
    await failure(response, 403, "forbidden", "Admin access required")


async def test_key_that_may_only_read_reads_only(client, assistant, person):
    key = assistant.identity.add_key("quillium", "ql_r", person.user.user_id, ["read"])
    assert (await client.get("/v1/chats", headers={"X-API-Key": key})).status == 200
    assert (await client.head("/v1/chats", headers={"X-API-Key": key})).status == 200
    await failure(await client.post("/v1/chats", headers={"X-API-Key": key}), 403, "forbidden")
    await failure(await client.post("/v1/users/api-key", headers={"X-API-Key": key}), 403, "forbidden")


async def test_key_makes_no_key_that_may_more(client, assistant, person):
    key = assistant.identity.add_key("quillium", "ql_w", person.user.user_id, ["write"])
    made = await success(await client.post("/v1/users/api-key", headers={"X-API-Key": key}))
    await failure(await client.get("/v1/chats", headers={"X-API-Key": made["api_key"]}), 403, "forbidden")


async def test_user_who_was_deleted_a_moment_ago_is_nobody(person, assistant):
    token = person.token
    assistant.identity.users.clear()
    await failure(await person.ask("GET", "/v1/users/me", token=token), 401, "unauthorized")


@pytest.mark.parametrize("reason", [Reason.SERVICE_UNAVAILABLE, Reason.DEADLINE_EXCEEDED])
async def test_identity_that_cannot_be_asked_is_503(person, assistant, client, reason):
    assistant.identity.failure = DomainError(reason, "Later.")
    for response in (await person.ask("GET", "/v1/chats"), await sign_in(client), await client.post(
        "/v1/auth/register", json=ACCOUNT
    )):  # fmt: skip
        await failure(response, 503, "service_unavailable")
        assert int(response.headers["Retry-After"]) > 0


async def test_injections_are_texts(person):
    text = "'; DROP TABLE users;-- <script>{{7*7}}</script> \r\nX: y \u202e\u0000"
    changed = await success(await person.ask("PUT", "/v1/users/me", json={"name": text}))
    assert changed["name"] == text.strip()
