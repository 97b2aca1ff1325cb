"""What the SQLite store keeps of vectors in memory, and that it never takes more than it may."""

import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from knowledge_pieces import near, piece, put

from quintet_errors import DomainError, Reason
from quintet_session.stores.sqlite import DatabaseOptions, knowledge_states
from quintet_session.stores.sqlite.connection import open_writer
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.knowledge import SqliteKnowledge
from quintet_session.stores.sqlite.knowledge_states import LoadedState, StateCache, StatePlan

ResultT = TypeVar("ResultT")

CHUNKS = 50
# Of one collection here: vectors of two numbers, and what is known of a chunk besides.
COLLECTION_BYTES = StatePlan(0, "", "", 2, CHUNKS).size_bytes


class CountingDatabase(SqliteDatabase):
    """Counts what is read, and fails to read if it is told to."""

    def __init__(self, options: DatabaseOptions) -> None:
        super().__init__(options)
        self.reads = 0
        self.readable = True

    async def read(self, operation: Callable[[sqlite3.Connection], ResultT], *, heavy: bool = False) -> ResultT:
        self.reads += 1
        if not self.readable:
            raise DomainError(Reason.STORAGE_FAILED, "The disk is gone.")
        return await super().read(operation, heavy=heavy)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[CountingDatabase]:
    opened = CountingDatabase(DatabaseOptions(tmp_path))
    await opened.open()
    yield opened
    await opened.close()


async def with_collections(database: CountingDatabase, max_cache_bytes: int) -> SqliteKnowledge:
    knowledge = SqliteKnowledge(database, max_cache_bytes=max_cache_bytes)
    for name in "abc":
        await put(knowledge, name, {name: [piece(f"apple {name} {number}", number) for number in range(CHUNKS)]})
    return knowledge


async def searched(database: CountingDatabase, knowledge: SqliteKnowledge, *collections: str) -> int:
    """Searches, and returns how many collections had to be loaded."""
    before = database.reads
    hits = await knowledge.search(near("apple", 7, collections=collections))
    assert hits[0].similarity == pytest.approx(1, abs=1e-3)
    # The one read of the search itself, and another one if the first found that something is missing.
    return max(database.reads - before - 2, 0)


async def test_what_was_searched_last_is_held(database: CountingDatabase) -> None:
    knowledge = await with_collections(database, COLLECTION_BYTES)
    for collection in "abca":
        assert await searched(database, knowledge, collection) == 1
        assert await searched(database, knowledge, collection) == 0


async def test_what_was_searched_longest_ago_makes_room(database: CountingDatabase) -> None:
    knowledge = await with_collections(database, 2 * COLLECTION_BYTES)
    for collection in "abac":
        await searched(database, knowledge, collection)
    assert await searched(database, knowledge, "a", "c") == 0
    assert await searched(database, knowledge, "b") == 1
    assert await searched(database, knowledge, "c", "b") == 0


async def test_a_search_holds_what_fits_and_reads_the_rest(database: CountingDatabase) -> None:
    knowledge = await with_collections(database, 2 * COLLECTION_BYTES)
    await searched(database, knowledge, "c")
    # There is room for two: the one that is held, and the first of the others.
    assert [await searched(database, knowledge) for _ in range(3)] == [2, 1, 1]
    assert await searched(database, knowledge, "a", "c") == 0


async def test_a_change_that_is_stored_succeeds_though_nothing_can_be_read(database: CountingDatabase) -> None:
    knowledge = await with_collections(database, 9 * COLLECTION_BYTES)
    await searched(database, knowledge)
    build_id = await put(knowledge, "a", {"x": [piece("pear", 7)]}, commit=False)
    database.readable = False
    assert (await knowledge.commit_build(build_id)).chunk_count == 1
    await knowledge.delete_collection("b")
    database.readable = True
    hits = await knowledge.search(near("pear", 7, top_k=100))
    assert {hit.collection for hit in hits} == {"a", "c"}
    assert len(hits) == CHUNKS + 1


def loaded(plan: StatePlan) -> LoadedState:
    keys = np.arange(plan.chunk_count)
    vectors = np.zeros((plan.chunk_count, plan.vector_length), np.float32)
    return LoadedState(plan, (1,), keys, keys, keys.astype(np.float32), vectors, keys, keys)


@pytest.mark.parametrize(("replaced", "held"), [("c", False), ("other", True)])
async def test_a_state_that_was_replaced_while_it_was_read_is_not_held(replaced: str, held: bool) -> None:
    cache = StateCache(1 << 20)
    plan = StatePlan(5, "c", "m", 2, CHUNKS)

    async def read(plan: StatePlan, hold_vectors: bool) -> LoadedState:
        cache.forget(replaced)
        return loaded(plan)

    found = await cache.get(plan, {}, read)
    assert found is not None
    assert found.plan == plan
    assert (5 in cache.held()) is held


def test_vectors_of_large_documents_are_read_in_pieces(tmp_path: Path) -> None:
    """Each of the documents has more chunks than one piece."""
    documents, chunks, length = 3, 3000, 256
    connection = open_writer(DatabaseOptions(tmp_path, synchronous="normal"))
    numbers = np.random.default_rng(1).standard_normal((documents * chunks, length)).astype("<f2")
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO knowledge_states (state_key, build_id, collection, embedding_model, attributes, phase, update_us)"
        " VALUES (1, 'b', 'c', 'm', '{}', 'current', 0)"
    )
    for document in range(documents):
        connection.execute("INSERT INTO knowledge_references VALUES (1, ?, ?, '{}')", (str(document), document))
        connection.executemany(
            "INSERT INTO knowledge_chunks (document_key, position, text_length, vector) VALUES (?, ?, 1, ?)",
            [(document, place, numbers[document * chunks + place].tobytes()) for place in range(chunks)],
        )
    connection.execute("COMMIT")
    plan = StatePlan(1, "c", "m", length, documents * chunks)
    state = knowledge_states.load(connection, plan, hold_vectors=False)
    assert state is not None
    asked = numbers[4321].astype(np.float32)
    tracemalloc.start()
    similarities = state.similarities(connection, asked)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    connection.close()
    assert similarities == pytest.approx(numbers.astype(np.float32) @ asked, abs=1e-2)
    # All of the vectors are 9 MB; a piece is one of them, once as it is stored and once as it is computed with.
    assert peak_bytes < 4_000_000
