"""Tokens that are ours are read; every other one is refused in the same words."""

import base64
import json
import time

import jwt
import pytest

from quintet_errors import DomainError, Reason
from quintet_tokens import AccessClaims, TokenFormat, issue, verify

FORMAT = TokenFormat(key=b"k" * 32)
OTHER = TokenFormat(key=b"o" * 32)


def claims(**changes):
    now = int(time.time())
    values = {
        "user_id": "user_1",
        "email": "a@example.com",
        "is_admin": False,
        "token_id": "t1",
        "sign_in_id": "s1",
        "generation": 1,
        "issued_at": now,
        "expires_at": now + 900,
    }
    return AccessClaims(**{**values, **changes})


def payload(**changes):
    now = int(time.time())
    whole = {
        "sub": "user_1",
        "name": "a@example.com",
        "admin": False,
        "jti": "t1",
        "sid": "s1",
        "gen": 1,
        "iat": now,
        "exp": now + 900,
        "iss": "quintet",
        "aud": "quintet",
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def signed(body, *, key=FORMAT.key, algorithm="HS256", headers=None):
    return jwt.encode(body, key, algorithm=algorithm, headers=headers)


def unsigned(body):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(body)}."


def test_what_is_issued_is_read_again():
    said = claims()
    assert verify(issue(said, FORMAT), FORMAT) == said


REFUSED = {
    "alg none": lambda: unsigned(payload()),
    "other algorithm": lambda: signed(payload(), algorithm="HS512", key=b"k" * 64),
    "same key, other algorithm": lambda: signed(payload(), algorithm="HS384", key=b"k" * 48),
    "other key": lambda: signed(payload(), key=OTHER.key),
    "expired": lambda: signed(payload(exp=int(time.time()) - 60)),
    "not yet valid": lambda: signed(payload(nbf=int(time.time()) + 60)),
    "issued in the future": lambda: signed(payload(iat=int(time.time()) + 60)),
    "wrong audience": lambda: signed(payload(aud="elsewhere")),
    "wrong issuer": lambda: signed(payload(iss="elsewhere")),
    "no expiry": lambda: signed(payload(exp=None)),
    "no id": lambda: signed(payload(jti=None)),
    "no generation": lambda: signed(payload(gen=None)),
    "generation of another type": lambda: signed(payload(gen="1")),
    "right of another type": lambda: signed(payload(admin="yes")),
    "sign-in of another type": lambda: signed(payload(sid=["s"])),
    "huge": lambda: "a" * 100_000,
    "empty": lambda: "",
    "two dots": lambda: "..",
    "not base64": lambda: "$$$.$$$.$$$",
    "control characters": lambda: "\x00\r\n.\x00.\x00",
    "cut off": lambda: signed(payload())[:-4],
    "body swapped": lambda: signed(payload()).split(".")[0] + "." + unsigned(payload(admin=True)).split(".")[1] + ".x",
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name):
    with pytest.raises(DomainError) as refused:
        verify(REFUSED[name](), FORMAT)
    assert refused.value.reason is Reason.UNAUTHENTICATED
    assert refused.value.message == "The credential is not valid."


def test_a_public_key_is_no_secret():
    """The classic confusion: a token signed with HS256 over a text that looks like a public key."""
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
    head, body, _ = unsigned(payload()).split(".")
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(public.encode()).decode().rstrip('=')}"
    with pytest.raises(DomainError):
        verify(forged, FORMAT)
