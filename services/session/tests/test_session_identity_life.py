"""Identities over time: the first administrator, restarts, the key file, what is at rest and what is logged."""

import json
import signal
import sqlite3
import stat
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from refusals import reason_of
from session_processes import service_process

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_session.secret_box import SecretBox
from quintet_session.settings import SessionSettings
from quintet_session.signing_key import load_signing_key

Serving = Callable[..., AbstractAsyncContextManager[Any]]
PASSWORD = "secure_password"
ADMIN_PASSWORD = "admin_password"
SECRET = "sk-provider-secret"
DOCUMENT = pb.SettingsKey(surface="quillium", subject="admin")
PROCESS_SETTINGS = {
    "LOG_LEVEL": "debug",
    "PASSWORD_TIME_COST": "1",
    "PASSWORD_MEMORY_KIB": "64",
    "ADMIN_EMAIL": "root@test.local",
    "ADMIN_PASSWORD": ADMIN_PASSWORD,
}


async def sign_in(identity: rpc.IdentityServiceStub, email: str, password: str = PASSWORD) -> pb.SignInResponse:
    return await identity.SignIn(pb.SignInRequest(email=email, password=password))


def token_of(signed: pb.SignInResponse) -> pb.VerifyAccessTokenRequest:
    return pb.VerifyAccessTokenRequest(access_token=signed.tokens.access_token)


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
        assert await reason_of(identity.VerifyAccessToken(revoked)) is Reason.UNAUTHENTICATED
        check = await identity.VerifyApiKey(pb.VerifyApiKeyRequest(surface="quillium", secret=key.secret))
        assert check.api_key == key.api_key
        settings = (await identity.GetSettings(pb.GetSettingsRequest(key=DOCUMENT))).settings
        assert (dict(settings.values), list(settings.secret_names)) == ({"a": "1"}, ["s"])


@pytest.mark.faults
async def test_what_was_answered_about_people_survives_a_kill(tmp_path: Path) -> None:
    async with service_process(tmp_path, PROCESS_SETTINGS) as running:
        identity = rpc.IdentityServiceStub(running.channel)
        address = "a@example.com"
        user = (await identity.CreateUser(pb.CreateUserRequest(email=address, password=PASSWORD))).user
        ended, kept = await sign_in(identity, address), await sign_in(identity, address)
        key = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="quillium", owner=user.user_id))
        lost = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="nexus", owner="me"))
        await identity.RevokeApiKey(pb.RevokeApiKeyRequest(surface="nexus", key_id=lost.api_key.key_id))
        claims = (await identity.VerifyAccessToken(token_of(ended))).claims
        await identity.SignOut(pb.SignOutRequest(user_id=user.user_id, token_id=claims.token_id))
        # The last thing that is answered: nothing comes after it that could carry it to the disk.
        assert await running.kill() == -signal.SIGKILL
    async with service_process(tmp_path, PROCESS_SETTINGS) as running:
        identity = rpc.IdentityServiceStub(running.channel)
        assert (await sign_in(identity, address)).user == user
        assert await reason_of(identity.VerifyAccessToken(token_of(ended))) is Reason.UNAUTHENTICATED
        assert (await identity.VerifyAccessToken(token_of(kept))).claims.user_id == user.user_id
        refresh = pb.RefreshSignInRequest(refresh_token=kept.tokens.refresh_token)
        assert await reason_of(identity.RefreshSignIn(refresh)) is Reason.UNAUTHENTICATED
        for surface, secret, found in (("quillium", key.secret, key.api_key), ("nexus", lost.secret, pb.ApiKey())):
            check = await identity.VerifyApiKey(pb.VerifyApiKeyRequest(surface=surface, secret=secret))
            assert (check.api_key, check.surface_has_keys) == (found, True)


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
    async with service_process(tmp_path, PROCESS_SETTINGS) as running:
        identity = rpc.IdentityServiceStub(running.channel)
        user = (await identity.CreateUser(pb.CreateUserRequest(email=email, password=PASSWORD, name="Ann Lee"))).user
        signed = await sign_in(identity, email)
        await reason_of(sign_in(identity, email, "wrong_password"))
        await reason_of(sign_in(identity, address_of_nobody, "wrong_password"))
        await reason_of(identity.CreateUser(pb.CreateUserRequest(email=email, password="second_password")))
        key = await identity.CreateApiKey(pb.CreateApiKeyRequest(surface="quillium", owner=user.user_id))
        await identity.UpdateSettings(pb.UpdateSettingsRequest(key=DOCUMENT, secrets={"openai": SECRET}))
        await identity.UpdateUser(pb.UpdateUserRequest(user_id=user.user_id, password="third_password"))
        await identity.SignOut(pb.SignOutRequest(user_id=user.user_id))
        await identity.RevokeApiKey(pb.RevokeApiKeyRequest(surface="quillium", key_id=key.api_key.key_id))
        await identity.DeleteUser(pb.DeleteUserRequest(user_id=user.user_id))
        assert await running.stop() == 0
    output = running.output
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
