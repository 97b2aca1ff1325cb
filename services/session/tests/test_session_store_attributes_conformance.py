"""What every `Store` must do with the attributes of sessions, and with the sessions of a surface as a whole."""

from typing import Any

import pytest
from refusals import refused
from store_fixtures import Stores

from quintet_errors import Reason
from quintet_session.store import Append, NewMessage, Role, Scope, SessionListing, Store

SCOPE = Scope("quillium", "ann")
OTHERS = [Scope("quillium", "bob"), Scope("omni", "ann")]
FIRST = SessionListing(limit=100, max_bytes=1 << 30)
FULL = {f"name{number}": "x" for number in range(32)}
ODD_TEXTS = (
    "Robert'); DROP TABLE sessions;--",
    '" OR ""="',
    "<script>alert(1)</script>&amp;",
    "line\r\nSet-Cookie: a=b",
    "a\x00b",
    "{0} %s ${HOME} {{7*7}}",
    "नमस्ते 👩‍👩‍👧‍👦\u202e",
    '{"a": [1, "\\"]}',
    " ",
)


def said(text: str, key: str, **attributes: str) -> Append:
    return Append((NewMessage(Role.USER, text),), key, attributes=attributes)


async def listed_ids(store: Store) -> list[str]:
    return [session.session_id for session in (await store.list_sessions(SCOPE, FIRST)).sessions]


async def test_attributes_are_set_changed_and_removed(store: Store) -> None:
    created = (await store.create_session(SCOPE, "T", {"model": "small", "mode": "voice", "empty": ""})).session
    assert created.attributes == {"model": "small", "mode": "voice"}
    changed = await store.update_session(
        SCOPE, created.session_id, attributes={"model": "large", "mode": "", "language": "hi", "absent": ""}
    )
    assert changed.attributes == {"model": "large", "language": "hi"}
    assert await store.get_session(SCOPE, created.session_id) == changed
    assert (await store.list_sessions(SCOPE, FIRST)).sessions == (changed,)


async def test_attributes_alone_leave_a_session_in_its_place(stores: Any) -> None:
    store: Store = await stores.open()
    first = (await store.create_session(SCOPE, "first")).session
    second = (await store.create_session(SCOPE, "second")).session
    stores.clock.jump(60)
    changed = await store.update_session(SCOPE, first.session_id, attributes={"a": "b"})
    assert changed.update_us == first.update_us
    assert await listed_ids(store) == [second.session_id, first.session_id]
    changed = await store.update_session(SCOPE, first.session_id, "renamed", {"a": "c"})
    assert (changed.title, changed.attributes, changed.update_us) == (
        "renamed",
        {"a": "c"},
        first.update_us + 60_000_000,
    )
    assert await listed_ids(store) == [first.session_id, second.session_id]


async def test_an_append_sets_attributes_once(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "", {"kept": "yes", "gone": "soon"})).session.session_id
    append = said("hello", "k", answered="1", gone="")
    appended = await store.append_messages(SCOPE, session_id, append)
    assert appended.session.attributes == {"kept": "yes", "answered": "1"}
    await store.update_session(SCOPE, session_id, attributes={"answered": "2"})
    again = await store.append_messages(SCOPE, session_id, append)
    assert again.session.attributes == {"kept": "yes", "answered": "2"}


async def test_a_session_holds_at_most_thirty_two_attributes(store: Store) -> None:
    session_id = (await store.create_session(SCOPE, "T", FULL)).session.session_id
    calls = [
        store.update_session(SCOPE, session_id, "other", {"one": "more"}),
        store.append_messages(SCOPE, session_id, said("x", "k", one="more")),
        store.create_session(SCOPE, "", {**FULL, "one": "more"}),
    ]
    for call in calls:
        error = await refused(call)
        assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "attributes"})
    session = await store.get_session(SCOPE, session_id)
    assert (session.title, session.attributes, session.message_count) == ("T", FULL, 0)
    assert (await store.list_sessions(SCOPE, FIRST)).total_count == 1
    changed = await store.update_session(SCOPE, session_id, attributes={"name0": "", "one": "more"})
    assert len(changed.attributes) == 32


async def test_odd_texts_are_kept_as_they_are(stores: Stores) -> None:
    store = await stores.open()
    attributes = {text: text for text in ODD_TEXTS}
    ids = [(await store.create_session(SCOPE, text, attributes)).session.session_id for text in ODD_TEXTS]
    store = await stores.open()
    for session_id, text in zip(ids, ODD_TEXTS, strict=True):
        session = await store.get_session(SCOPE, session_id)
        assert (session.title, session.attributes) == (text, attributes)


async def test_a_page_of_sessions_ends_early_rather_than_grow_too_large(store: Store) -> None:
    for size in (100, 900, 900, 900, 5000):
        await store.create_session(SCOPE, "", {"a": "x" * size})
    sizes = []
    position = None
    while True:
        page = await store.list_sessions(SCOPE, SessionListing(100, 2000, position))
        sizes.append(len(page.sessions))
        position = page.next_position
        if position is None:
            break
    assert sizes == [1, 2, 2]


@pytest.mark.parametrize("other", OTHERS)
async def test_attributes_of_other_scopes_do_not_exist(store: Store, other: Scope) -> None:
    session = (await store.create_session(SCOPE, "mine", {"a": "b"})).session
    error = await refused(store.update_session(other, session.session_id, "theirs", {"a": "c"}))
    assert error.reason is Reason.SESSION_NOT_FOUND
    assert await store.get_session(SCOPE, session.session_id) == session


async def test_a_surface_knows_its_owners_and_how_many_sessions_it_has(store: Store) -> None:
    mine = (await store.create_session(SCOPE, "")).session.session_id
    theirs = (await store.create_session(Scope("quillium", "bob"), "")).session.session_id
    await store.create_session(Scope("omni", "ann"), "")
    assert [await store.count_sessions(surface) for surface in ("quillium", "omni", "sight")] == [2, 1, 0]
    assert await store.get_session_owner("quillium", theirs) == Scope("quillium", "bob")
    assert await store.get_session_owner("quillium", mine) == SCOPE
    for surface, session_id in (("omni", mine), ("quillium", "x" * 100), ("quillium", "' OR 1=1 --")):
        error = await refused(store.get_session_owner(surface, session_id))
        assert (error.reason, error.metadata) == (Reason.SESSION_NOT_FOUND, {"sessionId": session_id[:64]})
    await store.delete_session(SCOPE, mine)
    assert await store.count_sessions("quillium") == 1
    assert (await refused(store.get_session_owner("quillium", mine))).reason is Reason.SESSION_NOT_FOUND
