"""Identities over time: the first administrator, restarts, the key file, what is at rest and what is logged."""

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.exceptions import InvalidTag

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_errors.status import from_rpc_error
from quintet_rpc.channel import create_channel
from quintet_session.secret_box import SecretBox
from quintet_session.settings import SessionSettings
from quintet_session.signing_key import load_signing_key

Serving = Callable[..., AbstractAsyncContextManager[Any]]
PASSWORD = "secure_password"
ADMIN_PASSWORD = "admin_password"
SECRET = "sk-provider-secret"
DOCUMENT = pb.SettingsKey(surface="quillium", subject="admin")


async def refused(call: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value).reason


async def sign_in(identity: rpc.IdentityServiceStub, email: str, password: str = PASSWORD) -> pb.SignInResponse:
    return await identity.SignIn(pb.SignInRequest(email=email, password=password))


async def test_a_restart_keeps_users_keys_settings_sign_ins_and_revocations(serving: Serving) -> None:
    async with serving() as service:
        identity = service.identity
        user = (await identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password=PASSWORD))).user
        other = (await identity.CreateUser(pb.CreateUserRequest(email="b@example.com", password=PASSWORD))).user
        kept, ended = await sign_in(identity, "a@example.com"), await sign_in(identity, "b@example.com")
        key = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="quillium", owner=user.user_id))
        await identity.UpdateSettings(pb.UpdateSettingsRequest(key=DOCUMENT, values={"a": "1"}, secrets={"s": SECRET}))
        await identity.UpdateUser(pb.UpdateUserRequest(user_id=other.user_id, is_admin=True))
    async with serving() as service:
        identity = service.identity
        assert (await identity.GetUser(pb.GetUserRequest(user_id=user.user_id))).user == user
        await identity.VerifyAccessToken(pb.VerifyAccessTokenRequest(access_token=kept.tokens.access_token))
        await identity.RefreshSignIn(pb.RefreshSignInRequest(refresh_token=kept.tokens.refresh_token))
        revoked = pb.VerifyAccessTokenRequest(access_token=ended.tokens.access_token)
        assert await refused(identity.VerifyAccessToken(revoked)) is Reason.UNAUTHENTICATED
        check = await identity.VerifyApiKey(pb.VerifyApiKeyRequest(surface="quillium", secret=key.secret))
        assert check.api_key == key.api_key
        settings = (await identity.GetSettings(pb.GetSettingsRequest(key=DOCUMENT))).settings
        assert (dict(settings.values), list(settings.secret_names)) == ({"a": "1"}, ["s"])


async def test_the_first_administrator_comes_from_the_settings_once(serving: Serving) -> None:
    admin = {"admin_email": "root@test.local", "admin_password": PASSWORD}
    async with serving(**admin) as service:
        user = (await sign_in(service.identity, "root@test.local")).user
        assert (user.is_admin, user.name) == (True, "root")
    async with serving(admin_email="second@test.local", admin_password="another_password") as service:
        users = (await service.identity.ListUsers(pb.ListUsersRequest())).users
        assert list(users) == [user]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"admin_email": "root@test.local"}, "`password` is required"),
        ({"admin_password": PASSWORD}, "`email` is required"),
        ({"admin_email": "root", "admin_password": PASSWORD}, "`email` must be"),
        ({"admin_email": "root@test.local", "admin_password": "short"}, "`password` must be"),
    ],
)
async def test_a_first_administrator_who_cannot_be_made_is_one_clear_sentence(
    serving: Serving, settings: Mapping[str, str], why: str
) -> None:
    with pytest.raises(DomainError) as caught:
        async with serving(**settings):
            pass
    assert caught.value.message.startswith("The first administrator cannot be made from ADMIN_EMAIL and ADMIN_PASSWORD")
    assert why in caught.value.message
    assert "short" not in caught.value.message


async def test_an_ordinary_user_with_the_administrators_address_is_not_raised(serving: Serving) -> None:
    async with serving() as service:
        await service.identity.CreateUser(pb.CreateUserRequest(email="root@test.local", password=PASSWORD))
    with pytest.raises(DomainError, match="There is an account"):
        async with serving(admin_email="root@test.local", admin_password=PASSWORD):
            pass


def test_the_administrator_is_read_from_plain_variables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_EMAIL", "plain@test.local")
    monkeypatch.setenv("ADMIN_PASSWORD", "plain password")
    settings = SessionSettings()
    assert (settings.admin_email, settings.admin_password.get_secret_value()) == ("plain@test.local", "plain password")
    assert "plain password" not in repr(settings)
    monkeypatch.setenv("QUINTET_SESSION_ADMIN_EMAIL", "prefixed@test.local")
    monkeypatch.setenv("QUINTET_SESSION_ADMIN_PASSWORD", "prefixed password")
    settings = SessionSettings()
    assert settings.admin_email == "prefixed@test.local"
    assert settings.admin_password.get_secret_value() == "prefixed password"


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    key = load_signing_key("", tmp_path)
    assert len(key) >= 32
    assert load_signing_key("", tmp_path) == key
    assert stat.S_IMODE((tmp_path / "token.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token.key"]
    assert load_signing_key("x" * 32, tmp_path) == b"x" * 32


@pytest.mark.parametrize(("mode", "content", "why"), [(0o640, "x" * 64, "chmod 600"), (0o600, "short\n", "too short")])
def test_a_bad_key_file_is_refused_in_one_sentence(tmp_path: Path, mode: int, content: str, why: str) -> None:
    path = tmp_path / "token.key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(DomainError) as caught:
        load_signing_key("", tmp_path)
    assert why in caught.value.message
    assert content not in caught.value.message


def test_a_key_of_the_settings_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="QUINTET_SESSION_TOKEN_KEY is too short"):
        load_signing_key("x" * 31, tmp_path)


async def test_no_secret_is_at_rest_in_clear(serving: Serving, tmp_path: Path) -> None:
    async with serving() as service:
        identity = service.identity
        user = (await identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password=PASSWORD))).user
        signed = await sign_in(identity, "a@example.com")
        key = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="quillium", owner=user.user_id))
        await identity.UpdateSettings(pb.UpdateSettingsRequest(key=DOCUMENT, secrets={"openai": SECRET}))
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("quintet.db")]
    for secret in (PASSWORD, signed.tokens.refresh_token, signed.tokens.access_token, key.secret, SECRET):
        assert not any(secret.encode() in content for content in files)
    connection = sqlite3.connect(tmp_path / "quintet.db")
    (sealed,) = connection.execute("SELECT sealed FROM settings_secrets").fetchone()
    connection.close()
    box = SecretBox(load_signing_key("", tmp_path))
    assert box.unseal(sealed, "quillium", "admin", "openai") == SECRET
    with pytest.raises(InvalidTag):
        box.unseal(sealed, "quillium", "admin", "other")


async def test_neither_secrets_nor_addresses_are_logged(tmp_path: Path) -> None:
    email, address_of_nobody = "ann.lee@example.com", "nobody.known@example.com"
    async with service_process(tmp_path) as (identity, output):
        user = (await identity.CreateUser(pb.CreateUserRequest(email=email, password=PASSWORD, name="Ann Lee"))).user
        signed = await sign_in(identity, email)
        await refused(sign_in(identity, email, "wrong_password"))
        await refused(sign_in(identity, address_of_nobody, "wrong_password"))
        await refused(identity.CreateUser(pb.CreateUserRequest(email=email, password="second_password")))
        key = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="quillium", owner=user.user_id))
        await identity.UpdateSettings(pb.UpdateSettingsRequest(key=DOCUMENT, secrets={"openai": SECRET}))
        await identity.UpdateUser(pb.UpdateUserRequest(user_id=user.user_id, password="third_password"))
        await identity.SignOut(pb.SignOutRequest(user_id=user.user_id))
        await identity.RevokeApiKey(pb.RevokeApiKeyRequest(surface="quillium", key_id=key.api_key.key_id))
        await identity.DeleteUser(pb.DeleteUserRequest(user_id=user.user_id))
    logged = "".join(output)
    secrets = (PASSWORD, "wrong_password", "second_password", "third_password", ADMIN_PASSWORD, SECRET, key.secret)
    people = (email, address_of_nobody, "root@test.local", "Ann Lee")
    for text in (*secrets, *people, signed.tokens.access_token, signed.tokens.refresh_token):
        assert text not in logged
    assert load_signing_key("", tmp_path).decode() not in logged
    events = {json.loads(line)["event"] for line in output}
    assert events >= {
        "user_created",
        "signed_in",
        "sign_in_failed",
        "api_key_created",
        "settings_updated",
        "user_updated",
        "signed_out",
        "api_key_revoked",
        "user_deleted",
    }


@asynccontextmanager
async def service_process(folder: Path) -> AsyncIterator[tuple[rpc.IdentityServiceStub, list[str]]]:
    """Runs the real process, whose output can be read when it has ended."""
    environment = os.environ | {
        "QUINTET_SESSION_LISTEN_ADDR": "127.0.0.1:0",
        "QUINTET_SESSION_DATA_DIR": str(folder),
        "QUINTET_SESSION_LOG_LEVEL": "debug",
        "QUINTET_SESSION_PASSWORD_TIME_COST": "1",
        "QUINTET_SESSION_PASSWORD_MEMORY_KIB": "64",
        "ADMIN_EMAIL": "root@test.local",
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quintet_session", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert process.stdout is not None
    output: list[str] = []
    try:
        async with asyncio.timeout(60):
            while not output or json.loads(output[-1])["event"] != "serving":
                output.append((await process.stdout.readline()).decode())
        (port,) = next(event["ports"] for event in map(json.loads, output) if event["event"] == "listening")
        async with create_channel(f"127.0.0.1:{port}") as channel:
            yield rpc.IdentityServiceStub(channel), output
        process.terminate()
        output += (await process.stdout.read()).decode().splitlines()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
