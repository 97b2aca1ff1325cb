"""What every `Store` must do with bounds: how many sessions an owner has, and how long they live without a change."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from refusals import reason_of
from store_fixtures import Stores
from told_events import listen, told

from quintet_errors import Reason
from quintet_session.store import (
    Append,
    MessageListing,
    NewMessage,
    Role,
    Scope,
    SessionBounds,
    SessionListing,
    SessionRecord,
    Store,
)
from quintet_session.webhook_store import EventRecord

SCOPE = Scope("omni", "ann")
OTHER = Scope("omni", "bob")
FIRST = SessionListing(limit=100, max_bytes=1 << 30)
ALL = MessageListing(limit=1000, max_bytes=1 << 30)
HOUR_US = 3_600_000_000
IDLE = SessionBounds(idle_us=HOUR_US)
ONE = SessionBounds(reuse_newest=True)
CREATED = EventRecord("session.created", '{"created_at": 1}')
EVICTED = EventRecord("session.ended", '{"reason": "evicted"}')
DELETED = EventRecord("session.ended", '{"reason": "deleted"}')
COMPLETED = EventRecord("response.completed", '{"text": "नमस्ते"}')


def said(key: str, *ids: str, event: EventRecord | None = None) -> Append:
    texts = tuple(NewMessage(Role.USER, f"text of {given}", given) for given in ids or ("",))
    return Append(texts, key, event=event)


async def create(
    store: Store, title: str = "", bounds: SessionBounds | None = None, scope: Scope = SCOPE
) -> SessionRecord:
    return (await store.create_session(scope, title, bounds=bounds)).session


async def titles(store: Store, scope: Scope = SCOPE) -> list[str]:
    page = await store.list_sessions(scope, FIRST)
    assert page.total_count == len(page.sessions)
    return [session.title for session in page.sessions]


async def purge(store: Store) -> None:
    while await store.purge_step(0):
        pass


async def test_the_newest_session_is_used_again_as_it_is(stores: Stores) -> None:
    store = await stores.open()
    await listen(store, SCOPE)
    await create(store, "someone else's", scope=OTHER)
    made = await store.create_session(SCOPE, "first", {"a": "b"}, bounds=ONE, event=CREATED)
    second = await create(store, "second")
    await store.append_messages(SCOPE, made.session.session_id, said("k"))
    stores.clock.jump(60)
    again = await store.create_session(SCOPE, "other", {"c": "d"}, bounds=ONE, event=CREATED)
    assert again.session == await store.get_session(SCOPE, made.session.session_id)
    assert (again.session.title, again.session.attributes, again.session.message_count) == ("first", {"a": "b"}, 1)
    assert again.session.update_us == made.session.update_us
    await store.update_session(SCOPE, second.session_id, "renamed")
    assert (await create(store, "", ONE)).title == "renamed"
    assert await titles(store) == ["renamed", "first"]
    assert await told(store, SCOPE) == [(made.session.session_id, CREATED)]


async def test_calls_at_the_same_time_make_one_session(store: Store) -> None:
    await listen(store, SCOPE)
    made = await asyncio.gather(
        *(store.create_session(SCOPE, str(number), bounds=ONE, event=CREATED) for number in range(20))
    )
    assert len({created.session.session_id for created in made}) == 1
    assert len(await titles(store)) == 1
    assert len(await told(store, SCOPE)) == 1


async def test_sessions_beyond_the_bound_leave_with_all_that_is_theirs(store: Store) -> None:
    await listen(store, SCOPE)
    await create(store, "kept", scope=OTHER)
    old = [await create(store, str(number)) for number in range(4)]
    for session in old:
        await store.append_messages(SCOPE, session.session_id, said("k", f"id of {session.title}"))
    await store.append_messages(SCOPE, old[0].session_id, said("again"))
    bounds = SessionBounds(max_sessions=3, evicted_event=EVICTED)
    created = await store.create_session(SCOPE, "new", bounds=bounds, event=CREATED)
    evicted = (old[1].session_id, old[2].session_id)
    assert created.evicted_ids == evicted
    assert await titles(store) == ["new", "0", "3"]
    for session_id in evicted:
        assert await reason_of(store.get_session(SCOPE, session_id)) is Reason.SESSION_NOT_FOUND
    assert await reason_of(store.get_message(SCOPE, "id of 1")) is Reason.MESSAGE_NOT_FOUND
    await store.append_messages(SCOPE, created.session.session_id, said("k", "id of 1"))
    assert await titles(store, OTHER) == ["kept"]
    assert await told(store, SCOPE) == [
        (created.session.session_id, CREATED),
        *((session_id, EVICTED) for session_id in evicted),
    ]


async def test_a_bound_that_is_not_reached_deletes_nothing(store: Store) -> None:
    for number in range(3):
        assert (await store.create_session(SCOPE, str(number), bounds=SessionBounds(max_sessions=3))).evicted_ids == ()
    assert await titles(store) == ["2", "1", "0"]


async def test_a_bound_holds_for_a_session_that_is_used_again(store: Store) -> None:
    old, newest = await create(store, "old"), await create(store, "newest")
    again = await store.create_session(SCOPE, "", bounds=SessionBounds(reuse_newest=True, max_sessions=1))
    assert (again.session, again.evicted_ids) == (newest, (old.session_id,))


async def test_creations_at_the_same_time_keep_to_the_bound(store: Store) -> None:
    bounds = SessionBounds(max_sessions=5)
    made = await asyncio.gather(*(store.create_session(SCOPE, str(number), bounds=bounds) for number in range(40)))
    page = await store.list_sessions(SCOPE, FIRST)
    kept = {session.session_id for session in page.sessions}
    evicted = [session_id for created in made for session_id in created.evicted_ids]
    assert len(kept) == 5
    assert len(evicted) == len(set(evicted)) == 35
    assert kept | set(evicted) == {created.session.session_id for created in made}


async def test_attributes_that_are_refused_evict_nobody(store: Store) -> None:
    await create(store, "kept")
    too_many = {str(number): "x" for number in range(33)}
    refused = store.create_session(SCOPE, "", too_many, bounds=SessionBounds(max_sessions=1, evicted_event=EVICTED))
    assert await reason_of(refused) is Reason.INVALID_ARGUMENT
    assert await titles(store) == ["kept"]


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        (lambda store, session_id: store.append_messages(SCOPE, session_id, said("k")), True),
        (lambda store, session_id: store.update_session(SCOPE, session_id, "renamed"), True),
        (lambda store, session_id: store.clear_messages(SCOPE, session_id), True),
        (lambda store, session_id: store.update_session(SCOPE, session_id, attributes={"a": "b"}), False),
        (lambda store, session_id: store.append_messages(SCOPE, session_id, said("first")), False),
        (lambda store, session_id: store.create_session(SCOPE, "", bounds=ONE), False),
    ],
    ids=["append", "title", "clear", "attributes", "repetition", "reuse"],
)
async def test_changes_put_the_end_off(
    stores: Stores, change: Callable[[Store, str], Coroutine[Any, Any, object]], moves: bool
) -> None:
    store = await stores.open()
    session = await create(store, "", IDLE)
    assert session.expire_us == session.update_us + HOUR_US
    await store.append_messages(SCOPE, session.session_id, said("first"))
    stores.clock.jump(3599)
    await change(store, session.session_id)
    changed = await store.get_session(SCOPE, session.session_id)
    assert changed.expire_us == changed.update_us + HOUR_US == session.expire_us + moves * 3_599_000_000
    stores.clock.jump(1)
    assert await store.count_sessions("omni") == moves
    stores.clock.jump(3599)
    assert await store.count_sessions("omni") == 0


async def test_a_session_whose_end_has_come_does_not_exist(stores: Stores) -> None:
    store = await stores.open()
    await listen(store, SCOPE)
    session_id = (await create(store, "gone", IDLE)).session_id
    await store.append_messages(SCOPE, session_id, said("k", "id"))
    stores.clock.jump(3600)
    calls: list[Coroutine[Any, Any, object]] = [
        store.get_session(SCOPE, session_id),
        store.update_session(SCOPE, session_id, "back", {"a": "b"}),
        store.delete_session(SCOPE, session_id, DELETED),
        store.append_messages(SCOPE, session_id, said("k", "id", event=COMPLETED)),
        store.append_messages(SCOPE, session_id, said("other", event=COMPLETED)),
        store.list_messages(SCOPE, session_id, ALL),
        store.clear_messages(SCOPE, session_id),
        store.get_session_owner("omni", session_id),
    ]
    for call in calls:
        assert await reason_of(call) is Reason.SESSION_NOT_FOUND
    assert await reason_of(store.get_message(SCOPE, "id")) is Reason.MESSAGE_NOT_FOUND
    assert await titles(store) == []
    assert await store.count_sessions("omni") == 0
    assert await told(store, SCOPE) == []


async def test_lists_and_counts_pass_over_sessions_whose_end_has_come(stores: Stores) -> None:
    store = await stores.open()
    for number in range(12):
        await create(store, str(number), IDLE if number % 2 else None)
    stores.clock.jump(3600)
    lasting = ["10", "8", "6", "4", "2", "0"]
    assert await titles(store) == lasting
    assert await store.count_sessions("omni") == 6
    page = await store.list_sessions(SCOPE, SessionListing(2, 1 << 30, offset=3))
    assert ([session.title for session in page.sessions], page.total_count) == (["4", "2"], 6)
    page = await store.list_sessions(SCOPE, SessionListing(2, 1 << 30, page.next_position))
    assert ([session.title for session in page.sessions], page.next_position) == (["0"], None)


async def test_sessions_whose_end_has_come_count_for_no_bound(stores: Stores) -> None:
    store = await stores.open()
    lasting = await create(store, "lasting")
    ended = await create(store, "ended", IDLE)
    stores.clock.jump(3600)
    bounds = SessionBounds(max_sessions=2, evicted_event=EVICTED)
    assert (await store.create_session(SCOPE, "new", bounds=bounds)).evicted_ids == ()
    assert (await store.create_session(SCOPE, "newer", bounds=bounds)).evicted_ids == (lasting.session_id,)
    assert await titles(store) == ["newer", "new"]
    await create(store, "ends", SessionBounds(idle_us=1_000_000), OTHER)
    stores.clock.jump(1)
    fresh = await create(store, "fresh", ONE, OTHER)
    assert (fresh.title, await titles(store, OTHER)) == ("fresh", ["fresh"])
    assert ended.session_id != fresh.session_id


async def test_an_id_of_a_session_whose_end_has_come_is_free(stores: Stores) -> None:
    store = await stores.open()
    ended = (await create(store, "", IDLE)).session_id
    await store.append_messages(SCOPE, ended, said("k", "id", "other"))
    lasting = (await create(store)).session_id
    assert await reason_of(store.append_messages(SCOPE, lasting, said("k", "id"))) is Reason.INVALID_ARGUMENT
    stores.clock.jump(3600)
    (stored,) = (await store.append_messages(SCOPE, lasting, said("k", "id"))).messages
    for _ in range(2):
        found = await store.get_message(SCOPE, "id")
        assert (found.session_id, found.message) == (lasting, stored)
        assert await reason_of(store.append_messages(SCOPE, lasting, said("again", "id"))) is Reason.INVALID_ARGUMENT
        # The removal of the ended one takes nothing of the other with it.
        await purge(store)


async def test_what_is_purged_stays_away_whatever_the_clock_does(stores: Stores) -> None:
    store = await stores.open()
    ended = (await create(store, "ended", IDLE)).session_id
    lasting = (await create(store, "lasting", SessionBounds(idle_us=2 * HOUR_US))).session_id
    for session_id in (ended, lasting):
        for number in range(150):
            await store.append_messages(SCOPE, session_id, said(str(number), f"{session_id}:{number}"))
    stores.clock.jump(3599)
    assert not await store.purge_step(0)
    stores.clock.jump(1)
    steps = 0
    while await store.purge_step(0):
        steps += 1
        stores.clock.jump(-3600)
        assert await titles(store) == ["lasting"]
        assert await reason_of(store.get_message(SCOPE, f"{ended}:149")) is Reason.MESSAGE_NOT_FOUND
        stores.clock.jump(3600)
    assert steps > 1
    assert len((await store.list_messages(SCOPE, lasting, ALL)).messages) == 150
    assert (await store.get_message(SCOPE, f"{lasting}:149")).session_id == lasting


async def test_bounds_outlive_a_restart(stores: Stores) -> None:
    store = await stores.open()
    session_id = (await create(store, "", IDLE)).session_id
    store = await stores.open()
    stores.clock.jump(3599)
    appended = await store.append_messages(SCOPE, session_id, said("k"))
    assert appended.session.expire_us == stores.clock.now_us + HOUR_US
    stores.clock.jump(3600)
    store = await stores.open()
    assert await reason_of(store.get_session(SCOPE, session_id)) is Reason.SESSION_NOT_FOUND


async def test_an_append_is_told_once(store: Store) -> None:
    await listen(store, SCOPE)
    session_id = (await create(store)).session_id
    append = said("k", "id", event=COMPLETED)
    await asyncio.gather(*(store.append_messages(SCOPE, session_id, append) for _ in range(10)))
    await store.clear_messages(SCOPE, session_id)
    await store.append_messages(SCOPE, session_id, append)
    assert await told(store, SCOPE) == [(session_id, COMPLETED)]


async def test_nothing_is_told_of_what_was_refused(store: Store) -> None:
    await listen(store, SCOPE)
    session_id = (await create(store)).session_id
    await store.append_messages(SCOPE, session_id, said("k", "taken"))
    refused = [
        store.append_messages(SCOPE, session_id, said("other", "free", "taken", event=COMPLETED)),
        store.delete_session(OTHER, session_id, DELETED),
        store.delete_session(SCOPE, "unknown", DELETED),
        store.create_session(SCOPE, "", {str(number): "x" for number in range(33)}, event=CREATED),
    ]
    for call in refused:
        assert await reason_of(call) in {Reason.INVALID_ARGUMENT, Reason.SESSION_NOT_FOUND}
    assert await told(store, SCOPE) == []


async def test_the_end_of_a_session_is_told_when_it_is_gone(stores: Stores) -> None:
    store = await stores.open()
    for scope in (SCOPE, OTHER):
        await listen(store, scope)
    session_id = (await create(store)).session_id
    await store.append_messages(SCOPE, session_id, said("k", event=COMPLETED))
    await store.delete_session(SCOPE, session_id, DELETED)
    store = await stores.open()
    assert await told(store, SCOPE) == [(session_id, COMPLETED), (session_id, DELETED)]
    assert await told(store, OTHER) == []
