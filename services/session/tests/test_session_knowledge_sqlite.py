"""What the SQLite store does with knowledge when memory or disk are small."""

import asyncio
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from quintet_errors import DomainError, Reason
from quintet_session.knowledge_store import ChunkRecord, KnowledgeStore, NewBuild, NewChunks, NewDocument, Query
from quintet_session.store import Append, NewMessage, Role, Scope
from quintet_session.stores.sqlite import DatabaseOptions, SqliteStore

DIMENSIONS = 64
TABLES = ("states", "documents", "references", "chunks", "texts", "word_places")


def vectors(count: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, DIMENSIONS))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


async def put(knowledge: KnowledgeStore, collection: str, seed: int, documents: int = 20, words: int = 3) -> None:
    build_id = await knowledge.begin_build(NewBuild(collection, "m"))
    for number in range(documents):
        digest = f"{seed} {number}"
        await knowledge.attach_documents(build_id, [NewDocument(f"{number:04}", digest)])
        chunks = tuple(
            ChunkRecord(f"seed{seed} " * words + f"number{number}", vector=vector.astype("<f2").tobytes())
            for vector in vectors(10, 1000 * seed + number)
        )
        await knowledge.add_chunks(build_id, NewChunks(digest, 0, chunks, complete=True))
    await knowledge.commit_build(build_id)


def query(seed: int, *collections: str) -> Query:
    return Query("number7", vectors(1, seed).astype("<f4").tobytes(), "m", collections, top_k=20)


async def test_vectors_that_do_not_fit_into_memory_are_found_too(tmp_path: Path) -> None:
    found = []
    for limit in (64 << 20, 150_000, 70_000, 0):
        store = SqliteStore(DatabaseOptions(tmp_path), max_vector_cache_bytes=limit)
        await store.open()
        if not found:
            for seed in range(3):
                await put(store.knowledge, f"c{seed}", seed)
        searches = [store.knowledge.search(query(seed, *names)) for seed in (7, 8) for names in ((), ("c0",), ("c2",))]
        found.append(await asyncio.gather(*searches))
        await store.close()
    assert found[0] == found[1] == found[2] == found[3]
    assert len(found[0][0]) == 20


async def test_what_was_replaced_leaves_no_row_behind(tmp_path: Path) -> None:
    store = SqliteStore(DatabaseOptions(tmp_path))
    await store.open()
    for seed in (1, 2):
        await put(store.knowledge, "c", seed)
    while await store.purge_step(0):
        pass
    kept = rows(tmp_path)
    assert kept["documents"] == 20
    assert kept["chunks"] == kept["texts"] == 200
    await put(store.knowledge, "c", 1)
    while await store.purge_step(0):
        pass
    assert rows(tmp_path) == kept
    await store.knowledge.delete_collection("c")
    while await store.purge_step(0):
        pass
    assert set(rows(tmp_path).values()) == {0}
    await store.close()


def rows(folder: Path) -> dict[str, int]:
    connection = sqlite3.connect(folder / "quintet.db")
    found = {
        table: connection.execute(f"SELECT count(*) FROM knowledge_{table}").fetchone()[0]  # noqa: S608
        for table in TABLES
    }
    connection.close()
    return found


async def test_a_store_that_gets_full_keeps_the_old_state_and_works_again(tmp_path: Path) -> None:
    store = SqliteStore(DatabaseOptions(tmp_path, max_bytes=3 << 20))
    await store.open()
    await put(store.knowledge, "c", 1)
    before = await store.knowledge.search(query(5))
    with pytest.raises(DomainError) as caught:
        await put(store.knowledge, "c", 2, documents=200, words=1000)
    assert caught.value.reason is Reason.STORAGE_FULL
    assert await store.knowledge.search(query(5)) == before
    assert (await store.knowledge.get_collection("c")).chunk_count == 200
    await store.knowledge.begin_build(NewBuild("c", "m"))
    while await store.purge_step(0):
        pass
    assert await store.knowledge.search(query(5)) == before
    await put(store.knowledge, "c", 3)
    assert (await store.knowledge.search(query(5)))[0].chunk.text.startswith("seed3")
    await store.close()
    connection = sqlite3.connect(tmp_path / "quintet.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_messages_do_not_wait_for_documents(tmp_path: Path) -> None:
    store = SqliteStore(DatabaseOptions(tmp_path, synchronous="normal"))
    await store.open()
    scope = Scope("nexus", "anonymous")
    session_id = (await store.create_session(scope, "")).session.session_id
    build_id = await store.knowledge.begin_build(NewBuild("c", ""))
    await store.knowledge.attach_documents(build_id, [NewDocument("a", "a")])
    chunks = tuple(ChunkRecord(f"word{number} " * 1000) for number in range(500))
    adding = asyncio.create_task(store.knowledge.add_chunks(build_id, NewChunks("a", 0, chunks, complete=True)))
    stored = 0
    while not adding.done():
        await store.append_messages(scope, session_id, Append((NewMessage(Role.USER, "x"),), str(stored)))
        stored += 1
    await adding
    # One transaction for the four megabytes would let one or two messages through.
    assert stored > 10
    await store.close()
