"""Credentials, against a scripted identity service on a real gRPC server."""

import asyncio
import time

import pytest
from google.protobuf.duration_pb2 import Duration
from scripted_identity import FORMAT, claims

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet.identity.v1 import identity_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.identity import Identity
from quintet_gateway.assistant.identity_records import Caller
from quintet_gateway.clients.identity import IdentityClient
from quintet_testing import eventually, serve
from quintet_tokens import issue


class IdentityService(rpc.IdentityServiceServicer):
    """Speaks as it is told to; `asked` counts calls by name."""

    def __init__(self):
        self.asked = {}
        self.events = asyncio.Queue()
        self.watches = 0
        self.speaks = asyncio.Event()
        self.speaks.set()
        self.revoked_tokens = []
        self.keys = {}
        self.settings = pb.Settings()
        self.failure = None
        self.answering = asyncio.Event()
        self.answering.set()

    def _count(self, name):
        self.asked[name] = self.asked.get(name, 0) + 1
        if self.failure:
            raise self.failure

    async def WatchCredentials(self, request, context):
        self.watches += 1
        snapshot = pb.CredentialSnapshot(
            verification_key=FORMAT.key, issuer=FORMAT.issuer, audience=FORMAT.audience,
            revoked_tokens=self.revoked_tokens,
        )  # fmt: skip
        yield pb.WatchCredentialsResponse(snapshot=snapshot)
        while True:
            await self.speaks.wait()
            try:
                async with asyncio.timeout(0.1):
                    event = await self.events.get()
            except TimeoutError:
                event = pb.WatchCredentialsResponse(heartbeat=pb.Heartbeat())
            if event is None:
                return
            yield event

    async def VerifyAccessToken(self, request, context):
        self._count("verify")
        said = pb.AccessClaims(user_id="user_asked", email="a@b.c", token_id="t", sign_in_id="s", generation=3)
        return pb.VerifyAccessTokenResponse(claims=said)

    async def VerifyApiKey(self, request, context):
        self._count("key")
        await self.answering.wait()
        key = self.keys.get((request.surface, request.secret))
        has = any(surface == request.surface for surface, _ in self.keys)
        user = pb.User(user_id=key.owner) if key and key.surface == "quillium" else None
        return pb.VerifyApiKeyResponse(api_key=key, surface_has_keys=has, user=user)

    async def GetUser(self, request, context):
        self._count("user")
        raise DomainError(Reason.USER_NOT_FOUND, "No such user.")

    async def UpdateUser(self, request, context):
        self._count("update")
        fields = {name for name in ("email", "name", "password", "is_admin") if request.HasField(name)}
        return pb.UpdateUserResponse(user=pb.User(user_id=request.user_id, name=",".join(sorted(fields))))

    async def SignIn(self, request, context):
        self._count("sign_in")
        pair = pb.TokenPair(access_token="a", refresh_token="r", access_token_lifetime=Duration(seconds=900))
        return pb.SignInResponse(tokens=pair, user=pb.User(email=request.email))

    async def CreateUser(self, request, context):
        self._count("create")
        lifetime = Duration(seconds=900)
        tokens = pb.TokenPair(access_token="a", access_token_lifetime=lifetime) if request.sign_in else None
        return pb.CreateUserResponse(user=pb.User(email=request.email, name=request.name), tokens=tokens)

    async def SignOut(self, request, context):
        self._count("sign_out")
        return pb.SignOutResponse()

    async def GetSettings(self, request, context):
        return pb.GetSettingsResponse(settings=self.settings)

    async def UpdateSettings(self, request, context):
        self.settings.values.update(request.values)
        self.settings.secret_names.extend(request.secrets)
        self.settings.update_time.GetCurrentTime()
        return pb.UpdateSettingsResponse(settings=self.settings)


@pytest.fixture
async def service():
    return IdentityService()


@pytest.fixture
async def identity(service):
    def register(server):
        rpc.add_IdentityServiceServicer_to_server(service, server)
        return [pb.DESCRIPTOR.services_by_name["IdentityService"]]

    async with serve(register) as channel:
        identity = Identity(IdentityClient(channel))
        identity.start()
        await eventually(lambda: is_fresh(identity))
        yield identity
        await identity.close()


async def is_fresh(identity):
    return identity._known.fresh


async def is_stale(identity):
    return not identity._known.fresh


def token(name="t1", user_id="user_1", **chosen):
    return issue(claims(user_id, "a@b.c", token_id=name, **chosen), FORMAT)


def event(**fields):
    return pb.WatchCredentialsResponse(**fields)


async def refused(identity, text):
    try:
        await identity.verify_token(text)
    except DomainError as error:
        return error.reason is Reason.UNAUTHENTICATED
    return False


async def test_tokens_are_checked_here_as_long_as_the_watch_speaks(identity, service):
    for _ in range(100):
        caller = await identity.verify_token(token(is_admin=True, generation=2))
    assert caller == Caller("user_1", "a@b.c", True, "t1", "si", generation=2)
    assert await refused(identity, "made up")
    assert await refused(identity, "x" * 100_000)
    assert await refused(identity, "\u0939.\u0939.\u0939")
    assert service.asked == {}


async def test_revocations_are_effective_when_they_arrive(identity, service):
    end = pb.TokenRevocation(token_id="t1")
    end.expire_time.GetCurrentTime()
    service.events.put_nowait(event(token_revoked=end))
    await eventually(lambda: refused(identity, token("t1")))
    assert not await refused(identity, token("t2", generation=4))
    service.events.put_nowait(event(user_revoked=pb.UserRevocation(user_id="user_1", min_generation=5)))
    await eventually(lambda: refused(identity, token("t2", generation=4)))
    assert not await refused(identity, token("t3", generation=5))
    assert not await refused(identity, token("t4", user_id="user_2"))


async def test_own_sign_out_waits_for_no_event(identity, service):
    text = token("t1")
    await identity.sign_out("user_1", "t1")
    assert await refused(identity, text)
    assert service.asked == {"sign_out": 1}


async def test_silent_watch_is_not_trusted_and_a_speaking_one_is_again(identity, service):
    service.speaks.clear()
    silent_at = time.monotonic()
    await eventually(lambda: is_stale(identity))
    assert time.monotonic() - silent_at < 1.5
    assert (await identity.verify_token("anything")).user_id == "user_asked"
    assert service.asked == {"verify": 1}
    service.failure = DomainError(Reason.UNAUTHENTICATED, "No.")
    assert await refused(identity, token())
    service.speaks.set()
    await eventually(lambda: is_fresh(identity))
    assert (await identity.verify_token(token())).user_id == "user_1"
    assert service.watches == 1


async def test_broken_watch_is_opened_again_and_brings_what_was_missed(identity, service):
    revoked = pb.TokenRevocation(token_id="t1")
    revoked.expire_time.GetCurrentTime()
    waiting = asyncio.create_task(identity.revoked(await identity.verify_token(token("t1"))))
    service.revoked_tokens.append(revoked)
    service.events.put_nowait(None)
    await eventually(lambda: opened(service, 2))
    async with asyncio.timeout(5):
        await waiting
    assert await refused(identity, token("t1"))


async def opened(service, count):
    return service.watches >= count


async def test_whoever_waits_for_a_revocation_is_told_of_his_own_only(identity, service):
    mine = asyncio.create_task(identity.revoked(await identity.verify_token(token("t1"))))
    other = asyncio.create_task(identity.revoked(await identity.verify_token(token("t2", user_id="user_2"))))
    await asyncio.sleep(0)
    service.events.put_nowait(event(user_revoked=pb.UserRevocation(user_id="user_1", min_generation=1)))
    async with asyncio.timeout(5):
        await mine
    assert not other.done()
    other.cancel()
    await asyncio.wait({other})
    assert not identity._known._waiting


async def test_open_connection_is_confirmed_by_the_watch_and_by_nothing_else(identity, service):
    caller, other = await identity.verify_token(token("t1")), await identity.verify_token(token("t2"))
    await identity.confirm(caller)
    service.speaks.clear()
    await eventually(lambda: is_stale(identity))
    with pytest.raises(DomainError) as refusal:
        await identity.confirm(caller)
    assert refusal.value.reason is Reason.SERVICE_UNAVAILABLE
    assert not identity._known._heard
    confirming = [asyncio.create_task(identity.confirm(one)) for one in (caller, other)]
    await eventually(lambda: waits(identity, 2))
    # The watch speaks again, and of a token that ended while nobody listened.
    end = pb.TokenRevocation(token_id="t1")
    end.expire_time.GetCurrentTime()
    service.events.put_nowait(event(token_revoked=end))
    service.speaks.set()
    refused_one, confirmed = await asyncio.gather(*confirming, return_exceptions=True)
    assert (refused_one.reason, confirmed) == (Reason.UNAUTHENTICATED, None)
    assert service.asked == {}


async def waits(identity, count):
    return len(identity._known._heard) == count


async def test_no_token_at_all_is_refused_without_a_question(identity, service):
    service.speaks.clear()
    await eventually(lambda: is_stale(identity))
    assert await refused(identity, "")
    assert service.asked == {}


async def test_keys_are_asked_for_once_until_something_changes(identity, service):
    service.keys["quillium", "ql_1"] = pb.ApiKey(key_id="k1", surface="quillium", owner="user_1", scopes=["read"])
    for _ in range(5):
        check = await identity.verify_api_key("quillium", "ql_1")
        assert (check.key.key_id, check.user.user_id, check.surface_has_keys) == ("k1", "user_1", True)
        assert (await identity.verify_api_key("quillium", "ql_2")).key is None
        assert not (await identity.verify_api_key("nexus", "ql_1")).surface_has_keys
    assert service.asked == {"key": 3}
    service.keys.clear()
    service.events.put_nowait(event(api_keys_changed=pb.ApiKeysChange(surface="quillium")))
    await eventually(lambda: is_unknown(identity, "ql_1"))
    await identity.verify_api_key("nexus", "ql_1")
    assert service.asked == {"key": 4}


async def is_unknown(identity, secret):
    return (await identity.verify_api_key("quillium", secret)).key is None


async def test_key_of_a_revoked_user_is_asked_for_again(identity, service):
    service.keys["quillium", "ql_1"] = pb.ApiKey(surface="quillium", owner="user_1")
    await identity.verify_api_key("quillium", "ql_1")
    service.keys.clear()
    service.events.put_nowait(event(user_revoked=pb.UserRevocation(user_id="user_1", min_generation=1)))
    await eventually(lambda: is_unknown(identity, "ql_1"))


async def test_keys_are_not_remembered_while_the_watch_is_silent(identity, service):
    service.keys["quillium", "ql_1"] = pb.ApiKey(surface="quillium", owner="user_1")
    await identity.verify_api_key("quillium", "ql_1")
    service.speaks.clear()
    await eventually(lambda: is_stale(identity))
    for _ in range(3):
        await identity.verify_api_key("quillium", "ql_1")
    assert service.asked == {"key": 4}


async def test_answer_that_a_change_overtook_is_not_remembered(identity, service):
    service.keys["quillium", "ql_1"] = pb.ApiKey(surface="quillium", owner="user_1")
    service.answering.clear()
    asking = asyncio.create_task(identity.verify_api_key("quillium", "ql_1"))
    await eventually(lambda: has_asked(service, "key"))
    changes = identity._keys.changes
    service.events.put_nowait(event(api_keys_changed=pb.ApiKeysChange(surface="quillium")))
    await eventually(lambda: has_changed(identity, changes))
    service.answering.set()
    assert (await asking).key is not None
    service.keys.clear()
    assert await is_unknown(identity, "ql_1")


async def has_asked(service, name):
    return service.asked.get(name)


async def has_changed(identity, changes):
    return identity._keys.changes > changes


@pytest.mark.parametrize("secret", ["\u0939" * 10, "x" * 100_000, "\udcff", "a\x00b"])
async def test_odd_secrets_are_no_keys(identity, secret):
    assert (await identity.verify_api_key("quillium", secret)).key is None


async def test_identity_without_a_service_says_so():
    async with serve(lambda _server: []) as channel:
        identity = Identity(IdentityClient(channel))
        identity.start()
        for call in (identity.verify_token(token()), identity.verify_api_key("nexus", "x"), identity.sign_in("a", "b")):
            with pytest.raises(DomainError) as failure:
                await call
            assert failure.value.reason is Reason.SERVICE_UNAVAILABLE
        await identity.close()


async def test_registration_signs_in_and_changes_name_only_what_is_given(identity, service):
    signed_in = await identity.register("a@b.c", "secure_password")
    assert signed_in.tokens.access_token == "a"
    assert (signed_in.user.email, signed_in.tokens.access_token_lifetime.seconds) == ("a@b.c", 900)
    assert service.asked == {"create": 1}
    assert (await identity.update_user("user_1", name="x", is_admin=False)).name == "is_admin,name"


async def test_settings_keep_the_kinds_of_their_values(identity):
    empty = await identity.settings("quillium", "admin")
    assert (empty.values, empty.secret_names, empty.update_time) == ({}, frozenset(), None)
    values = {"text": "\u0939", "flag": False, "list": [1, None]}
    written = await identity.update_settings("quillium", "admin", values, {"secret": "hunter2"})
    assert (written.values, written.secret_names) == (values, {"secret"})
    assert written.update_time is not None
