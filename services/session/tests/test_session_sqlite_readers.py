"""Reads that take long do not hold up those that do not, nor the other way round."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from knowledge_pieces import piece, put, texts

from quintet_session.knowledge_store import Query
from quintet_session.store import Scope
from quintet_session.stores.sqlite import DatabaseOptions, sessions
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.knowledge import SqliteKnowledge
from quintet_session.stores.sqlite.usage import SqliteUsage
from quintet_session.usage_store import UsageFilter

THREADS = 2


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(DatabaseOptions(tmp_path), reader_threads=THREADS, heavy_reader_threads=THREADS)
    await opened.open()
    yield opened
    await opened.close()


@asynccontextmanager
async def busy(database: SqliteDatabase, *, heavy: bool) -> AsyncIterator[None]:
    """Gives all threads of one kind something that ends only with the context."""
    ended = threading.Event()
    waiting = [
        asyncio.create_task(database.read(lambda _connection: ended.wait(60), heavy=heavy)) for _ in range(THREADS)
    ]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            yield
    finally:
        ended.set()
        await asyncio.gather(*waiting)


async def test_messages_are_read_beside_long_searches(database: SqliteDatabase) -> None:
    async with busy(database, heavy=True):
        assert await database.read(lambda connection: sessions.count(connection, "nexus", 0)) == 0


async def test_searches_and_sums_have_threads_of_their_own(database: SqliteDatabase) -> None:
    knowledge = SqliteKnowledge(database)
    await put(knowledge, "c", {"a": [piece("apple", 1)]})
    async with busy(database, heavy=False):
        assert texts(await knowledge.search(Query("apple"))) == ["apple"]
        scope = Scope("nexus", "anonymous")
        chosen = UsageFilter(scope.surface, scope.owner)
        (total,) = await SqliteUsage(database).summarize_usage(chosen, frozenset(), 10)
        assert total.call_count == 0
