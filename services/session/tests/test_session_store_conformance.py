"""What every `Store` must do with sessions and messages."""

import asyncio

import pytest
from store_fixtures import Stores

from quintet_errors import DomainError, Reason
from quintet_session.store import Append, MessageListing, MessageRecord, NewMessage, Role, Scope, SessionListing, Store

SCOPE = Scope("nexus", "anonymous")
ALL = MessageListing(limit=1000, max_bytes=1 << 30)


def said(*texts: str, key: str, title: str = "") -> Append:
    return Append(tuple(NewMessage(Role.USER, text) for text in texts), key, title)


async def fill(store: Store, session_id: str, count: int, prefix: str = "m") -> None:
    for number in range(count):
        await store.append_messages(SCOPE, session_id, said(f"{prefix}{number}", key=f"{prefix}{number}"))


async def walk(store: Store, session_id: str, limit: int, *, newest_first: bool = False) -> list[MessageRecord]:
    found: list[MessageRecord] = []
    position = None
    while True:
        page = await store.list_messages(SCOPE, session_id, MessageListing(limit, 1 << 30, position, newest_first))
        assert len(page.messages) <= limit
        found.extend(page.messages)
        position = page.next_position
        if position is None:
            return found


async def test_a_session_is_kept_as_it_was_created(store: Store) -> None:
    created = (await store.create_session(SCOPE, "First light")).session
    assert created == await store.get_session(SCOPE, created.session_id)
    assert (created.title, created.message_count, created.scope) == ("First light", 0, SCOPE)
    assert created.create_us == created.update_us


@pytest.mark.parametrize("other", [Scope("nexus", "someone"), Scope("omni", "anonymous")])
async def test_sessions_of_other_scopes_do_not_exist(store: Store, other: Scope) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    await fill(store, session_id, 1)
    calls = [
        store.get_session(other, session_id),
        store.update_session(other, session_id, "mine"),
        store.append_messages(other, session_id, said("x", key="k")),
        store.list_messages(other, session_id, ALL),
        store.clear_messages(other, session_id),
        store.delete_session(other, session_id),
    ]
    for call in calls:
        with pytest.raises(DomainError) as caught:
            await call
        assert caught.value.reason is Reason.SESSION_NOT_FOUND
        assert caught.value.metadata == {"sessionId": session_id}
    assert (await store.list_sessions(other, SessionListing(10, 1 << 30))).total_count == 0
    assert len(await walk(store, session_id, 10)) == 1


async def test_sessions_are_listed_by_their_last_change(store: Store) -> None:
    ids = [(await store.create_session(SCOPE, str(number))).session.session_id for number in range(3)]
    await fill(store, ids[0], 1)
    await store.update_session(SCOPE, ids[1], "renamed")
    page = await store.list_sessions(SCOPE, SessionListing(10, 1 << 30))
    assert [session.session_id for session in page.sessions] == [ids[1], ids[0], ids[2]]
    assert (page.total_count, page.next_position) == (3, None)


async def test_a_clock_that_jumps_back_changes_no_order(stores: Stores) -> None:
    store = await stores.open()
    first = (await store.create_session(SCOPE, "")).session.session_id
    stores.clock.jump(-3600)
    second = (await store.create_session(SCOPE, "")).session.session_id
    await fill(store, first, 1, "a")
    stores.clock.jump(-3600)
    await fill(store, first, 1, "b")
    page = await store.list_sessions(SCOPE, SessionListing(10, 1 << 30))
    assert [session.session_id for session in page.sessions] == [first, second]
    assert [message.content for message in await walk(store, first, 10)] == ["a0", "b0"]


async def test_pages_of_sessions_hold_each_untouched_session_once(store: Store) -> None:
    ids = [(await store.create_session(SCOPE, "")).session.session_id for _ in range(25)]
    seen: list[str] = []
    position = None
    while True:
        page = await store.list_sessions(SCOPE, SessionListing(10, 1 << 30, position))
        seen += [session.session_id for session in page.sessions]
        position = page.next_position
        if position is None:
            break
        # What changes during the walk moves to the top, before the first page.
        await store.append_messages(SCOPE, ids[-1], said("again", key=str(len(seen))))
    assert seen == ids[::-1]


async def test_messages_are_kept_as_they_are(store: Store) -> None:
    texts = (
        "plain",
        "\x00\x01\x1f\x7f\u0085",
        "नमस्ते दुनिया",
        "👩‍👩‍👧‍👦\u200d\u202e",
        "\ud7ff\ue000\U0010ffff",
        "",
        "a" * (1 << 20),
    )
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    appended = await store.append_messages(SCOPE, session_id, said(*texts, key="k"))
    assert tuple(message.content for message in await walk(store, session_id, 3)) == texts
    assert tuple(message.content for message in appended.messages) == texts
    assert [message.sequence for message in appended.messages] == list(range(1, len(texts) + 1))
    assert len({message.message_id for message in appended.messages}) == len(texts)
    assert appended.session.message_count == len(texts)


async def test_roles_are_kept(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    roles = (Role.SYSTEM, Role.USER, Role.ASSISTANT)
    await store.append_messages(SCOPE, session_id, Append(tuple(NewMessage(role, "x") for role in roles), "k"))
    assert tuple(message.role for message in await walk(store, session_id, 10)) == roles


async def test_a_repeated_append_stores_nothing_and_answers_the_same(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    first = await store.append_messages(SCOPE, session_id, said("a", "b", key="k", title="T"))
    await fill(store, session_id, 1)
    again = await store.append_messages(SCOPE, session_id, said("a", "b", key="k", title="T"))
    assert again.messages == first.messages
    assert again.session.message_count == 3
    other = (await store.create_session(SCOPE, "")).session.session_id
    assert (await store.append_messages(SCOPE, other, said("c", key="k"))).messages[0].content == "c"


async def test_repetitions_at_the_same_time_store_once(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    answers = await asyncio.gather(
        *(store.append_messages(SCOPE, session_id, said("once", key="k")) for _ in range(20))
    )
    assert len({answer.messages for answer in answers}) == 1
    assert len(await walk(store, session_id, 10)) == 1


async def test_a_late_repetition_does_not_bring_cleared_messages_back(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    first = await store.append_messages(SCOPE, session_id, said("a", key="k"))
    await store.clear_messages(SCOPE, session_id)
    again = await store.append_messages(SCOPE, session_id, said("a", key="k"))
    assert again.messages == first.messages
    assert await walk(store, session_id, 10) == []


async def test_the_first_message_gives_the_title(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "New Chat")).session.session_id
    first = await store.append_messages(SCOPE, session_id, said("a", key="1", title="about a"))
    second = await store.append_messages(SCOPE, session_id, said("b", key="2", title="about b"))
    assert (first.session.title, second.session.title) == ("about a", "about a")
    untitled = (await store.create_session(SCOPE, "kept")).session.session_id
    assert (await store.append_messages(SCOPE, untitled, said("a", key="1"))).session.title == "kept"


async def test_a_clear_keeps_the_session_and_never_gives_a_sequence_twice(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "kept")).session.session_id
    await fill(store, session_id, 3, "before")
    await store.clear_messages(SCOPE, session_id)
    await store.clear_messages(SCOPE, session_id)
    session = await store.get_session(SCOPE, session_id)
    assert (session.title, session.message_count) == ("kept", 0)
    await fill(store, session_id, 1, "after")
    assert [(message.sequence, message.content) for message in await walk(store, session_id, 10)] == [(4, "after0")]


async def test_a_deleted_session_takes_its_messages_with_it(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    await fill(store, session_id, 3)
    await store.delete_session(SCOPE, session_id)
    with pytest.raises(DomainError) as caught:
        await store.list_messages(SCOPE, session_id, ALL)
    assert caught.value.reason is Reason.SESSION_NOT_FOUND
    with pytest.raises(DomainError):
        await store.delete_session(SCOPE, session_id)
    fresh = (await store.create_session(SCOPE, "")).session.session_id
    assert await walk(store, fresh, 10) == []


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_of_messages_are_stable_while_others_append(store: Store, newest_first: bool) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    await fill(store, session_id, 20, "old")

    async def append_more() -> None:
        await fill(store, session_id, 20, "new")

    appending = asyncio.create_task(append_more())
    found = await walk(store, session_id, 3, newest_first=newest_first)
    await appending
    sequences = [message.sequence for message in found]
    assert sequences == sorted(set(sequences), reverse=newest_first)
    assert set(range(1, 21)) <= set(sequences)


async def test_a_page_ends_early_rather_than_grow_too_large(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    await store.append_messages(SCOPE, session_id, said(*("x" * 1000 for _ in range(5)), "y" * 9000, "z", key="k"))
    sizes = []
    position = None
    while True:
        page = await store.list_messages(SCOPE, session_id, MessageListing(100, 2500, position))
        sizes.append(len(page.messages))
        position = page.next_position
        if position is None:
            break
    assert sizes == [2, 2, 1, 1, 1]


async def test_sixty_four_writers_leave_no_gap_and_no_double(store: Store) -> None:
    shared = (await store.create_session(SCOPE, "")).session.session_id

    async def write(writer: int) -> list[int]:
        sequences = []
        for number in range(10):
            append = said(f"{writer}:{number}", key=f"{writer}:{number}")
            sequences.append((await store.append_messages(SCOPE, shared, append)).messages[0].sequence)
        return sequences

    acknowledged = await asyncio.gather(*(write(writer) for writer in range(64)))
    found = await walk(store, shared, 100)
    assert [message.sequence for message in found] == list(range(1, 641))
    for writer, sequences in enumerate(acknowledged):
        mine = [message for message in found if message.content.startswith(f"{writer}:")]
        assert [message.sequence for message in mine] == sequences
        assert [message.content for message in mine] == [f"{writer}:{number}" for number in range(10)]


async def test_everything_is_there_after_a_restart(stores: Stores) -> None:
    store = await stores.open()
    session_id = (await store.create_session(SCOPE, "kept")).session.session_id
    await fill(store, session_id, 3)
    before = (await store.get_session(SCOPE, session_id), await walk(store, session_id, 10))
    store = await stores.open()
    assert (await store.get_session(SCOPE, session_id), await walk(store, session_id, 10)) == before


async def test_a_closed_store_says_so(stores: Stores) -> None:
    store = await stores.open()
    await store.close()
    await store.close()
    for call in (store.create_session(SCOPE, ""), store.list_sessions(SCOPE, SessionListing(10, 1 << 30))):
        with pytest.raises(DomainError) as caught:
            await call
        assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
