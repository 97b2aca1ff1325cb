"""Who is let in to the quillium surface, how often, and that no credential is written down."""

import base64
import json
import time

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from quillium_requests import Person, failure, success
from scripted_identity import FORMAT, claims

from quintet_gateway.app import build_app
from quintet_gateway.http.listening import listen
from quintet_gateway.http.serving import HttpServer
from quintet_gateway.settings import GatewaySettings
from quintet_tokens import TokenFormat, issue

ACCOUNT = {"email": "user@example.com", "password": "secure_password"}


@pytest.fixture
def person(assistant, client):
    return Person(assistant, client)


def unsigned(user):
    now = int(time.time())
    body = {"sub": user.user_id, "name": user.email, "admin": True, "jti": "t", "sid": "s", "gen": 0,
            "iat": now, "exp": now + 900, "iss": "quintet", "aud": "quintet"}  # fmt: skip
    parts = ({"alg": "none", "typ": "JWT"}, body)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def signed_by_rsa(user):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    payload = jwt.decode(unsigned_claims(user), options={"verify_signature": False})
    return jwt.encode(payload, pem, algorithm="RS256")


def unsigned_claims(user):
    return issue(claims(user.user_id, user.email, token_id="t"), FORMAT)


def issued(user, token_format=FORMAT, **chosen):
    return issue(claims(user.user_id, user.email, token_id="t", **chosen), token_format)


def not_yet_valid(user):
    payload = jwt.decode(unsigned_claims(user), options={"verify_signature": False})
    return jwt.encode({**payload, "nbf": int(time.time()) + 600}, FORMAT.key, algorithm="HS256")


def other_algorithm(user):
    payload = jwt.decode(unsigned_claims(user), options={"verify_signature": False})
    return jwt.encode(payload, FORMAT.key, algorithm="HS512")


BAD_TOKENS = {
    "none": unsigned,
    "rsa": signed_by_rsa,
    "other algorithm": other_algorithm,
    "other key": lambda user: issued(user, TokenFormat(b"x" * 32)),
    "expired": lambda user: issued(user, expires_at=int(time.time()) - 60),
    "not yet valid": not_yet_valid,
    "issued in the future": lambda user: issued(user, issued_at=int(time.time()) + 600),
    "other audience": lambda user: issued(user, TokenFormat(FORMAT.key, audience="else")),
    "other issuer": lambda user: issued(user, TokenFormat(FORMAT.key, issuer="else")),
    "refresh token": lambda _user: "refresh-token-of-mine-0123456789",
    "key of omni": lambda _user: "qo_0123456789abcdef",
    "long": lambda _user: "h" * 7000,
    "three dots": lambda _user: "...",
    "nothing": lambda _user: "",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
@pytest.mark.parametrize("path", ["/v1/users/me", "/api/v1/chats"])
async def test_bad_tokens_are_refused_and_written_nowhere(person, capfd, kind, path):
    token = BAD_TOKENS[kind](person.user)
    response = await person.client.get(path, headers={"Authorization": f"Bearer {token}"})
    await failure(response, 401, "unauthorized", "Unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    written = capfd.readouterr()
    assert not token.strip(".") or token not in written.out + written.err


@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_bad_tokens_open_no_connection(person, capfd, kind):
    token = BAD_TOKENS[kind](person.user)
    for path, headers in ((f"/v1/ws?token={token}", {}), ("/api/v1/ws", {"Authorization": f"Bearer {token}"})):
        response = await person.client.get(path, headers={**HANDSHAKE, **headers})
        await failure(response, 401, "unauthorized")
    written = capfd.readouterr()
    assert not token.strip(".") or token not in written.out + written.err


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}


async def test_revoked_token_is_refused_on_both(person, capfd):
    await person.identity.sign_out(person.user.user_id, (await person.identity.verify_token(person.token)).token_id)
    await failure(await person.ask("GET", "/v1/users/me"), 401, "unauthorized")
    await failure(await person.client.get(f"/v1/ws?token={person.token}", headers=HANDSHAKE), 401, "unauthorized")
    assert person.token not in capfd.readouterr().out


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"X-API-Key": "ql_made_up"},
        {"X-API-Key": ""},
        {"Authorization": "token x", "X-API-Key": "your_api_key_here"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/auth/logout"), ("GET", "/v1/users/me"), ("PUT", "/v1/users/me"), ("POST", "/v1/users/api-key"),
        ("GET", "/v1/chats"), ("POST", "/v1/chats"), ("GET", "/v1/chats/chat_1"), ("DELETE", "/v1/chats/chat_1"),
        ("GET", "/v1/chats/chat_1/messages"), ("POST", "/v1/chats/chat_1/messages"), ("GET", "/v1/settings/user"),
        ("PUT", "/v1/settings/user"), ("GET", "/v1/settings/admin"), ("PUT", "/v1/settings/admin"), ("GET", "/v1/ws"),
    ],
)  # fmt: skip
async def test_every_endpoint_needs_a_credential(client, headers, method, path):
    await failure(await client.request(method, path, headers=headers), 401, "unauthorized")


async def test_valid_key_next_to_an_invalid_token_opens_nothing(person):
    key = person.identity.add_key("quillium", "ql_1", person.user.user_id)
    headers = {"Authorization": "Bearer nonsense", "X-API-Key": key}
    await failure(await person.client.get("/v1/chats", headers=headers), 401, "unauthorized")
    await failure(await person.client.get("/v1/ws", headers={**HANDSHAKE, "X-API-Key": key}), 401, "unauthorized")


async def test_token_in_the_address_counts_for_connections_only(person):
    await failure(await person.client.get(f"/v1/chats?token={person.token}"), 401, "unauthorized")


async def test_pages_of_any_origin_may_use_the_surface_and_foreign_hosts_are_refused(person):
    response = await person.ask("POST", "/v1/chats", headers={"Origin": "https://app.example"})
    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (201, "*")
    await failure(await person.ask("GET", "/v1/chats", headers={"Host": "evil.example"}), 421, "invalid_request")
    response = await person.client.get(f"/v1/ws?token={person.token}", headers={**HANDSHAKE, "Host": "evil.example"})
    await failure(response, 421, "invalid_request")


async def test_log_of_a_connection_holds_no_token(person, capfd):
    connection = await person.connect()
    await connection.close()
    await success(await person.client.post("/v1/auth/login", json=ACCOUNT))
    out = capfd.readouterr()
    assert "/v1/ws" in out.out
    assert person.token not in out.out + out.err
    assert "secure_password" not in out.out + out.err


async def test_hundred_requests_a_minute_for_each_user(start, assistant):
    client = await start(limits="documented")
    one, other = Person(assistant, client), Person(assistant, client, email="other@example.com")
    for number in range(100):
        path = ("/v1/chats", "/api/v1/users/me", "/v1/chats/chat_none", "/v1/unknown")[number % 3]
        response = await one.ask("GET", path)
        assert response.status != 429
        assert response.headers["X-RateLimit-Limit"] == "100"
        assert response.headers["X-RateLimit-Remaining"] == str(99 - number)
        assert 0 <= int(response.headers["X-RateLimit-Reset"]) - time.time() <= 61
    response = await one.ask("GET", "/v1/chats")
    await failure(response, 429, "rate_limit_exceeded", "Rate limit exceeded")
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert (response.headers["X-RateLimit-Limit"], response.headers["X-RateLimit-Remaining"]) == ("100", "0")
    assert (await other.ask("GET", "/v1/chats")).status == 200
    assert (await client.options("/v1/chats")).status == 204
    assert "X-RateLimit-Limit" not in (await client.get("/api/health")).headers


async def test_strangers_share_the_allowance_of_their_address(start, assistant):
    client = await start(limits="documented")
    person = Person(assistant, client)
    for number in range(100):
        response = await client.get("/v1/chats", headers={"Authorization": f"Bearer made-up-{number}"})
        await failure(response, 401, "unauthorized")
        assert response.headers["X-RateLimit-Remaining"] == str(99 - number)
    await failure(await client.get("/v1/chats", headers={"X-API-Key": "made up"}), 429, "rate_limit_exceeded")
    await failure(await client.post("/v1/auth/login", json=ACCOUNT), 429, "rate_limit_exceeded")
    assert (await person.ask("GET", "/v1/chats")).status == 200


async def test_made_up_keys_cost_no_questions_without_end(start, assistant):
    client = await start(limits="documented")
    for number in range(130):
        response = await client.get("/v1/chats", headers={"X-API-Key": f"ql_{number}"})
        await failure(response, *((401, "unauthorized") if number < 100 else (429, "rate_limit_exceeded")))
    assert assistant.identity.checks == 120


async def test_guesses_of_a_password_are_limited_for_address_and_mail(start, assistant):
    client = await start(limits="documented")
    Person(assistant, client)
    Person(assistant, client, email="other@example.com")
    for number in range(10):
        guess = {**ACCOUNT, "email": ACCOUNT["email"].upper() if number % 2 else ACCOUNT["email"], "password": "wrong"}
        await failure(await client.post("/v1/auth/login", json=guess), 401, "unauthorized")
    response = await client.post("/v1/auth/login", json=ACCOUNT)
    await failure(response, 429, "rate_limit_exceeded")
    assert 1 <= int(response.headers["Retry-After"]) <= 901
    assert len(assistant.identity.sign_ins) == 10
    assert (await client.post("/v1/auth/login", json={**ACCOUNT, "email": "other@example.com"})).status == 200


async def test_right_password_forgives_the_wrong_ones(start, assistant):
    client = await start(limits="documented")
    Person(assistant, client)
    for _ in range(3):
        for _ in range(6):
            response = await client.post("/v1/auth/login", json={**ACCOUNT, "password": "wrong"})
            await failure(response, 401, "unauthorized")
        assert (await client.post("/v1/auth/login", json=ACCOUNT)).status == 200


async def test_limits_off_counts_nothing(person):
    response = await person.ask("GET", "/v1/chats")
    assert "X-RateLimit-Limit" not in response.headers


async def test_token_of_100_kb_is_refused_in_the_shape_of_the_surface(assistant, tmp_path, capfd):
    server = HttpServer(
        build_app(GatewaySettings(limits="off", data_dir=tmp_path), assistant), keepalive_s=75, grace_s=1
    )
    (port,) = listen(("127.0.0.1",), (0,), required=True)
    await server.start([port])
    token = "hunter2" * 14_600
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port.port}") as http:
            response = await http.get("/v1/chats", headers={"Authorization": f"Bearer {token}"})
            await failure(response, 401, "unauthorized")
            await failure(await http.get(f"/v1/ws?token={token}", headers=HANDSHAKE), 401, "unauthorized")
    finally:
        await server.drain()
    assert "hunter2" not in capfd.readouterr().out
