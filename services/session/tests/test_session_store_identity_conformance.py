"""What every `IdentityStore` must do."""

import hashlib
from typing import Any

import pytest
from refusals import reason_of
from store_fixtures import Stores

from quintet_errors import Reason
from quintet_session.identity_store import (
    FIRST_GENERATION,
    REVOCATION_KEPT_US,
    EmailAddress,
    IdentityStore,
    NewApiKey,
    NewSignIn,
    NewUser,
    SettingsChange,
    SettingsKey,
    SettingsLimits,
    UserChange,
    UserRecord,
)
from quintet_session.store import Store

LIMITS = SettingsLimits(entries=4, value_bytes=50)
DAY_US = 86_400_000_000


@pytest.fixture
def identity(store: Store) -> IdentityStore:
    return store.identity


async def add(identity: IdentityStore, email: str = "ann@example.com", *, is_admin: bool = False) -> UserRecord:
    user_id = f"user_{hashlib.sha256(email.encode()).hexdigest()[:8]}"
    return await identity.create_user(NewUser(user_id, EmailAddress(email), "Ann", is_admin, "hash"))


def sign_in(user: UserRecord, name: str = "s", lifetime_us: int = DAY_US) -> NewSignIn:
    return NewSignIn(name, user.user_id, user.generation, lifetime_us, b"token " + name.encode())


def key(name: str = "k", surface: str = "nexus", owner: str = "me", **changes: Any) -> NewApiKey:
    values = {"prefix": f"qn_{name}", "scopes": ("read",), "expire_us": None, "secret_hash": name.encode()} | changes
    return NewApiKey(f"key_{name}", surface, owner, **values)


async def test_a_user_is_found_by_id_and_by_address_in_any_case(identity: IdentityStore, stores: Stores) -> None:
    user = await add(identity, "Zoë.Ann@Example.COM")
    assert (user.email, user.generation, user.create_us) == ("Zoë.Ann@Example.COM", 1, stores.clock.now_us)
    assert await identity.get_user(user.user_id) == user
    assert await identity.find_user(EmailAddress("ZOE\u0308.ann@example.com")) == user
    found = await identity.credentials(EmailAddress("zoë.ann@example.com"))
    assert found is not None
    assert (found.user, found.password_hash) == (user, "hash")
    assert await identity.credentials(EmailAddress("zoe.ann@example.com")) is None


async def test_addresses_are_unique_whatever_their_case(identity: IdentityStore) -> None:
    await add(identity, "straße@example.com")
    other = await add(identity, "other@example.com")
    assert await reason_of(add(identity, "STRASSE@EXAMPLE.COM")) is Reason.EMAIL_TAKEN
    change = UserChange(address=EmailAddress("Strasse@example.com"))
    assert await reason_of(identity.update_user(other.user_id, change)) is Reason.EMAIL_TAKEN
    recased = await identity.update_user(other.user_id, UserChange(address=EmailAddress("OTHER@example.com")))
    assert (recased.user.email, recased.revocation) == ("OTHER@example.com", None)


async def test_unknown_users_are_not_found(identity: IdentityStore) -> None:
    assert await reason_of(identity.get_user("user_x")) is Reason.USER_NOT_FOUND
    assert await reason_of(identity.find_user(EmailAddress("x@example.com"))) is Reason.USER_NOT_FOUND
    assert await reason_of(identity.update_user("user_x", UserChange(name="X"))) is Reason.USER_NOT_FOUND
    assert await reason_of(identity.delete_user("user_x")) is Reason.USER_NOT_FOUND


async def test_users_are_listed_in_the_order_of_their_creation(identity: IdentityStore) -> None:
    users = [await add(identity, f"u{number}@example.com") for number in range(5)]
    first = await identity.list_users(3)
    second = await identity.list_users(3, first.next_position)
    assert [*first.users, *second.users] == users
    assert second.next_position is None


async def test_a_new_password_revokes_tokens_and_ends_the_other_sign_ins(
    identity: IdentityStore, stores: Stores
) -> None:
    user = await add(identity)
    for name in ("kept", "lost"):
        await identity.begin_sign_in(sign_in(user, name))
    change = UserChange(password_hash="new", kept_sign_in_id="kept")
    updated = await identity.update_user(user.user_id, change)
    assert updated.user.generation == 2
    assert updated.revocation is not None
    assert updated.revocation.min_generation == 2
    assert updated.revocation.expire_us == stores.clock.now_us + REVOCATION_KEPT_US
    assert await identity.is_revoked("t", user.user_id, 1)
    assert not await identity.is_revoked("t", user.user_id, 2)
    kept = await identity.find_sign_in(b"token kept")
    assert kept is not None
    assert kept.user == updated.user
    assert await identity.find_sign_in(b"token lost") is None


async def test_only_another_right_revokes_tokens(identity: IdentityStore) -> None:
    user = await add(identity)
    await add(identity, "root@example.com", is_admin=True)
    await identity.begin_sign_in(sign_in(user))
    assert (await identity.update_user(user.user_id, UserChange(name="B", is_admin=False))).revocation is None
    raised = await identity.update_user(user.user_id, UserChange(is_admin=True))
    assert (raised.user.is_admin, raised.user.name, raised.user.generation) == (True, "B", 2)
    assert raised.revocation is not None
    assert await identity.find_sign_in(b"token s") is not None


async def test_the_last_administrator_stays(identity: IdentityStore) -> None:
    assert not await identity.has_admin()
    root = await add(identity, is_admin=True)
    assert await identity.has_admin()
    assert await reason_of(identity.delete_user(root.user_id)) is Reason.PERMISSION_DENIED
    demotion = UserChange(name="No one", is_admin=False)
    assert await reason_of(identity.update_user(root.user_id, demotion)) is Reason.PERMISSION_DENIED
    assert await identity.get_user(root.user_id) == root
    second = await add(identity, "second@example.com", is_admin=True)
    await identity.update_user(root.user_id, demotion)
    assert await reason_of(identity.delete_user(second.user_id)) is Reason.PERMISSION_DENIED
    await identity.delete_user(root.user_id)


async def test_a_deleted_user_takes_everything_along(identity: IdentityStore) -> None:
    user = await add(identity)
    await identity.begin_sign_in(sign_in(user))
    await identity.create_api_key(key("a", "quillium", user.user_id), owner_is_user=True)
    await identity.create_api_key(key("b", "nexus", "someone"), owner_is_user=False)
    document = SettingsKey("quillium", user.user_id)
    await identity.update_settings(document, SettingsChange({"theme": '"dark"'}, {"s": b"x"}), LIMITS)
    removal = await identity.delete_user(user.user_id)
    assert (removal.surfaces, removal.revocation.min_generation) == (("quillium",), 2)
    assert await identity.find_sign_in(b"token s") is None
    assert (await identity.check_api_key("quillium", b"a")).key is None
    assert (await identity.check_api_key("nexus", b"b")).key is not None
    gone = await identity.get_settings(document)
    assert (gone.values, gone.secret_names, gone.update_us) == ({}, (), None)
    assert await identity.is_revoked("t", user.user_id, user.generation)
    assert (await add(identity)).user_id == user.user_id


async def test_a_hash_is_replaced_only_if_it_is_still_the_same(identity: IdentityStore) -> None:
    user = await add(identity)
    await identity.replace_password_hash(user.user_id, "hash", "stronger")
    await identity.replace_password_hash(user.user_id, "hash", "late")
    found = await identity.credentials(EmailAddress(user.email))
    assert found is not None
    assert (found.password_hash, found.user.generation) == ("stronger", 1)


async def test_a_password_that_was_changed_while_it_was_checked_begins_no_sign_in(identity: IdentityStore) -> None:
    user = await add(identity)
    await identity.update_user(user.user_id, UserChange(password_hash="new"))
    assert await identity.begin_sign_in(sign_in(user)) is None
    assert await identity.find_sign_in(b"token s") is None
    await identity.delete_user(user.user_id)
    assert await identity.begin_sign_in(sign_in(user)) is None


async def test_a_sign_in_expires_and_is_purged(store: Store, stores: Stores) -> None:
    identity = store.identity
    user = await add(identity)
    await identity.begin_sign_in(sign_in(user, lifetime_us=10_000_000))
    stores.clock.jump(9)
    assert await identity.find_sign_in(b"token s") is not None
    assert not await identity.purge_step()
    stores.clock.jump(1)
    assert await identity.find_sign_in(b"token s") is None
    assert await identity.purge_step()
    assert not await identity.purge_step()


async def test_signing_out_ends_every_sign_in_and_one_token(identity: IdentityStore, stores: Stores) -> None:
    user, other = await add(identity), await add(identity, "other@example.com")
    await identity.begin_sign_in(sign_in(user))
    await identity.begin_sign_in(sign_in(other, "o"))
    revocation = await identity.end_sign_ins(user.user_id, "t1")
    assert revocation is not None
    assert (revocation.token_id, revocation.expire_us) == ("t1", stores.clock.now_us + REVOCATION_KEPT_US)
    assert await identity.end_sign_ins(user.user_id, "") is None
    assert await identity.find_sign_in(b"token s") is None
    assert await identity.find_sign_in(b"token o") is not None
    assert await identity.is_revoked("t1", user.user_id, 1)
    assert not await identity.is_revoked("t2", user.user_id, 1)


async def test_revocations_outlive_a_restart_and_end_with_their_tokens(stores: Stores) -> None:
    store = await stores.open()
    user = await add(store.identity)
    await store.identity.end_sign_ins(user.user_id, "t1")
    await store.identity.update_user(user.user_id, UserChange(password_hash="new"))
    store = await stores.open()
    found = await store.identity.revocations()
    assert ([token.token_id for token in found.tokens], [user.min_generation for user in found.users]) == (["t1"], [2])
    stores.clock.jump(REVOCATION_KEPT_US / 1e6)
    assert await store.identity.purge_step()
    assert await store.identity.revocations() == type(found)((), ())
    assert not await store.identity.is_revoked("t1", user.user_id, 2)


async def test_a_clock_that_is_ahead_for_a_while_brings_no_token_back(stores: Stores) -> None:
    store = await stores.open()
    user, gone = await add(store.identity), await add(store.identity, "gone@example.com")
    await store.identity.end_sign_ins(user.user_id, "t1")
    await store.identity.update_user(user.user_id, UserChange(password_hash="new"))
    await store.identity.delete_user(gone.user_id)
    before = await store.identity.revocations()
    assert (len(before.tokens), len(before.users)) == (1, 2)
    stores.clock.step(REVOCATION_KEPT_US / 1e6 + 1)
    assert not await store.identity.purge_step()
    assert await store.identity.revocations() == before
    # What a process finds is kept by its own clock: how long it was kept before, nobody can tell.
    stores.clock.jump(REVOCATION_KEPT_US / 2e6)
    store = await stores.open()
    stores.clock.jump(REVOCATION_KEPT_US / 2e6)
    assert not await store.identity.purge_step()
    stores.clock.step(-REVOCATION_KEPT_US / 1e6)
    assert await store.identity.is_revoked("t1", user.user_id, 2)
    stores.clock.jump(REVOCATION_KEPT_US / 1e6)
    assert await store.identity.purge_step()
    assert not await store.identity.is_revoked("t1", user.user_id, 2)


async def test_tokens_of_older_generations_and_of_nobody_stay_invalid_for_ever(
    identity: IdentityStore, stores: Stores
) -> None:
    user, gone = await add(identity), await add(identity, "gone@example.com")
    await identity.update_user(user.user_id, UserChange(password_hash="new"))
    await identity.delete_user(gone.user_id)
    stores.clock.jump(REVOCATION_KEPT_US / 1e6)
    assert await identity.purge_step()
    assert await identity.is_revoked("t", user.user_id, 1)
    assert not await identity.is_revoked("t", user.user_id, 2)
    assert await identity.is_revoked("t", gone.user_id, 1)


async def test_a_key_opens_its_surface_until_it_is_revoked_or_expires(identity: IdentityStore, stores: Stores) -> None:
    assert await identity.check_api_key("nexus", b"k") == await identity.check_api_key("nexus", b"other")
    stored = await identity.create_api_key(key(), owner_is_user=False)
    short = await identity.create_api_key(
        key("short", expire_us=stores.clock.now_us + 1_000_000, scopes=()), owner_is_user=False
    )
    assert (await identity.check_api_key("nexus", b"k")).key == stored
    assert (await identity.check_api_key("nexus", b"short")).key == short
    assert (await identity.check_api_key("omni", b"k")).key is None
    assert not (await identity.check_api_key("omni", b"k")).surface_has_keys
    revoked = await identity.revoke_api_key("nexus", stored.key_id)
    assert revoked.revoke_us == stores.clock.now_us
    stores.clock.jump(0.5)
    assert await identity.revoke_api_key("nexus", "qn_k") == revoked
    check = await identity.check_api_key("nexus", b"k")
    assert (check.key, check.surface_has_keys) == (None, True)
    stores.clock.jump(0.5)
    check = await identity.check_api_key("nexus", b"short")
    assert (check.key, check.surface_has_keys) == (None, True)


async def test_surface_that_had_a_key_is_not_open_again(identity: IdentityStore) -> None:
    owner = await add(identity)
    await identity.create_api_key(key("a"), owner_is_user=False)
    await identity.create_api_key(key("b", "other", owner.user_id), owner_is_user=False)
    await identity.revoke_api_key("nexus", "key_a")
    assert (await identity.delete_user(owner.user_id)).surfaces == ("other",)
    for surface, secret in (("nexus", b"a"), ("other", b"b"), ("other", b"made up")):
        check = await identity.check_api_key(surface, secret)
        assert (check.key, check.surface_has_keys) == (None, True)
    assert not (await identity.check_api_key("third", b"a")).surface_has_keys


async def test_user_and_first_sign_in_are_stored_together_or_not_at_all(identity: IdentityStore) -> None:
    address = EmailAddress("ann@example.com")
    first = NewSignIn("s1", "user_1", FIRST_GENERATION, DAY_US, b"token 1")
    user = await identity.create_user(NewUser("user_1", address, "Ann", is_admin=False, password_hash="h"), first)
    found = await identity.find_sign_in(b"token 1")
    assert found is not None
    assert (found.sign_in_id, found.user, user.generation) == ("s1", user, FIRST_GENERATION)
    again = NewSignIn("s2", "user_2", FIRST_GENERATION, DAY_US, b"token 2")
    twice = identity.create_user(NewUser("user_2", address, "Ann", is_admin=False, password_hash="h"), again)
    assert await reason_of(twice) is Reason.EMAIL_TAKEN
    assert await identity.find_sign_in(b"token 2") is None
    taken_id = NewSignIn("s1", "user_3", FIRST_GENERATION, DAY_US, b"token 3")
    other = NewUser("user_3", EmailAddress("bob@example.com"), "Bob", is_admin=False, password_hash="h")
    await reason_of(identity.create_user(other, taken_id))
    assert await reason_of(identity.get_user("user_3")) is Reason.USER_NOT_FOUND


async def test_keys_are_listed_newest_first_and_by_owner(identity: IdentityStore) -> None:
    for number in range(5):
        await identity.create_api_key(key(str(number), owner="odd" if number % 2 else "even"), owner_is_user=False)
    first = await identity.list_api_keys("nexus", 3)
    second = await identity.list_api_keys("nexus", 3, first.next_position)
    assert [found.key_id for found in (*first.keys, *second.keys)] == [f"key_{number}" for number in (4, 3, 2, 1, 0)]
    assert second.next_position is None
    odd = await identity.list_api_keys("nexus", 3, owner="odd")
    assert [found.key_id for found in odd.keys] == ["key_3", "key_1"]
    assert (await identity.list_api_keys("omni", 3)).keys == ()


async def test_a_key_is_revoked_only_if_its_name_is_clear(identity: IdentityStore) -> None:
    for name in ("a", "b"):
        await identity.create_api_key(key(name, prefix="qn_same"), owner_is_user=False)
    assert await reason_of(identity.revoke_api_key("nexus", "qn_same")) is Reason.INVALID_ARGUMENT
    assert await reason_of(identity.revoke_api_key("omni", "key_a")) is Reason.API_KEY_NOT_FOUND
    assert (await identity.revoke_api_key("nexus", "key_a")).revoke_us is not None
    assert (await identity.check_api_key("nexus", b"b")).key is not None


async def test_keys_of_users_need_a_user(identity: IdentityStore) -> None:
    assert await reason_of(identity.create_api_key(key(), owner_is_user=True)) is Reason.USER_NOT_FOUND
    user = await add(identity)
    await identity.create_api_key(key(owner=user.user_id), owner_is_user=True)
    assert (await identity.check_api_key("nexus", b"k")).user == user


async def test_settings_are_merged_and_secrets_are_only_named(identity: IdentityStore, stores: Stores) -> None:
    document = SettingsKey("quillium", "admin")
    await identity.update_settings(document, SettingsChange({"a": "1", "b": "2"}, {"s": b"x", "t": b"y"}), LIMITS)
    stores.clock.jump(1)
    changed = await identity.update_settings(document, SettingsChange({"b": "3"}, {"s": None, "t": b"z"}), LIMITS)
    assert (changed.values, changed.secret_names) == ({"a": "1", "b": "3"}, ("t",))
    assert changed.update_us == stores.clock.now_us
    assert await identity.get_settings(document) == changed
    assert (await identity.get_settings(SettingsKey("nexus", "admin"))).update_us is None


async def test_a_value_of_settings_is_removed_and_leaves_room(identity: IdentityStore) -> None:
    document = SettingsKey("quillium", "admin")
    full = SettingsChange(dict.fromkeys("abcd", "1"), {})
    await identity.update_settings(document, full, LIMITS)
    changed = await identity.update_settings(document, SettingsChange({"a": None, "e": "2", "x": None}, {}), LIMITS)
    assert changed.values == {"b": "1", "c": "1", "d": "1", "e": "2"}
    assert await identity.get_settings(document) == changed


async def test_a_settings_document_cannot_outgrow_its_limits(identity: IdentityStore) -> None:
    document = SettingsKey("quillium", "admin")
    before = await identity.update_settings(document, SettingsChange({"a": "1"}, {"s": b"x"}), LIMITS)
    for change in (
        SettingsChange(dict.fromkeys("bcd", "1"), {}),
        SettingsChange({"b": '"' + "é" * 25 + '"'}, {}),
    ):
        assert await reason_of(identity.update_settings(document, change, LIMITS)) is Reason.PAYLOAD_TOO_LARGE
    assert await identity.get_settings(document) == before
