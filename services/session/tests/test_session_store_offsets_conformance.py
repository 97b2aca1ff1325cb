"""What every `Store` must do with offsets, and with ids that writers give to their messages."""

import asyncio
from typing import Any

import pytest
from refusals import refused

from quintet_errors import DomainError, Reason
from quintet_session.store import Append, MessageListing, NewMessage, Role, Scope, SessionListing, Store

SCOPE = Scope("omni", "ann")
OTHERS = [Scope("omni", "bob"), Scope("quillium", "ann")]
HUGE = 2**63 - 1
ODD_IDS = (
    "'; DROP TABLE messages;--",
    "<b>id</b>",
    "a\r\nb",
    "a\x00b",
    "a\x00c",
    "../../etc/passwd",
    "नमस्ते",
    "ID",
    "id",
)


def said(*texts: str, key: str, ids: tuple[str, ...] = ()) -> Append:
    given = ids or ("",) * len(texts)
    return Append(
        tuple(NewMessage(Role.USER, text, message_id) for text, message_id in zip(texts, given, strict=True)), key
    )


async def new_session(store: Store, scope: Scope = SCOPE) -> str:
    return (await store.create_session(scope, "")).session.session_id


async def contents(store: Store, session_id: str, **listing: Any) -> list[str]:
    page = await store.list_messages(SCOPE, session_id, MessageListing(max_bytes=1 << 30, **listing))
    return [message.content for message in page.messages]


async def count(store: Store, session_id: str) -> int:
    return (await store.get_session(SCOPE, session_id)).message_count


@pytest.mark.parametrize("offset", [0, 1, 7, 9, 10, 11, HUGE])
async def test_an_offset_skips_messages_in_both_orders(store: Store, offset: int) -> None:
    session_id = await new_session(store)
    # Sequences that do not begin at one, as after a clear.
    await store.append_messages(SCOPE, session_id, said("a", "b", "c", key="gone"))
    await store.clear_messages(SCOPE, session_id)
    texts = [str(number) for number in range(10)]
    await store.append_messages(SCOPE, session_id, said(*texts, key="k"))
    assert await contents(store, session_id, limit=4, offset=offset) == texts[offset:][:4]
    backwards = texts[::-1]
    assert await contents(store, session_id, limit=4, offset=offset, newest_first=True) == backwards[offset:][:4]


async def test_an_empty_session_has_nothing_behind_any_offset(store: Store) -> None:
    session_id = await new_session(store)
    await store.append_messages(SCOPE, session_id, said("a", key="gone"))
    await store.clear_messages(SCOPE, session_id)
    for offset in (0, 1, HUGE):
        for newest_first in (False, True):
            assert await contents(store, session_id, limit=4, offset=offset, newest_first=newest_first) == []


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_go_on_where_an_offset_began(store: Store, newest_first: bool) -> None:
    session_id = await new_session(store)
    await store.append_messages(SCOPE, session_id, said(*map(str, range(10)), key="k"))
    first = await store.list_messages(SCOPE, session_id, MessageListing(3, 1 << 30, None, newest_first, offset=4))
    rest = await contents(store, session_id, limit=100, position=first.next_position, newest_first=newest_first)
    expected = [str(number) for number in range(10)]
    assert rest == (expected[::-1] if newest_first else expected)[7:]


@pytest.mark.parametrize("offset", [0, 1, 4, 5, 6, HUGE])
async def test_an_offset_skips_sessions(store: Store, offset: int) -> None:
    ids = [await new_session(store) for _ in range(5)]
    await new_session(store, Scope("omni", "bob"))
    page = await store.list_sessions(SCOPE, SessionListing(2, 1 << 30, offset=offset))
    assert [session.session_id for session in page.sessions] == ids[::-1][offset:][:2]
    assert page.total_count == 5
    assert (page.next_position is None) == (offset >= 3)


async def test_a_message_is_found_by_the_id_that_its_writer_gave(store: Store) -> None:
    session_id = await new_session(store)
    appended = await store.append_messages(SCOPE, session_id, said("a", "b", key="k", ids=("", "given")))
    first, second = appended.messages
    assert second.message_id == "given"
    assert first.message_id not in {"", "given"}
    found = await store.get_message(SCOPE, "given")
    assert (found.message, found.session_id) == (second, session_id)
    page = await store.list_messages(SCOPE, session_id, MessageListing(10, 1 << 30))
    assert page.messages == appended.messages
    for unknown in ("other", first.message_id, "GIVEN", "x" * 100):
        error = await refused(store.get_message(SCOPE, unknown))
        assert (error.reason, error.metadata) == (Reason.MESSAGE_NOT_FOUND, {"messageId": unknown[:64]})


async def test_odd_ids_are_kept_as_they_are(store: Store) -> None:
    session_id = await new_session(store)
    await store.append_messages(SCOPE, session_id, said(*ODD_IDS, key="k", ids=ODD_IDS))
    for message_id in ODD_IDS:
        message = (await store.get_message(SCOPE, message_id)).message
        assert (message.message_id, message.content) == (message_id, message_id)


@pytest.mark.parametrize("other", OTHERS)
async def test_message_ids_of_other_scopes_do_not_exist(store: Store, other: Scope) -> None:
    mine, theirs = await new_session(store), await new_session(store, other)
    await store.append_messages(SCOPE, mine, said("mine", key="k", ids=("id",)))
    assert (await refused(store.get_message(other, "id"))).reason is Reason.MESSAGE_NOT_FOUND
    await store.append_messages(other, theirs, said("theirs", key="k", ids=("id",)))
    assert (await store.get_message(SCOPE, "id")).message.content == "mine"
    assert (await store.get_message(other, "id")).message.content == "theirs"
    await store.delete_session(other, theirs)
    assert (await store.get_message(SCOPE, "id")).message.content == "mine"


async def test_an_id_is_given_once_among_the_messages_of_an_owner(store: Store) -> None:
    first, second = await new_session(store), await new_session(store)
    append = said("a", key="k", ids=("id",))
    appended = await store.append_messages(SCOPE, first, append)
    assert (await store.append_messages(SCOPE, first, append)).messages == appended.messages
    for session_id, repeated in (
        (first, said("b", key="2", ids=("id",))),
        (second, said("b", "c", key="2", ids=("new", "id"))),
        (second, said("b", "c", key="3", ids=("twice", "twice"))),
    ):
        error = await refused(store.append_messages(SCOPE, session_id, repeated))
        assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "messages.message_id"})
    assert (await count(store, first), await count(store, second)) == (1, 0)
    assert (await refused(store.get_message(SCOPE, "new"))).reason is Reason.MESSAGE_NOT_FOUND
    # What failed used up neither its key nor its ids.
    retried = await store.append_messages(SCOPE, second, said("b", "c", key="2", ids=("new", "newer")))
    assert [message.sequence for message in retried.messages] == [1, 2]


async def test_of_two_writers_with_one_id_one_is_refused(store: Store) -> None:
    sessions = [await new_session(store) for _ in range(10)]
    answers = await asyncio.gather(
        *(store.append_messages(SCOPE, session_id, said("x", key="k", ids=("id",))) for session_id in sessions),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, DomainError) for answer in answers) == 9
    assert sum([await count(store, session_id) for session_id in sessions]) == 1


@pytest.mark.parametrize("removal", ["clear", "delete"])
async def test_ids_go_with_their_messages(store: Store, removal: str) -> None:
    gone, kept = await new_session(store), await new_session(store)
    append = said("a", "b", key="k", ids=("one", ""))
    first = await store.append_messages(SCOPE, gone, append)
    await store.append_messages(SCOPE, kept, said("c", key="k", ids=("two",)))
    await (store.clear_messages if removal == "clear" else store.delete_session)(SCOPE, gone)
    assert (await refused(store.get_message(SCOPE, "one"))).reason is Reason.MESSAGE_NOT_FOUND
    assert (await store.get_message(SCOPE, "two")).message.content == "c"
    if removal == "clear":
        assert (await store.append_messages(SCOPE, gone, append)).messages == first.messages
    await store.append_messages(SCOPE, kept, said("again", key="k2", ids=("one",)))
    assert (await store.get_message(SCOPE, "one")).message.content == "again"
