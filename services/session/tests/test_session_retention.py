"""Sessions whose end has come leave nothing behind, and leave a little at a time."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quintet_session.retention import Retention
from quintet_session.store import Append, MessageListing, NewMessage, Role, Scope, SessionBounds
from quintet_session.stores.sqlite import DatabaseOptions, SqliteStore

SCOPE = Scope("quillium", "ann")
IDLE = SessionBounds(idle_us=60_000_000)
TABLES = ("sessions", "messages", "message_ids", "appends")


@dataclass
class Clock:
    """A wall clock that stands still."""

    now_us: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(DatabaseOptions(tmp_path), now_us=clock)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def reader(store: SqliteStore, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "quintet.db")
    yield connection
    connection.close()


def rows(reader: sqlite3.Connection) -> dict[str, int]:
    return {table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}  # noqa: S608


async def filled(store: SqliteStore, name: str, messages: int, bounds: SessionBounds | None = None) -> str:
    session_id = (await store.create_session(SCOPE, name, bounds=bounds)).session.session_id
    for first in range(0, messages, 100):
        texts = tuple(NewMessage(Role.USER, "x", f"{name}-{first + number}") for number in range(100))
        await store.append_messages(SCOPE, session_id, Append(texts, str(first)))
    return session_id


async def test_retention_removes_what_belongs_to_ended_sessions_and_nothing_else(
    store: SqliteStore, clock: Clock, reader: sqlite3.Connection
) -> None:
    retention = Retention(
        store, keep_s=3600, keep_usage_s=3600, keep_delivered_s=3600, keep_dead_s=3600, interval_s=3600
    )
    lasting = await filled(store, "lasting", 200)
    younger = await filled(store, "younger", 100, SessionBounds(idle_us=61_000_000))
    before = rows(reader)
    for number in range(3):
        await filled(store, f"ended{number}", 200, IDLE)
    clock.now_us += 59_999_999
    await retention.purge()
    assert rows(reader)["sessions"] == 5
    clock.now_us += 1
    await retention.purge()
    assert rows(reader) == before
    for session_id, count in ((lasting, 200), (younger, 100)):
        page = await store.list_messages(SCOPE, session_id, MessageListing(1000, 1 << 30))
        assert len(page.messages) == count
    clock.now_us += 1_000_000
    await retention.purge()
    assert rows(reader) == {"sessions": 1, "messages": 200, "message_ids": 200, "appends": 2}


async def test_no_step_removes_much(store: SqliteStore, clock: Clock, reader: sqlite3.Connection) -> None:
    session_id = await filled(store, "long", 400, IDLE)
    for number in range(600):
        await store.append_messages(SCOPE, session_id, Append((NewMessage(Role.USER, ""),), f"key{number}"))
    clock.now_us += 60_000_000
    before = rows(reader)
    while await store.purge_step(0):
        after = rows(reader)
        assert before["messages"] - after["messages"] <= 64
        assert before["message_ids"] - after["message_ids"] <= 64
        assert before["appends"] - after["appends"] <= 500
        assert after != before or after["sessions"] == 0
        before = after
    assert before == dict.fromkeys(TABLES, 0)
