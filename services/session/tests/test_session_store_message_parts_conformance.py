"""What every `Store` must do with what surfaces keep beside the text of a message."""

import pytest
from store_fixtures import Stores

from quintet_session.store import Append, MessageListing, MessageRecord, NewMessage, Role, Scope, Store

SCOPE = Scope("sight", "ann")
ALL = MessageListing(limit=1000, max_bytes=1 << 30)
ATTRIBUTES = {"kind": "voice", "empty": "", "नाम": "a\x00b\r\n\u202e'; DROP TABLE messages;--"}
# Opaque to the store, which must not take it for text.
PICTURE = bytes(range(256)) * 4
MESSAGES = (
    NewMessage(Role.USER, "what is this?", "question", ATTRIBUTES, PICTURE),
    NewMessage(Role.ASSISTANT, "a cup", "", {"kind": "text"}),
    NewMessage(Role.USER, "", "", {}, b""),
    NewMessage(Role.USER, "plain"),
)


async def new_session(store: Store) -> str:
    return (await store.create_session(SCOPE, "")).session.session_id


async def walk(store: Store, session_id: str) -> tuple[MessageRecord, ...]:
    return (await store.list_messages(SCOPE, session_id, ALL)).messages


def parts(messages: tuple[MessageRecord, ...]) -> list[tuple[object, ...]]:
    return [(message.content, dict(message.attributes), message.image_analysis) for message in messages]


async def test_the_parts_of_messages_are_kept_as_they_are(stores: Stores) -> None:
    store = await stores.open()
    session_id = await new_session(store)
    appended = (await store.append_messages(SCOPE, session_id, Append(MESSAGES, "k"))).messages
    expected = [(message.content, dict(message.attributes), message.image_analysis) for message in MESSAGES]
    assert parts(appended) == expected
    store = await stores.open()
    assert await walk(store, session_id) == appended
    assert (await store.get_message(SCOPE, "question")).message == appended[0]


async def test_a_repetition_answers_with_the_same_parts(store: Store) -> None:
    session_id = await new_session(store)
    append = Append(MESSAGES, "k")
    first = (await store.append_messages(SCOPE, session_id, append)).messages
    assert parts((await store.append_messages(SCOPE, session_id, append)).messages) == parts(first)
    await store.clear_messages(SCOPE, session_id)
    assert parts((await store.append_messages(SCOPE, session_id, append)).messages) == parts(first)
    assert await walk(store, session_id) == ()


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        NewMessage(Role.USER, "x" * 1000),
        NewMessage(Role.USER, "", "", {"a": "x" * 1000}),
        NewMessage(Role.USER, "", "", {}, b"x" * 1000),
    ],
    ids=["content", "attributes", "image_analysis"],
)
async def test_a_page_ends_early_for_the_sake_of_every_part(
    store: Store, message: NewMessage, newest_first: bool
) -> None:
    session_id = await new_session(store)
    await store.append_messages(SCOPE, session_id, Append((message,) * 5, "k"))
    sizes = []
    position = None
    while True:
        page = await store.list_messages(SCOPE, session_id, MessageListing(100, 2500, position, newest_first))
        sizes.append(len(page.messages))
        position = page.next_position
        if position is None:
            break
    assert sizes == [2, 2, 1]
