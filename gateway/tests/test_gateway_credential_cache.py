"""What is remembered of credentials, and for how long."""

import time

from scripted_identity import FORMAT, claims

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_gateway.assistant.credential_cache import ApiKeyCache, KnownCredentials
from quintet_gateway.assistant.identity_records import Caller, KeyCheck
from quintet_tokens import issue


def token(name="t1", user_id="user_1", **chosen):
    return issue(claims(user_id, "a@b.c", token_id=name, **chosen), FORMAT)


def event(**fields):
    return pb.WatchCredentialsResponse(**fields)


def key_check(name, *, valid=True, expire_s=None):
    key = pb.ApiKey(key_id=name) if valid else None
    if key is not None and expire_s is not None:
        key.expire_time.FromSeconds(expire_s)
    return KeyCheck(key, surface_has_keys=True, user=None)


def test_made_up_keys_push_out_no_real_one_and_fill_no_memory():
    cache = ApiKeyCache(valid=10, invalid=100)
    for number in range(10):
        cache.remember("s", f"real{number}", key_check(f"k{number}"), 0)
    for number in range(10_000):
        cache.remember("s", f"made up {number}", key_check("", valid=False), 0)
    assert all(cache.find("s", f"real{number}") for number in range(10))
    assert len(cache._invalid) == 100
    cache.remember("s", "one more", key_check("k"), 0)
    assert len(cache._valid) == 10
    assert "made up" not in repr(cache._invalid)
    assert "real" not in repr(cache._valid).replace("key_id", "")


def test_key_is_forgotten_at_its_end_and_a_refusal_after_a_while():
    cache = ApiKeyCache(invalid_s=0)
    now = int(time.time())
    cache.remember("s", "old", key_check("k", expire_s=now - 1), 0)
    cache.remember("s", "young", key_check("k", expire_s=now + 100), 0)
    cache.remember("s", "bad", key_check("", valid=False), 0)
    assert [cache.find("s", name) is None for name in ("old", "young", "bad")] == [True, False, True]


def test_a_part_of_a_snapshot_is_not_trusted_before_the_last_one():
    known = KnownCredentials()
    for number, more in enumerate((True, True, False)):
        assert not known.fresh
        part = pb.CredentialSnapshot(
            verification_key=b"k" * 32, revoked_tokens=[pb.TokenRevocation(token_id=f"t{number}")], more_follows=more
        )
        known.apply(event(snapshot=part))
    assert known.fresh
    assert all(known.is_revoked(Caller("x", "", False, f"t{number}")) for number in range(3))


def test_revocations_are_kept_as_long_as_a_clock_may_be_set_back_and_no_longer():
    known = KnownCredentials()
    now = int(time.time())
    for number in range(5000):
        ended = pb.TokenRevocation(token_id=f"old{number}")
        ended.expire_time.FromSeconds(now - 3 * 3600)
        known.apply(event(token_revoked=ended))
    recent = pb.TokenRevocation(token_id="recent")
    recent.expire_time.FromSeconds(now - 3600)
    known.apply(event(token_revoked=recent))
    for number in range(2000):
        user = pb.UserRevocation(user_id=f"u{number}", min_generation=1)
        user.expire_time.FromSeconds(now - 3 * 3600)
        known.apply(event(user_revoked=user))
    assert len(known._ended_tokens) + len(known._generations) < 2500
    assert known.is_revoked(Caller("x", "", False, "recent"))
