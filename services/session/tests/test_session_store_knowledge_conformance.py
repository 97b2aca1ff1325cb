"""What every `Store` must do with knowledge."""

import asyncio
import random
from dataclasses import replace

import numpy as np
import pytest
from knowledge_pieces import MODEL, angle, near, piece, purge, put, texts
from refusals import refused
from store_fixtures import Stores

from quintet_errors import Reason
from quintet_session.knowledge_store import (
    ChunkRecord,
    Hit,
    KnowledgeStore,
    NewBuild,
    NewChunks,
    NewDocument,
    PageLimits,
    Query,
)
from quintet_session.store import Store

NASTY = [
    "'; DROP TABLE knowledge_states; --",
    '" OR 1=1 "',
    "\x00nul\x00",
    "日本語 \u202e",
    "a:b*^(NEAR)",
    '{"$":"%s"}',
]

VOCABULARY = ["apple", "pear", "plum", "red", "green", "tree", "garden", "苹果", "rocket", "engine", "water", "paper"]


@pytest.fixture
def knowledge(store: Store) -> KnowledgeStore:
    return store.knowledge


async def test_what_is_put_in_is_found_as_it_was(knowledge: KnowledgeStore) -> None:
    for name in NASTY:
        build_id = await knowledge.begin_build(NewBuild(name, name, {name: name}))
        await knowledge.attach_documents(build_id, [NewDocument(name, name, {name: name, "kind": "odd"})])
        chunk = ChunkRecord(f"needle {name}", name, 3, 9, angle(10).astype("<f2").tobytes())
        await knowledge.add_chunks(build_id, NewChunks(name, 0, (piece("straw", 90), chunk), complete=True))
        committed = await knowledge.commit_build(build_id)
        assert committed == await knowledge.get_collection(name)
        assert (committed.name, committed.embedding_model, committed.attributes) == (name, name, {name: name})
        assert (committed.document_count, committed.chunk_count) == (1, 2)
        for wanted in ({}, {name: name}, {name: name, "kind": "odd"}):
            query = replace(near("needle", 10), embedding_model=name, collections=(name,), attributes=wanted)
            hits = await knowledge.search(query)
            assert hits[0] == Hit(
                collection=name,
                source=name,
                attributes={name: name, "kind": "odd"},
                chunk=replace(chunk, vector=b""),
                chunk_index=1,
                chunk_count=2,
                score=1.0,
                similarity=pytest.approx(1, abs=1e-3),
                word_share=1.0,
            )
        assert await knowledge.search(replace(query, attributes={name: name + "x"})) == []
    names = [collection.name for collection in (await knowledge.list_collections(PageLimits(100, 1 << 20))).collections]
    assert names == sorted(NASTY, key=str.encode)


async def test_searches_see_the_old_state_until_the_commit(knowledge: KnowledgeStore) -> None:
    await put(knowledge, "c", {"a": [piece("old apple")], "b": [piece("kept apple")]})
    build_id = await put(knowledge, "c", {"a": [piece("new apple")], "b": [piece("kept apple")]}, commit=False)
    assert sorted(texts(await knowledge.search(Query("apple")))) == ["kept apple", "old apple"]
    await knowledge.commit_build(build_id)
    assert sorted(texts(await knowledge.search(Query("apple")))) == ["kept apple", "new apple"]


async def test_documents_that_are_known_need_no_chunks(knowledge: KnowledgeStore) -> None:
    await put(knowledge, "c", {"a": [piece("apple")]})
    build_id = await knowledge.begin_build(NewBuild("d", ""))
    digest = repr([piece("apple")])
    documents = [NewDocument("x", digest), NewDocument("y", "new"), NewDocument("z", "new")]
    assert await knowledge.attach_documents(build_id, documents) == ["new"]
    assert await knowledge.attach_documents(build_id, documents) == ["new"]
    await knowledge.add_chunks(build_id, NewChunks("new", 0, (), complete=True))
    assert await knowledge.attach_documents(build_id, documents) == []
    committed = await knowledge.commit_build(build_id)
    assert (committed.document_count, committed.chunk_count) == (3, 1)
    hits = await knowledge.search(Query("apple"))
    assert [(hit.collection, hit.source, hit.score) for hit in hits] == [("c", "a", 1.0), ("d", "x", 1.0)]


async def test_chunks_may_come_twice_and_in_any_order_but_not_with_gaps(knowledge: KnowledgeStore) -> None:
    build_id = await knowledge.begin_build(NewBuild("c", ""))
    await knowledge.attach_documents(build_id, [NewDocument("a", "d")])
    chunks = [piece(f"word{number} apple") for number in range(150)]
    late = NewChunks("d", 100, tuple(chunks[100:]), complete=True)
    error = await refused(knowledge.add_chunks(build_id, late))
    assert (error.reason, error.metadata["field"]) == (Reason.INVALID_ARGUMENT, "complete")
    assert (await refused(knowledge.commit_build(build_id))).reason is Reason.INVALID_ARGUMENT
    for part in (
        NewChunks("d", 50, tuple(chunks[50:120]), complete=False),
        NewChunks("d", 0, tuple(chunks[:60]), False),
    ):
        await knowledge.add_chunks(build_id, part)
        await knowledge.add_chunks(build_id, part)
    await knowledge.add_chunks(build_id, late)
    await knowledge.add_chunks(build_id, late)
    assert (await knowledge.commit_build(build_id)).chunk_count == 150
    for number in (0, 55, 119, 149):
        (hit,) = await knowledge.search(Query(f"word{number}"))
        assert (hit.chunk, hit.chunk_index, hit.chunk_count) == (chunks[number], number, 150)


async def test_a_build_with_other_documents_or_vectors_than_it_should_have_is_refused(
    knowledge: KnowledgeStore,
) -> None:
    build_id = await knowledge.begin_build(NewBuild("c", MODEL))
    await knowledge.attach_documents(build_id, [NewDocument("a", "d"), NewDocument("b", "e")])
    long = ChunkRecord("x", vector=np.array([1, 0, 0], "<f2").tobytes())
    for digest, chunks in (("other", [piece("x", 1)]), ("d", [piece("x")]), ("d", [piece("x", 1), long])):
        error = await refused(knowledge.add_chunks(build_id, NewChunks(digest, 0, tuple(chunks), complete=True)))
        assert error.reason is Reason.INVALID_ARGUMENT
    await knowledge.add_chunks(build_id, NewChunks("d", 0, (piece("x", 1),), complete=True))
    error = await refused(knowledge.add_chunks(build_id, NewChunks("e", 0, (long,), complete=True)))
    assert (error.reason, error.metadata["field"]) == (Reason.INVALID_ARGUMENT, "chunks.vector")
    other = await knowledge.begin_build(NewBuild("other", ""))
    error = await refused(knowledge.attach_documents(other, [NewDocument("a", "d")]))
    assert (error.reason, error.metadata["field"]) == (Reason.INVALID_ARGUMENT, "documents.digest")


async def test_an_unreadable_document_leaves_the_build_and_stays_unknown(knowledge: KnowledgeStore) -> None:
    build_id = await put(knowledge, "c", {"good": [piece("apple")]}, commit=False)
    broken = [NewDocument(source, "broken") for source in ("bad", "copy of bad")]
    assert await knowledge.attach_documents(build_id, broken) == ["broken"]
    for _ in range(2):
        await knowledge.add_chunks(build_id, NewChunks("broken", 0, (), complete=True, unreadable=True))
    assert (await knowledge.commit_build(build_id)).document_count == 1
    assert [one.source for one in (await knowledge.list_documents("c", PageLimits(10, 1 << 20))).documents] == ["good"]
    again = await knowledge.begin_build(NewBuild("c", ""))
    assert await knowledge.attach_documents(again, broken) == ["broken"]


async def test_the_later_one_of_two_builds_takes_over(knowledge: KnowledgeStore) -> None:
    first = await put(knowledge, "c", {"a": [piece("first")]}, commit=False)
    second = await put(knowledge, "c", {"a": [piece("second")]}, commit=False)
    other = await put(knowledge, "other", {"a": [piece("third")]}, commit=False)
    for call in (
        knowledge.attach_documents(first, [NewDocument("b", "d")]),
        knowledge.add_chunks(first, NewChunks(repr([piece("first")]), 0, (), complete=True)),
        knowledge.commit_build(first),
        knowledge.commit_build("unknown"),
    ):
        assert (await refused(call)).reason is Reason.BUILD_LOST
    await knowledge.abort_build(first)
    assert await knowledge.commit_build(second) == await knowledge.commit_build(second)
    await knowledge.commit_build(other)
    await put(knowledge, "c", {})
    assert (await refused(knowledge.commit_build(second))).reason is Reason.BUILD_LOST


async def test_builds_that_are_given_up_leave_no_trace(stores: Stores) -> None:
    store = await stores.open()
    knowledge = store.knowledge
    await put(knowledge, "kept", {"a": [piece("apple")]})
    for way in ("abort", "idle", "restart"):
        digest = repr([piece("pear")])
        build_id = await put(knowledge, "c", {"a": [piece("apple")], "b": [piece("pear")]}, commit=False)
        await purge(store)
        assert await knowledge.attach_documents(build_id, [NewDocument("b", digest)]) == []
        if way == "abort":
            await knowledge.abort_build(build_id)
            await knowledge.abort_build(build_id)
        elif way == "idle":
            stores.clock.jump(3599)
            await knowledge.attach_documents(build_id, [NewDocument("b", digest)])
            stores.clock.jump(3599)
            await purge(store)
            await knowledge.attach_documents(build_id, [NewDocument("b", digest)])
            stores.clock.jump(3601)
        else:
            store = await stores.open()
            knowledge = store.knowledge
        await purge(store)
        assert (await refused(knowledge.commit_build(build_id))).reason is Reason.BUILD_LOST
        assert (await refused(knowledge.get_collection("c"))).reason is Reason.COLLECTION_NOT_FOUND
        again = await knowledge.begin_build(NewBuild("c", ""))
        known = NewDocument("a", repr([piece("apple")]))
        assert await knowledge.attach_documents(again, [NewDocument("b", digest), known]) == [digest]
        await knowledge.abort_build(again)
        assert texts(await knowledge.search(Query("apple pear"))) == ["apple"]


async def test_a_deleted_collection_is_gone_and_others_stay(store: Store) -> None:
    knowledge = store.knowledge
    await put(knowledge, "c", {"a": [piece("apple")], "b": [piece("pear")]})
    await put(knowledge, "d", {"a": [piece("apple")]})
    build_id = await put(knowledge, "c", {"b": [piece("plum")]}, commit=False)
    await knowledge.delete_collection("c")
    await purge(store)
    assert (await refused(knowledge.commit_build(build_id))).reason is Reason.BUILD_LOST
    assert [hit.collection for hit in await knowledge.search(Query("apple pear plum"))] == ["d"]
    for call in (
        knowledge.delete_collection("c"),
        knowledge.get_collection("c"),
        knowledge.list_documents("c", PageLimits(10, 1 << 20)),
        knowledge.search(Query("apple", collections=("d", "c"))),
    ):
        error = await refused(call)
        assert (error.reason, error.metadata) == (Reason.COLLECTION_NOT_FOUND, {"collection": "c"})


async def test_a_store_without_knowledge_finds_nothing(knowledge: KnowledgeStore) -> None:
    assert await knowledge.search(near("anything", 0)) == []
    await put(knowledge, "empty", {})
    assert await knowledge.search(near("anything", 0, collections=("empty",))) == []
    assert (await knowledge.list_documents("empty", PageLimits(10, 1 << 20))).documents == ()


async def test_listings_come_in_pages(knowledge: KnowledgeStore) -> None:
    sources = sorted([f"{number:02}.txt" for number in range(23)] + ["é", "Z", "日"], key=str.encode)
    await put(knowledge, "c", {source: [piece(source)] * 2 for source in sources}, attributes={"é": {"k": "v"}})
    for name in ("a", "b", "d"):
        await put(knowledge, name, {})
    documents = []
    after = None
    while True:
        page = await knowledge.list_documents("c", PageLimits(5, 1 << 20, after))
        assert len(page.documents) <= 5
        documents.extend(page.documents)
        after = page.next_source
        if after is None:
            break
    assert [document.source for document in documents] == sources
    assert {document.chunk_count for document in documents} == {2}
    assert [document.attributes for document in documents if document.attributes] == [{"k": "v"}]
    assert len((await knowledge.list_documents("c", PageLimits(100, 300))).documents) < 10
    first = await knowledge.list_collections(PageLimits(3, 1 << 20))
    assert ([collection.name for collection in first.collections], first.next_name) == (["a", "b", "c"], "c")
    last = await knowledge.list_collections(PageLimits(3, 1 << 20, "c"))
    assert ([collection.name for collection in last.collections], last.next_name) == (["d"], None)


def some_chunks(dice: random.Random) -> list[ChunkRecord]:
    return [
        piece(" ".join(dice.choices(VOCABULARY, k=dice.randint(1, 12))), dice.randint(0, 359), dice.choice(VOCABULARY))
        for _ in range(dice.randint(0, 4))
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_indexing_again_gives_what_a_fresh_index_gives(stores: Stores, store: Store, seed: int) -> None:
    dice = random.Random(seed)
    files: dict[str, dict[str, list[ChunkRecord]]] = {"one": {}, "two": {}, "grown again": {}}
    for _ in range(12):
        name = dice.choice(["one", "two"])
        for _ in range(dice.randint(1, 5)):
            source = f"{dice.randint(0, 9)}.txt"
            if dice.random() < 0.3:
                files[name].pop(source, None)
            else:
                files[name][source] = some_chunks(dice)
        await put(store.knowledge, name, files[name], commit=dice.random() < 0.8)
        if dice.random() < 0.3:
            await purge(store)
    for name in ("two", "one"):
        await put(store.knowledge, name, files[name])
    await put(store.knowledge, "fresh one", files["one"])
    queries = [
        near(" ".join(dice.choices(VOCABULARY, k=3)), dice.randint(0, 359), top_k=dice.randint(1, 60))
        for _ in range(20)
    ]
    found = [await store.knowledge.search(replace(query, collections=("one", "two"))) for query in queries]
    await store.knowledge.delete_collection("one")
    await store.knowledge.delete_collection("two")
    await purge(store)
    for name in ("one", "two"):
        await put(store.knowledge, name, files[name])
    assert sum(map(len, found)) > 50
    assert found == [await store.knowledge.search(replace(query, collections=("one", "two"))) for query in queries]
    reopened = await stores.open()
    assert found == [await reopened.knowledge.search(replace(query, collections=("one", "two"))) for query in queries]


async def test_searches_beside_commits_see_one_state_each(store: Store) -> None:
    knowledge = store.knowledge
    await put(knowledge, "c", {str(number): [piece("apple 0", 1)] + [piece("x", 5)] * number for number in range(9)})
    done = asyncio.Event()

    async def search() -> int:
        searches = 0
        while not done.is_set():
            hits = await knowledge.search(near("apple", 1, top_k=30))
            states = {hit.chunk.text for hit in hits if hit.word_share}
            assert len(states) == 1
            assert len([hit for hit in hits if hit.word_share]) == 9
            searches += 1
        return searches

    searching = [asyncio.create_task(search()) for _ in range(3)]
    for round_number in range(1, 15):
        chunks = {str(number): [piece(f"apple {round_number}", 1)] + [piece("x", 5)] * number for number in range(9)}
        await put(knowledge, "c", chunks)
        await purge(store)
    done.set()
    assert min(await asyncio.gather(*searching)) > 5
