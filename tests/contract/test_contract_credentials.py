"""Credentials that are not valid are refused in the shape of the surface, and never stand in a log."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from framework.cluster import Cluster
from framework.quillium import Account, assert_error, register
from framework.raw_http import exchange, request
from framework.waiting import wait_until

PREFIXES = ("/v1", "/api/v1")
HUGE = "a" * 100_000


def _key(cluster: Cluster) -> bytes:
    """The real signing key, as someone has it who stole the file: the rows below must fail for their own reason."""
    return (cluster.data_dir / "token.key").read_bytes().strip()


def _claims(account: Account) -> dict:
    return jwt.decode(account.access_token, options={"verify_signature": False})


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _resigned(cluster: Cluster, account: Account, **changes: object) -> str:
    claims = {name: value for name, value in {**_claims(account), **changes}.items() if value is not None}
    return jwt.encode(claims, _key(cluster), algorithm="HS256")


Forge = Callable[[Cluster, Account], str]

FORGED: dict[str, Forge] = {
    "alg none": lambda _cluster, account: f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(_claims(account))}.",
    "HS against RS": lambda _cluster, account: (
        f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{'.'.join(account.access_token.split('.')[1:])}"
    ),
    "other key": lambda _cluster, account: jwt.encode(_claims(account), "k" * 32, algorithm="HS256"),
    "refresh token": lambda _cluster, account: str(account.tokens["refresh_token"]),
    "huge": lambda _cluster, _account: HUGE,
    "body of an administrator": lambda _cluster, account: ".".join(
        [
            account.access_token.split(".")[0],
            _part({**_claims(account), "admin": True}),
            account.access_token.split(".")[2],
        ]
    ),
    "expired": lambda cluster, account: _resigned(cluster, account, exp=int(time.time()) - 60),
    "not yet valid": lambda cluster, account: _resigned(cluster, account, nbf=int(time.time()) + 600),
    "wrong audience": lambda cluster, account: _resigned(cluster, account, aud="elsewhere"),
    "no end": lambda cluster, account: _resigned(cluster, account, exp=None),
}


@pytest.fixture(scope="module")
def account(scripted: Cluster):
    made = register(scripted)
    yield made
    made.client.close()


def logged(cluster: Cluster) -> str:
    return Path(cluster.log_path).read_text(errors="replace")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_are_refused(scripted: Cluster, account: Account, name: str, prefix: str):
    token = FORGED[name](scripted, account)
    with scripted.client() as client:
        assert_error(
            client.get(f"{prefix}/users/me", headers={"Authorization": f"Bearer {token}"}), 401, "unauthorized"
        )
    handshake = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    status, _, body = exchange(scripted.port, request("GET", f"{prefix}/ws?token={token}", handshake))
    assert (status, json.loads(body)["error"]["code"]) == (401, "unauthorized")
    assert token[:1000] not in logged(scripted)


def test_the_key_that_the_rows_use_is_the_real_one(scripted: Cluster, account: Account):
    with scripted.client() as client:
        token = _resigned(scripted, account)
        assert client.get("/v1/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_logout_counts_within_a_second(scripted: Cluster):
    account = register(scripted)
    assert account.client.get("/v1/users/me").status_code == 200
    begun = time.monotonic()
    assert account.client.post("/v1/auth/logout").json() == {"message": "Logged out successfully"}
    wait_until(lambda: account.client.get("/v1/users/me").status_code == 401, 1.0, "the token to be refused")
    assert time.monotonic() - begun < 1.0
    refreshed = account.client.post("/v1/auth/refresh", json={"refresh_token": account.tokens["refresh_token"]})
    assert_error(refreshed, 401, "unauthorized")
    assert str(account.tokens["refresh_token"]) not in logged(scripted)
    account.client.close()


def test_wrong_password_and_unknown_address_look_alike(scripted: Cluster, account: Account):
    with scripted.client() as client:
        wrong = client.post("/v1/auth/login", json={"email": account.email, "password": "not the password"})
        unknown = client.post("/v1/auth/login", json={"email": "nobody@example.com", "password": "not the password"})
    assert_error(wrong, 401, "unauthorized")
    assert wrong.text == unknown.text


def test_a_password_of_ten_megabytes_costs_nothing(scripted: Cluster, account: Account):
    with scripted.client() as client:
        begun = time.monotonic()
        response = client.post("/v1/auth/login", json={"email": account.email, "password": "p" * (10 << 20)})
        assert response.status_code in {400, 413}
        assert time.monotonic() - begun < 5
        long = client.post("/v1/auth/login", json={"email": account.email, "password": "p" * 500_000})
    assert long.status_code in {400, 401}
