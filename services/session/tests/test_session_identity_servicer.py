"""quintet.identity.v1 over real gRPC: what callers get, and what they are refused."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from refusals import refused

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_errors import Reason

PASSWORD = "secure_password"
DOCUMENT = pb.SettingsKey(surface="quillium", subject="admin")


async def add(identity: rpc.IdentityServiceStub, email: str = "ann@example.com", *, is_admin: bool = False) -> pb.User:
    request = pb.CreateUserRequest(email=email, password=PASSWORD, is_admin=is_admin)
    return (await identity.CreateUser(request)).user


async def sign_in(identity: rpc.IdentityServiceStub, email: str = "ann@example.com") -> pb.SignInResponse:
    return await identity.SignIn(pb.SignInRequest(email=email, password=PASSWORD))


async def claims(identity: rpc.IdentityServiceStub, token: str) -> pb.AccessClaims:
    return (await identity.VerifyAccessToken(pb.VerifyAccessTokenRequest(access_token=token))).claims


async def is_invalid(identity: rpc.IdentityServiceStub, token: str) -> bool:
    error = await refused(identity.VerifyAccessToken(pb.VerifyAccessTokenRequest(access_token=token)))
    return error.reason is Reason.UNAUTHENTICATED


async def test_a_user_from_creation_to_the_end(identity: rpc.IdentityServiceStub) -> None:
    user = await add(identity, "Ann@Example.com")
    assert user.user_id.startswith("user_")
    assert (user.email, user.name, user.is_admin) == ("Ann@Example.com", "Ann", False)
    assert (await identity.GetUser(pb.GetUserRequest(email="ann@example.COM"))).user == user
    change = pb.UpdateUserRequest(user_id=user.user_id, email="b@test.local", name="B")
    changed = (await identity.UpdateUser(change)).user
    assert (changed.email, changed.name) == ("b@test.local", "B")
    assert changed.update_time.ToMicroseconds() > user.update_time.ToMicroseconds()
    assert (await identity.GetUser(pb.GetUserRequest(user_id=user.user_id))).user == changed
    await identity.DeleteUser(pb.DeleteUserRequest(user_id=user.user_id))
    error = await refused(identity.GetUser(pb.GetUserRequest(user_id=user.user_id)))
    assert (error.reason, dict(error.metadata)) == (Reason.USER_NOT_FOUND, {"userId": user.user_id})


async def test_a_user_can_be_created_signed_in(identity: rpc.IdentityServiceStub) -> None:
    request = pb.CreateUserRequest(email="ann@example.com", password=PASSWORD, sign_in=True)
    created = await identity.CreateUser(request)
    said = await claims(identity, created.tokens.access_token)
    assert (said.user_id, said.generation) == (created.user.user_id, 1)
    refresh = pb.RefreshSignInRequest(refresh_token=created.tokens.refresh_token)
    again = await identity.RefreshSignIn(refresh)
    assert (await claims(identity, again.tokens.access_token)).sign_in_id == said.sign_in_id
    assert (await refused(identity.CreateUser(request))).reason is Reason.EMAIL_TAKEN
    plain = pb.CreateUserRequest(email="bob@example.com", password=PASSWORD)
    assert not (await identity.CreateUser(plain)).HasField("tokens")


async def test_users_come_in_pages(identity: rpc.IdentityServiceStub) -> None:
    users = [await add(identity, f"u{number}@example.com") for number in range(5)]
    first = await identity.ListUsers(pb.ListUsersRequest(page_size=3))
    second = await identity.ListUsers(pb.ListUsersRequest(page_size=3, page_token=first.next_page_token))
    assert [*first.users, *second.users] == users
    assert not second.next_page_token


async def test_a_sign_in_gives_tokens_that_say_who_it_is(identity: rpc.IdentityServiceStub) -> None:
    user = await add(identity, is_admin=True)
    signed = await sign_in(identity, "ANN@example.com")
    assert (signed.user, signed.tokens.access_token_lifetime.seconds) == (user, 900)
    said = await claims(identity, signed.tokens.access_token)
    assert (said.user_id, said.email, said.is_admin, said.generation) == (user.user_id, user.email, True, 1)
    assert 890 < said.expire_time.seconds - time.time() <= 900
    refreshed = await identity.RefreshSignIn(pb.RefreshSignInRequest(refresh_token=signed.tokens.refresh_token))
    assert (refreshed.user, refreshed.tokens.refresh_token) == (user, signed.tokens.refresh_token)
    again = await claims(identity, refreshed.tokens.access_token)
    assert again.sign_in_id == said.sign_in_id
    assert again.token_id != said.token_id


async def test_signing_out_ends_every_refresh_token_and_the_named_access_token(
    identity: rpc.IdentityServiceStub,
) -> None:
    user = await add(identity)
    first, second = await sign_in(identity), await sign_in(identity)
    token_id = (await claims(identity, first.tokens.access_token)).token_id
    await identity.SignOut(pb.SignOutRequest(user_id=user.user_id, token_id=token_id))
    assert await is_invalid(identity, first.tokens.access_token)
    assert (await claims(identity, second.tokens.access_token)).user_id == user.user_id
    for signed in (first, second):
        request = pb.RefreshSignInRequest(refresh_token=signed.tokens.refresh_token)
        assert (await refused(identity.RefreshSignIn(request))).reason is Reason.UNAUTHENTICATED


async def test_a_new_password_ends_all_but_the_kept_sign_in(identity: rpc.IdentityServiceStub) -> None:
    user = await add(identity)
    kept, lost = await sign_in(identity), await sign_in(identity)
    sign_in_id = (await claims(identity, kept.tokens.access_token)).sign_in_id
    change = pb.UpdateUserRequest(user_id=user.user_id, password="another_password", kept_sign_in_id=sign_in_id)
    await identity.UpdateUser(change)
    assert await is_invalid(identity, kept.tokens.access_token)
    assert (await refused(sign_in(identity))).reason is Reason.UNAUTHENTICATED
    await identity.SignIn(pb.SignInRequest(email=user.email, password="another_password"))
    refreshed = await identity.RefreshSignIn(pb.RefreshSignInRequest(refresh_token=kept.tokens.refresh_token))
    assert (await claims(identity, refreshed.tokens.access_token)).generation == 2
    request = pb.RefreshSignInRequest(refresh_token=lost.tokens.refresh_token)
    assert (await refused(identity.RefreshSignIn(request))).reason is Reason.UNAUTHENTICATED


async def test_the_last_administrator_can_be_neither_deleted_nor_demoted(identity: rpc.IdentityServiceStub) -> None:
    user = await add(identity, is_admin=True)
    for call in (
        identity.DeleteUser(pb.DeleteUserRequest(user_id=user.user_id)),
        identity.UpdateUser(pb.UpdateUserRequest(user_id=user.user_id, is_admin=False)),
    ):
        error = await refused(call)
        assert error.reason is Reason.PERMISSION_DENIED
        assert "last administrator" in error.message


async def test_whatever_is_wrong_with_a_sign_in_the_error_is_the_same(identity: rpc.IdentityServiceStub) -> None:
    await add(identity)
    errors = [
        await refused(identity.SignIn(pb.SignInRequest(email=email, password=password)))
        for email, password in (
            ("ann@example.com", "wrong_password"),
            ("nobody@example.com", PASSWORD),
            ("no address", PASSWORD),
            ("ann@example.com", PASSWORD + "x" * 2000),
            ("x" * 300 + "@example.com", PASSWORD),
        )
    ]
    assert {(error.reason, error.message, str(error.metadata)) for error in errors} == {
        (Reason.UNAUTHENTICATED, "Invalid credentials", "{}")
    }


async def test_a_password_may_be_written_by_any_keyboard(identity: rpc.IdentityServiceStub) -> None:
    await identity.CreateUser(pb.CreateUserRequest(email="a@example.com", password="  crème  "))
    await identity.SignIn(pb.SignInRequest(email="a@example.com", password="  cre\u0300me  "))


@pytest.mark.parametrize(
    ("surface", "prefix"), [("quillium", "ql_"), ("omni", "qo_"), ("nexus", "qn_"), ("aegis", "qk_")]
)
async def test_an_api_key_is_shown_once_and_known_again(
    identity: rpc.IdentityServiceStub, surface: str, prefix: str
) -> None:
    user = await add(identity)
    created = await identity.CreateApiKey(
        pb.CreateApiKeyRequest(surface=surface, owner=user.user_id, scopes=["write", "read", "write"])
    )
    assert created.secret.startswith(prefix)
    assert len(created.secret) == 46
    assert created.api_key.prefix == created.secret[:11]
    assert list(created.api_key.scopes) == ["write", "read"]
    check = await identity.VerifyApiKey(pb.VerifyApiKeyRequest(surface=surface, secret=created.secret))
    assert (check.api_key, check.surface_has_keys) == (created.api_key, True)
    # Elsewhere an owner is a label, even if it looks like the id of a user.
    assert check.user == (user if surface == "quillium" else pb.User())
    listed = (await identity.ListApiKeys(pb.ListApiKeysRequest(surface=surface))).api_keys
    assert list(listed) == [created.api_key]
    revoke = pb.RevokeApiKeyRequest(surface=surface, key_id=created.api_key.prefix)
    revoked = (await identity.RevokeApiKey(revoke)).api_key
    assert revoked.HasField("revoke_time")
    assert (await identity.RevokeApiKey(revoke)).api_key == revoked
    check = await identity.VerifyApiKey(pb.VerifyApiKeyRequest(surface=surface, secret=created.secret))
    assert (check.HasField("api_key"), check.surface_has_keys, check.HasField("user")) == (False, True, False)


async def test_settings_are_merged_and_their_secrets_are_only_named(
    identity: rpc.IdentityServiceStub, service: Any
) -> None:
    empty = (await identity.GetSettings(pb.GetSettingsRequest(key=DOCUMENT))).settings
    assert not empty.HasField("update_time")
    secret = "sk-very-secret"
    request = pb.UpdateSettingsRequest(key=DOCUMENT, values={"a": '{"x": [1]}', "b": "null"}, secrets={"key": secret})
    assert secret not in str(await identity.UpdateSettings(request))
    merged = (await identity.UpdateSettings(pb.UpdateSettingsRequest(key=DOCUMENT, values={"b": "2"}))).settings
    assert (dict(merged.values), list(merged.secret_names)) == ({"a": '{"x": [1]}', "b": "2"}, ["key"])
    assert (await identity.GetSettings(pb.GetSettingsRequest(key=DOCUMENT))).settings == merged
    removal = pb.UpdateSettingsRequest(key=DOCUMENT, values={"b": " null"}, secrets={"key": ""})
    left = (await identity.UpdateSettings(removal)).settings
    assert (dict(left.values), list(left.secret_names)) == ({"a": '{"x": [1]}'}, [])


PAST = Timestamp(seconds=1_000_000)
KEY = {"surface": "nexus", "owner": "me"}
BAD_CALLS: list[tuple[str, Any, str, Reason]] = [
    ("CreateUser", pb.CreateUserRequest(password=PASSWORD), "email", Reason.MISSING_FIELD),
    ("CreateUser", pb.CreateUserRequest(email="a@b", password=PASSWORD), "email", Reason.INVALID_ARGUMENT),
    ("CreateUser", pb.CreateUserRequest(email="ann", password=PASSWORD), "email", Reason.INVALID_ARGUMENT),
    ("CreateUser", pb.CreateUserRequest(email=" a@b.de", password=PASSWORD), "email", Reason.INVALID_ARGUMENT),
    (
        "CreateUser",
        pb.CreateUserRequest(email=f"a@{'b.' * 130}de", password=PASSWORD),
        "email",
        Reason.INVALID_ARGUMENT,
    ),
    ("CreateUser", pb.CreateUserRequest(email="a@b.de"), "password", Reason.MISSING_FIELD),
    ("CreateUser", pb.CreateUserRequest(email="a@b.de", password="7 chars"), "password", Reason.INVALID_ARGUMENT),
    ("CreateUser", pb.CreateUserRequest(email="a@b.de", password="x" * 1025), "password", Reason.INVALID_ARGUMENT),
    (
        "CreateUser",
        pb.CreateUserRequest(email="a@b.de", password=PASSWORD, name="x" * 101),
        "name",
        Reason.INVALID_ARGUMENT,
    ),
    ("GetUser", pb.GetUserRequest(), "user_id", Reason.MISSING_FIELD),
    ("GetUser", pb.GetUserRequest(email="x"), "email", Reason.INVALID_ARGUMENT),
    ("ListUsers", pb.ListUsersRequest(page_size=1001), "page_size", Reason.INVALID_ARGUMENT),
    ("ListUsers", pb.ListUsersRequest(page_token="%%"), "page_token", Reason.INVALID_ARGUMENT),
    ("UpdateUser", pb.UpdateUserRequest(name="x"), "user_id", Reason.MISSING_FIELD),
    ("UpdateUser", pb.UpdateUserRequest(user_id="u", name=" "), "name", Reason.MISSING_FIELD),
    ("UpdateUser", pb.UpdateUserRequest(user_id="u", email="x"), "email", Reason.INVALID_ARGUMENT),
    ("UpdateUser", pb.UpdateUserRequest(user_id="u", password="short"), "password", Reason.INVALID_ARGUMENT),
    ("DeleteUser", pb.DeleteUserRequest(), "user_id", Reason.MISSING_FIELD),
    ("SignIn", pb.SignInRequest(password=PASSWORD), "email", Reason.MISSING_FIELD),
    ("SignIn", pb.SignInRequest(email="a@b.de"), "password", Reason.MISSING_FIELD),
    ("RefreshSignIn", pb.RefreshSignInRequest(), "refresh_token", Reason.MISSING_FIELD),
    ("SignOut", pb.SignOutRequest(), "user_id", Reason.MISSING_FIELD),
    ("SignOut", pb.SignOutRequest(user_id="u", token_id="x" * 129), "token_id", Reason.INVALID_ARGUMENT),
    ("VerifyAccessToken", pb.VerifyAccessTokenRequest(), "access_token", Reason.MISSING_FIELD),
    ("CreateApiKey", pb.CreateApiKeyRequest(owner="me"), "surface", Reason.MISSING_FIELD),
    ("CreateApiKey", pb.CreateApiKeyRequest(surface="x" * 33, owner="me"), "surface", Reason.INVALID_ARGUMENT),
    ("CreateApiKey", pb.CreateApiKeyRequest(surface="nexus"), "owner", Reason.MISSING_FIELD),
    ("CreateApiKey", pb.CreateApiKeyRequest(surface="nexus", owner="x" * 129), "owner", Reason.INVALID_ARGUMENT),
    ("CreateApiKey", pb.CreateApiKeyRequest(**KEY, scopes=["admin"]), "scopes", Reason.INVALID_ARGUMENT),
    ("CreateApiKey", pb.CreateApiKeyRequest(**KEY, expire_time=PAST), "expire_time", Reason.INVALID_ARGUMENT),
    (
        "CreateApiKey",
        pb.CreateApiKeyRequest(**KEY, expire_time=Timestamp(seconds=1 << 60)),
        "expire_time",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "CreateApiKey",
        pb.CreateApiKeyRequest(**KEY, expire_time=Timestamp(seconds=1 << 33, nanos=-1)),
        "expire_time",
        Reason.INVALID_ARGUMENT,
    ),
    ("ListApiKeys", pb.ListApiKeysRequest(), "surface", Reason.MISSING_FIELD),
    ("ListApiKeys", pb.ListApiKeysRequest(surface="x", page_size=-1), "page_size", Reason.INVALID_ARGUMENT),
    ("RevokeApiKey", pb.RevokeApiKeyRequest(surface="nexus"), "key_id", Reason.MISSING_FIELD),
    ("VerifyApiKey", pb.VerifyApiKeyRequest(surface="nexus"), "secret", Reason.MISSING_FIELD),
    ("GetSettings", pb.GetSettingsRequest(key=pb.SettingsKey(subject="x")), "key.surface", Reason.MISSING_FIELD),
    ("GetSettings", pb.GetSettingsRequest(key=pb.SettingsKey(surface="x")), "key.subject", Reason.MISSING_FIELD),
    ("UpdateSettings", pb.UpdateSettingsRequest(key=DOCUMENT, values={"a": "{"}), "values", Reason.INVALID_ARGUMENT),
    ("UpdateSettings", pb.UpdateSettingsRequest(key=DOCUMENT, values={"a": "NaN"}), "values", Reason.INVALID_ARGUMENT),
    ("UpdateSettings", pb.UpdateSettingsRequest(key=DOCUMENT, values={"": "1"}), "values", Reason.INVALID_ARGUMENT),
    (
        "UpdateSettings",
        pb.UpdateSettingsRequest(key=DOCUMENT, values={"a": "[" * 50_000}),
        "values",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "UpdateSettings",
        pb.UpdateSettingsRequest(key=DOCUMENT, values={str(number): "1" for number in range(65)}),
        "values",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "UpdateSettings",
        pb.UpdateSettingsRequest(key=DOCUMENT, secrets={"x" * 129: "1"}),
        "secrets",
        Reason.INVALID_ARGUMENT,
    ),
]


@pytest.mark.parametrize(("method", "request_message", "field", "reason"), BAD_CALLS)
async def test_bad_arguments_are_named(
    identity: rpc.IdentityServiceStub, method: str, request_message: Any, field: str, reason: Reason
) -> None:
    error = await refused(getattr(identity, method)(request_message))
    assert (error.reason, dict(error.metadata)) == (reason, {"field": field})


REFUSED_CALLS: list[tuple[str, Any, Reason]] = [
    ("CreateUser", pb.CreateUserRequest(email="ANN@example.com", password=PASSWORD), Reason.EMAIL_TAKEN),
    ("GetUser", pb.GetUserRequest(email="x@example.com"), Reason.USER_NOT_FOUND),
    ("UpdateUser", pb.UpdateUserRequest(user_id="user_x", password=PASSWORD), Reason.USER_NOT_FOUND),
    ("DeleteUser", pb.DeleteUserRequest(user_id="user_x"), Reason.USER_NOT_FOUND),
    ("RefreshSignIn", pb.RefreshSignInRequest(refresh_token="forged"), Reason.UNAUTHENTICATED),
    ("VerifyAccessToken", pb.VerifyAccessTokenRequest(access_token="a.b.c"), Reason.UNAUTHENTICATED),
    ("CreateApiKey", pb.CreateApiKeyRequest(surface="quillium", owner="me"), Reason.USER_NOT_FOUND),
    ("RevokeApiKey", pb.RevokeApiKeyRequest(surface="nexus", key_id="key_x"), Reason.API_KEY_NOT_FOUND),
    (
        "UpdateSettings",
        pb.UpdateSettingsRequest(key=DOCUMENT, values={"a": json.dumps("x" * (64 << 10))}),
        Reason.PAYLOAD_TOO_LARGE,
    ),
]


@pytest.mark.parametrize(("method", "request_message", "reason"), REFUSED_CALLS)
async def test_what_cannot_be_done_is_refused(
    identity: rpc.IdentityServiceStub, method: str, request_message: Any, reason: Reason
) -> None:
    await add(identity)
    assert (await refused(getattr(identity, method)(request_message))).reason is reason


async def test_a_token_of_another_installation_is_refused(
    identity: rpc.IdentityServiceStub, serving: Callable[..., Any], tmp_path: Any
) -> None:
    await add(identity)
    token = (await sign_in(identity)).tokens.access_token
    head, body, signature = token.split(".")
    assert await is_invalid(identity, f"{head}.{body}.{signature[::-1]}")
    assert await is_invalid(identity, f"eyJhbGciOiJub25lIn0.{body}.")
