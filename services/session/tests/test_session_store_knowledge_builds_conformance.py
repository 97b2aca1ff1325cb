"""What every `Store` must do with builds that share documents, and with collections that lie beside large ones."""

import numpy as np
import pytest
from knowledge_pieces import MODEL, near, piece, purge, put, texts
from refusals import refused

from quintet_errors import Reason
from quintet_session.knowledge_store import ChunkRecord, KnowledgeStore, NewBuild, NewChunks, NewDocument, Query
from quintet_session.store import Store

SHARED = NewChunks("shared", 0, (piece("apple", 10),), complete=True)
UNREADABLE = NewChunks("shared", 0, (), complete=True, unreadable=True)


@pytest.fixture
def knowledge(store: Store) -> KnowledgeStore:
    return store.knowledge


async def begin_with_shared(knowledge: KnowledgeStore, collection: str) -> str:
    build_id = await knowledge.begin_build(NewBuild(collection, MODEL))
    assert await knowledge.attach_documents(build_id, [NewDocument("a", "shared")]) == ["shared"]
    return build_id


@pytest.mark.parametrize("addition", [SHARED, UNREADABLE, None], ids=["again", "unreadable", "nothing"])
async def test_a_document_that_another_build_completed_keeps_its_vectors(
    knowledge: KnowledgeStore, addition: NewChunks | None
) -> None:
    first = await begin_with_shared(knowledge, "first")
    second = await begin_with_shared(knowledge, "second")
    await knowledge.add_chunks(first, SHARED)
    if addition is not None:
        await knowledge.add_chunks(second, addition)
    for build_id in (first, second):
        assert (await knowledge.commit_build(build_id)).chunk_count == 1
    for collection in ("first", "second"):
        (hit,) = await knowledge.search(near("other words", 10, collections=(collection,)))
        assert hit.similarity == pytest.approx(1, abs=1e-3)


async def test_another_build_brings_no_vectors_of_another_length(knowledge: KnowledgeStore) -> None:
    first = await begin_with_shared(knowledge, "first")
    second = await begin_with_shared(knowledge, "second")
    long = ChunkRecord("pear", vector=np.array([1, 0, 0], "<f2").tobytes())
    await knowledge.attach_documents(second, [NewDocument("b", "long")])
    await knowledge.add_chunks(second, NewChunks("long", 0, (long,), complete=True))
    await knowledge.add_chunks(first, SHARED)
    for addition in (SHARED, UNREADABLE):
        error = await refused(knowledge.add_chunks(second, addition))
        assert (error.reason, error.metadata["field"]) == (Reason.INVALID_ARGUMENT, "digest")
    error = await refused(knowledge.commit_build(second))
    assert (error.reason, error.metadata["field"]) == (Reason.INVALID_ARGUMENT, "build_id")
    await knowledge.commit_build(first)


async def test_an_unreadable_document_takes_the_chunks_that_it_has_with_it(store: Store) -> None:
    knowledge = store.knowledge
    build_id = await begin_with_shared(knowledge, "c")
    await knowledge.add_chunks(build_id, NewChunks("shared", 0, SHARED.chunks, complete=False))
    await knowledge.add_chunks(build_id, UNREADABLE)
    assert (await knowledge.commit_build(build_id)).document_count == 0
    await purge(store)
    assert await knowledge.search(near("apple", 10)) == []
    again = await begin_with_shared(knowledge, "c")
    # With the chunk of before this would be a document without a gap.
    error = await refused(knowledge.add_chunks(again, NewChunks("shared", 1, (piece("pear", 5),), complete=True)))
    assert error.metadata["field"] == "complete"


async def test_a_document_that_one_build_cannot_read_stays_in_another_one(store: Store) -> None:
    knowledge = store.knowledge
    first = await begin_with_shared(knowledge, "first")
    second = await begin_with_shared(knowledge, "second")
    await knowledge.add_chunks(first, NewChunks("shared", 0, SHARED.chunks, complete=False))
    await knowledge.add_chunks(second, UNREADABLE)
    assert (await knowledge.commit_build(second)).document_count == 0
    await purge(store)
    await knowledge.add_chunks(first, NewChunks("shared", 1, (piece("pear", 5),), complete=True))
    assert (await knowledge.commit_build(first)).chunk_count == 2
    assert sorted(texts(await knowledge.search(Query("apple pear")))) == ["apple", "pear"]


async def test_a_word_is_found_beside_any_number_of_others_places(store: Store) -> None:
    knowledge = store.knowledge
    often = [piece("apple " * 10_000 + str(number)) for number in range(11)]
    await put(knowledge, "small", {"a": [piece("apple tree")]})
    await put(knowledge, "large", {"x": often})
    # The keys of its chunks lie on both sides of the large collection's.
    await put(knowledge, "small", {"a": [piece("apple tree")], "b": [piece("apple pie")]})
    await put(knowledge, "late", {"c": [piece("apple cake")]})
    for collection, found in (("small", ["apple pie", "apple tree"]), ("late", ["apple cake"])):
        assert sorted(texts(await knowledge.search(Query("apple", collections=(collection,))))) == found
    await knowledge.delete_collection("large")
    # Before and after the words of the large one are removed.
    for _ in range(2):
        assert sorted(texts(await knowledge.search(Query("apple")))) == ["apple cake", "apple pie", "apple tree"]
        await purge(store)
