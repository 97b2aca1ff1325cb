"""The outbox in SQLite: its transactions, and what long lines cost, in the steps of SQLite's own machine."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from refusals import reason_of
from webhook_pieces import CREATED, SCOPE, URL

from quintet_errors import DomainError, Reason
from quintet_session.store import Scope
from quintet_session.stores.sqlite import (
    DatabaseOptions,
    SqliteStore,
    webhook_claims,
    webhook_clock,
    webhook_deliveries,
    webhook_outbox,
    webhook_retention,
    webhook_targets,
)
from quintet_session.stores.sqlite.connection import open_writer
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.webhook_clock import Times
from quintet_session.webhook_store import (
    AttemptOutcome,
    Claim,
    DeliveryFilter,
    DeliveryState,
    EventRecord,
    NewWebhook,
)

NOW_US = 1_700_000_000_000_000
BLOCKED = 20_000
_RESOLUTION = 10
EVENT = EventRecord(CREATED, "{}")
ONE = Claim(1, 1 << 20, 30.0)


def rows(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names of this module
    return int(count)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_writer(DatabaseOptions(tmp_path, synchronous="normal"))
    webhook_clock.begin(opened, Times(NOW_US, 0))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def long_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """One session with thousands of deliveries behind one that has failed, and another one with a few."""
    opened = open_writer(DatabaseOptions(tmp_path_factory.mktemp("line"), synchronous="normal"))
    opened.execute("BEGIN")
    register(opened)
    for _ in range(BLOCKED):
        webhook_outbox.add(opened, SCOPE, "blocked", EVENT, NOW_US)
    (first,) = webhook_claims.claim(opened, ONE, NOW_US).deliveries
    webhook_claims.complete(opened, first.lease, AttemptOutcome(delivered=False), NOW_US)
    for _ in range(100):
        webhook_outbox.add(opened, SCOPE, "free", EVENT, NOW_US)
    opened.execute("COMMIT")
    yield opened
    opened.close()


def register(connection: sqlite3.Connection, scope: Scope = SCOPE, url: str = URL) -> str:
    webhook = NewWebhook(scope, url, (CREATED,), b"sealed")
    return webhook_targets.register(connection, webhook, 100, NOW_US).webhook_id


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


def test_a_transaction_that_is_rolled_back_leaves_no_delivery(connection: sqlite3.Connection) -> None:
    register(connection)
    connection.execute("BEGIN")
    webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
    assert (rows(connection, "webhook_events"), rows(connection, "webhook_deliveries")) == (1, 1)
    connection.execute("ROLLBACK")
    assert (rows(connection, "webhook_events"), rows(connection, "webhook_deliveries")) == (0, 0)


async def test_an_operation_that_fails_after_its_event_leaves_no_delivery(tmp_path: Path) -> None:
    database = SqliteDatabase(DatabaseOptions(tmp_path))
    await database.open()
    await database.write(register)

    def fail(connection: sqlite3.Connection) -> None:
        webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
        raise DomainError(Reason.INVALID_ARGUMENT, "No.")

    assert await reason_of(database.write(fail)) is Reason.INVALID_ARGUMENT
    assert await database.read(lambda connection: rows(connection, "webhook_deliveries")) == 0
    assert await database.read(lambda connection: rows(connection, "webhook_events")) == 0
    await database.close()


def test_an_event_that_nobody_asks_for_is_not_stored(connection: sqlite3.Connection) -> None:
    register(connection, Scope("omni", "other"))
    webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
    register(connection)
    webhook_outbox.add(connection, SCOPE, "s", EventRecord("other", "{}"), NOW_US)
    assert rows(connection, "webhook_events") == 0


def test_an_event_is_kept_once_and_as_long_as_one_webhook_needs_it(connection: sqlite3.Connection) -> None:
    register(connection, url=f"{URL}/1")
    register(connection, url=f"{URL}/2")
    webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
    assert (rows(connection, "webhook_events"), rows(connection, "webhook_deliveries")) == (1, 2)
    for left in (1, 0):
        (claimed,) = webhook_claims.claim(connection, ONE, NOW_US).deliveries
        webhook_claims.complete(connection, claimed.lease, AttemptOutcome(delivered=True), NOW_US)
        assert webhook_retention.purge_step(connection, NOW_US + 1, NOW_US + 1)
        assert (rows(connection, "webhook_events"), rows(connection, "webhook_deliveries")) == (left, left)


def test_a_deleted_webhook_is_out_of_use_before_its_deliveries_are_removed(connection: sqlite3.Connection) -> None:
    webhook_id = register(connection)
    webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
    webhook_targets.mark_deleted(connection, SCOPE, webhook_id)
    assert connection.execute("SELECT secret FROM webhooks").fetchall() == [(None,)]
    webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
    assert rows(connection, "webhook_deliveries") == 1
    claimed = webhook_claims.claim(connection, ONE, NOW_US)
    assert (claimed.deliveries, claimed.next_due_s) == ((), None)
    assert not webhook_deliveries.list_page(connection, DeliveryFilter(), 10, 1 << 20, None).deliveries
    while webhook_retention.purge_step(connection, 0, 0):
        pass
    tables = ("webhooks", "webhook_event_types", "webhook_events", "webhook_deliveries")
    assert [rows(connection, table) for table in tables] == [0, 0, 0, 0]


@pytest.mark.parametrize("table", ["webhooks", "webhook_event_types", "webhook_events", "webhook_deliveries"])
async def test_a_damaged_table_is_found_at_the_start(tmp_path: Path, table: str) -> None:
    options = DatabaseOptions(tmp_path)
    connection = open_writer(options)
    register(connection)
    webhook_outbox.add(connection, SCOPE, "s", EVENT, NOW_US)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with options.path.open("r+b") as file:
        file.seek((page - 1) * page_bytes)
        file.write(b"\xff" * page_bytes)
    store = SqliteStore(options)
    assert await reason_of(store.open()) is Reason.STORAGE_FAILED
    await store.close()


def test_a_long_line_costs_claims_and_ends_nothing(long_line: sqlite3.Connection) -> None:
    def turn() -> None:
        (claimed,) = webhook_claims.claim(long_line, ONE, NOW_US).deliveries
        assert claimed.delivery.session_id == "free"
        webhook_claims.complete(long_line, claimed.lease, AttemptOutcome(delivered=True), NOW_US)

    assert steps(long_line, turn) < 1500
    assert steps(long_line, lambda: webhook_outbox.add(long_line, SCOPE, "blocked", EVENT, NOW_US)) < 500
    # Proof that the count would see it: walking over the line takes a step for each at least.
    assert steps(long_line, lambda: rows(long_line, "webhook_deliveries WHERE +session_id = 'blocked'")) > BLOCKED


@pytest.mark.parametrize(
    "chosen",
    [
        DeliveryFilter(),
        DeliveryFilter("omni"),
        DeliveryFilter("omni", SCOPE.owner),
        DeliveryFilter(state=DeliveryState.PENDING),
        DeliveryFilter("omni", SCOPE.owner, DeliveryState.PENDING),
        DeliveryFilter(state=DeliveryState.DEAD),
    ],
)
def test_a_page_of_deliveries_is_read_from_an_index(long_line: sqlite3.Connection, chosen: DeliveryFilter) -> None:
    def page() -> object:
        return webhook_deliveries.list_page(long_line, chosen, 20, 1 << 20, None)

    assert steps(long_line, page) < 5000
