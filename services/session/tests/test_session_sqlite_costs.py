"""What SQLite has to do for a page or a sum, counted in the steps of its own machine and not in seconds."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from quintet_errors import DomainError
from quintet_session.identity_store import NewApiKey
from quintet_session.store import Append, MessageListing, NewMessage, Role, Scope, SessionListing
from quintet_session.stores.sqlite import (
    DatabaseOptions,
    identity_api_keys,
    knowledge_retention,
    messages,
    session_retention,
    sessions,
    usage,
)
from quintet_session.stores.sqlite.connection import open_writer
from quintet_session.usage_store import Outcome, UsageDimension, UsageFilter, UsageRecord

SCOPE = Scope("omni", "ann")
NOW_US = 1_700_000_000_000_000
MESSAGES = 20_000
OTHERS_RECORDS = 20_000
_RESOLUTION = 10


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    opened = open_writer(DatabaseOptions(tmp_path_factory.mktemp("costs"), synchronous="normal"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def session_id(connection: sqlite3.Connection) -> str:
    connection.execute("BEGIN")
    created = sessions.create(connection, SCOPE, "", {}, NOW_US).session_id
    texts = tuple(NewMessage(Role.USER, "text", f"id-{number}") for number in range(MESSAGES))
    messages.append(connection, SCOPE, created, Append(texts, "k"), NOW_US)
    connection.execute("COMMIT")
    return created


@pytest.fixture(scope="module")
def usage_records(connection: sqlite3.Connection) -> None:
    def record(number: int, owner: str) -> UsageRecord:
        return UsageRecord(
            record_id=f"{owner}-{number}",
            scope=Scope("omni", owner),
            action="chat",
            provider="",
            model="m",
            input_tokens=1,
            output_tokens=1,
            cost_micro_usd=1,
            latency_us=1,
            first_token_us=None,
            outcome=Outcome.SUCCEEDED,
            estimated=False,
            start_us=NOW_US + number,
        )

    connection.execute("BEGIN")
    usage.record(connection, [record(number, f"other-{number % 100}") for number in range(OTHERS_RECORDS)], NOW_US)
    usage.record(connection, [record(number, "ann") for number in range(50)], NOW_US)
    connection.execute("COMMIT")


def steps(connection: sqlite3.Connection, operation: Callable[[], object]) -> int:
    """Returns about how many steps of SQLite's machine an operation takes."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection.set_progress_handler(count, _RESOLUTION)
    try:
        operation()
    finally:
        connection.set_progress_handler(None, _RESOLUTION)
    return counted * _RESOLUTION


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_of_messages_costs_the_same_behind_any_offset(
    connection: sqlite3.Connection, session_id: str, newest_first: bool
) -> None:
    def cost(offset: int) -> int:
        listing = MessageListing(50, 1 << 30, newest_first=newest_first, offset=offset)
        return steps(connection, lambda: messages.list_page(connection, SCOPE, session_id, listing, NOW_US))

    assert cost(MESSAGES - 100) <= cost(0) + 2 * _RESOLUTION
    # Proof that the count would see it: walking over the messages takes a step for each at least.
    counting = "SELECT count(*) FROM messages WHERE +session_key = 1"
    assert steps(connection, lambda: connection.execute(counting).fetchone()) > MESSAGES


def test_a_message_is_found_without_a_search(connection: sqlite3.Connection, session_id: str) -> None:
    assert steps(connection, lambda: messages.get(connection, SCOPE, f"id-{MESSAGES - 1}", NOW_US)) < 200


def test_the_end_of_a_long_list_of_sessions_is_near(connection: sqlite3.Connection) -> None:
    scope = Scope("omni", "with many sessions")
    connection.execute("BEGIN")
    for _ in range(1000):
        sessions.create(connection, scope, "", {}, NOW_US)
    connection.execute("COMMIT")
    listing = SessionListing(20, 1 << 30, offset=980)
    assert steps(connection, lambda: sessions.list_page(connection, scope, listing, NOW_US)) < 12_000


def test_ends_of_sessions_are_not_searched_for(tmp_path: Path) -> None:
    """Neither by those who want the others, nor by the removal of the few whose end has come."""
    connection = open_writer(DatabaseOptions(tmp_path, synchronous="normal"))
    connection.execute("BEGIN")
    for number in range(5000):
        owner = Scope("omni", f"owner-{number % 50}")
        sessions.create(connection, owner, "", {}, NOW_US, idle_us=None if number % 2 else 1_000_000 + number)
    connection.execute("COMMIT")
    scope, now_us = Scope("omni", "owner-4"), NOW_US + 1_000_500
    session = sessions.newest(connection, scope, now_us)
    assert session is not None
    assert steps(connection, lambda: sessions.get(connection, scope, session.session_id, now_us)) < 100
    assert steps(connection, lambda: sessions.newest(connection, scope, now_us)) < 200
    assert steps(connection, lambda: sessions.find_beyond(connection, scope, 90, now_us)) < 2000
    assert steps(connection, lambda: sessions.list_page(connection, scope, SessionListing(20, 1 << 30), now_us)) < 2000
    assert sessions.count(connection, "omni", now_us) == 4749
    for _ in range(251):
        assert steps(connection, lambda: session_retention.purge_step(connection, now_us)) < 300
    assert not session_retention.purge_step(connection, now_us)
    assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (4749,)
    connection.close()


@pytest.mark.parametrize("dimensions", [frozenset(), frozenset(UsageDimension)], ids=["total", "grouped"])
def test_a_sum_does_not_pay_for_the_records_of_others(
    connection: sqlite3.Connection, usage_records: None, dimensions: frozenset[UsageDimension]
) -> None:
    for chosen in (UsageFilter("omni", "ann"), UsageFilter("omni", "ann", NOW_US, NOW_US + 1000)):
        found = usage.summarize(connection, chosen, dimensions, 10)
        assert sum(group.call_count for group in found) == 50
        cost = steps(connection, lambda wanted=chosen: usage.summarize(connection, wanted, dimensions, 10))
        assert cost < OTHERS_RECORDS // 2


def test_the_newest_records_come_without_the_older_ones(connection: sqlite3.Connection, usage_records: None) -> None:
    for chosen in (UsageFilter("omni", "ann"), UsageFilter("omni"), UsageFilter("omni", "other-3", NOW_US)):
        for position in (None, OTHERS_RECORDS // 2):
            cost = steps(connection, lambda at=position, wanted=chosen: usage.list_page(connection, wanted, 10, at))
            assert cost < 1000


def test_a_time_range_of_all_owners_costs_what_lies_in_it(connection: sqlite3.Connection, usage_records: None) -> None:
    chosen = UsageFilter("omni", None, NOW_US + OTHERS_RECORDS - 10, NOW_US + OTHERS_RECORDS)
    found = usage.summarize(connection, chosen, frozenset(), 10)
    assert found[0].call_count == 10
    assert steps(connection, lambda: usage.summarize(connection, chosen, frozenset(), 10)) < 1000


def test_no_step_of_the_removal_of_many_documents_is_long(tmp_path: Path) -> None:
    """First those that never had chunks, then some with chunks behind them."""
    connection = open_writer(DatabaseOptions(tmp_path, synchronous="normal"))
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO knowledge_documents (digest) VALUES (?)", [(None,)] * OTHERS_RECORDS)
    connection.execute("COMMIT")
    for number in range(3):
        (document_key,) = connection.execute(
            "INSERT INTO knowledge_documents (digest) VALUES (NULL) RETURNING document_key"
        ).fetchone()
        connection.execute("INSERT INTO knowledge_chunks VALUES (?, ?, 0, 5, x'')", (number, document_key))
        connection.execute("INSERT INTO knowledge_texts VALUES (?, 'apple', '', 0, 0)", (number,))
        connection.execute("INSERT INTO knowledge_words (rowid, text, heading) VALUES (?, 'apple', '')", (number,))
    going_on = True

    def purge() -> None:
        nonlocal going_on
        going_on = knowledge_retention.purge_step(connection, frozenset())

    while going_on:
        assert steps(connection, purge) < 20_000
    for table in ("documents", "chunks", "texts", "word_places"):
        assert connection.execute(f"SELECT count(*) FROM knowledge_{table}").fetchone() == (0,)  # noqa: S608
    connection.close()


def test_the_oldest_records_are_found_without_the_newer_ones(
    connection: sqlite3.Connection, usage_records: None
) -> None:
    assert steps(connection, lambda: usage.purge_step(connection, NOW_US)) < 200


def test_an_api_key_is_found_among_many_by_id_and_by_prefix(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    for number in range(5000):
        key = NewApiKey(f"key_{number}", "nexus", "me", f"qn_{number}", (), None, str(number).encode())
        identity_api_keys.create(connection, key, NOW_US, owner_is_user=False)
    connection.execute("COMMIT")
    for name in ("key_4000", "qn_4000", "unknown"):

        def revoke(name: str = name) -> None:
            with suppress(DomainError):
                identity_api_keys.revoke(connection, "nexus", name, NOW_US)

        assert steps(connection, revoke) < 300
    for secret in (b"4000", b"unknown"):
        found = steps(connection, lambda secret=secret: identity_api_keys.find_valid(connection, "nexus", secret, 1))
        assert found < 300


def test_a_database_of_an_earlier_schema_keeps_its_conversations(tmp_path: Path) -> None:
    path = tmp_path / "quintet.db"
    folder = Path(sessions.__file__).parent / "migrations"
    old = sqlite3.connect(path)
    for name in ("0001_sessions.sql", "0002_jobs.sql"):
        old.executescript((folder / name).read_text())
    old.executescript(
        "INSERT INTO sessions VALUES (1, 'old', 'omni', 'ann', 'kept', 5, 6, 1, 1, 1);"
        "INSERT INTO messages VALUES (1, 1, 'user', 'said before', 6);"
        "PRAGMA user_version = 2;"
    )
    old.close()
    connection = open_writer(DatabaseOptions(tmp_path))
    page = messages.list_page(connection, SCOPE, "old", MessageListing(10, 1 << 30), 7)
    assert (page.session.title, page.session.attributes) == ("kept", {})
    assert [(message.message_id, message.content) for message in page.messages] == [("old-1", "said before")]
    connection.execute("BEGIN")
    appended = messages.append(connection, SCOPE, "old", Append((NewMessage(Role.USER, "now", "new"),), "k"), 7)
    connection.execute("COMMIT")
    assert messages.get(connection, SCOPE, "new", 7).message == appended.messages[0]
    connection.close()
