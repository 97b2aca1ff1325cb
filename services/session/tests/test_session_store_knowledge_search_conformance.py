"""What every `Store` must find in knowledge."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from knowledge_pieces import MODEL, angle, near, piece, put

from quintet_errors import DomainError
from quintet_session.knowledge_store import KnowledgeStore, Query
from quintet_session.store import Store


@pytest.fixture
def knowledge(store: Store) -> KnowledgeStore:
    return store.knowledge


async def test_meaning_and_words_count_together(knowledge: KnowledgeStore) -> None:
    files = {
        "both": [piece("the red apple", 10)],
        "words": [piece("a red apple pie", 170)],
        "meaning": [piece("crimson fruit", 12)],
        "neither": [piece("a blue car", 100)],
    }
    await put(knowledge, "c", files)
    hits = await knowledge.search(near("red apple", 10))
    assert hits[0].source == "both"
    assert hits[-1].source == "neither"
    assert (hits[0].score, hits[0].word_share) == (1.0, 1.0)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    by_source = {hit.source: hit for hit in hits}
    assert by_source["words"].similarity == pytest.approx(np.cos(np.radians(160)), abs=2e-3)
    assert by_source["meaning"].word_share == 0


@pytest.mark.parametrize("vector", [b"", np.array([1, 0, 0], "<f4").tobytes(), angle(10).astype("<f4").tobytes()])
async def test_without_a_fitting_vector_only_words_count(knowledge: KnowledgeStore, vector: bytes) -> None:
    await put(knowledge, "c", {"a": [piece("red apple", 10)], "b": [piece("green apple", 10), piece("car", 10)]})
    hits = await knowledge.search(Query("red apple", vector, MODEL if len(vector) == 12 else "other"))
    assert [(hit.source, hit.similarity, hit.word_share) for hit in hits] == [("a", 0, 1), ("b", 0, 0.5)]
    assert hits[0].score == 1


async def test_only_the_asked_collections_and_attributes_are_found(knowledge: KnowledgeStore) -> None:
    await put(knowledge, "c", {"a": [piece("apple", 1)], "b": [piece("apple tree", 2)]}, attributes={"a": {"k": "v"}})
    await put(knowledge, "d", {"x": [piece("apple", 3)]}, attributes={"x": {"k": "v", "l": "w"}})
    await put(knowledge, "e", {"y": [piece("apple")]})
    assert [hit.source for hit in await knowledge.search(near("apple", 1, collections=("c", "e")))] == ["a", "y", "b"]
    assert {hit.source for hit in await knowledge.search(near("apple", 1, attributes={"k": "v"}))} == {"a", "x"}
    both = near("apple", 1, attributes={"k": "v", "l": "w"})
    assert [hit.source for hit in await knowledge.search(both)] == ["x"]
    for nothing in ({"k": "w"}, {"k": 'v","l":"w'}, {'k":"v","l': "w"}, {"": ""}):
        assert await knowledge.search(near("apple", 1, attributes=nothing)) == []


async def test_of_documents_alike_the_first_that_fits_is_returned(knowledge: KnowledgeStore) -> None:
    files = {name: [piece("apple", 1)] for name in ("c", "a", "b")}
    await put(knowledge, "c", files, attributes={"b": {"k": "v"}, "c": {"k": "v"}})
    assert [hit.source for hit in await knowledge.search(near("apple", 1))] == ["a"]
    assert [hit.source for hit in await knowledge.search(near("apple", 1, attributes={"k": "v"}))] == ["b"]
    assert (await knowledge.get_collection("c")).document_count == 3


WORDS = [
    ("running connections", "He connects while he runs.", "English endings"),
    ("cafe uber", "Das CAFÉ ist über dem Laden.", "marks of Latin letters"),
    ("नमस्ते", "उसने कहा नमस्ते और गया", "Hindi"),
    ("苹果", "我喜欢吃苹果和香蕉", "Chinese in the middle of a sentence"),
    ("果", "我喜欢吃苹果", "one character at the end"),
    ("東京都", "京都と東京都は違う", "Japanese"),
    ("タワー", "東京タワーへ行く", "katakana"),
    ("สวัสดี", "เขาพูดว่าสวัสดีครับ", "Thai"),
    ("한국어", "저는 한국어 를 배웁니다", "Korean"),
    ("max_database_mib", "Set MAX_DATABASE_MIB to 5.", "names of programs"),
    ("what is it", "What it is", "only words without meaning"),
    ("C++ 42", "version 42 of c", "numbers"),
]


@pytest.mark.parametrize(("query", "text", "why"), WORDS, ids=[why for _, _, why in WORDS])
async def test_words_are_found_in_many_languages(knowledge: KnowledgeStore, query: str, text: str, why: str) -> None:
    await put(knowledge, "c", {"other": [piece("zebra 象 ช้าง हाथी")], "a": [piece(text)]})
    hits = await knowledge.search(Query(query))
    assert [hit.source for hit in hits] == ["a"]
    assert hits[0].word_share > 0


async def test_words_in_headings_count_more_and_stop_words_nothing(knowledge: KnowledgeStore) -> None:
    files = {"text": [piece("apple here and", heading="pears")], "heading": [piece("pears here and", heading="apple")]}
    await put(knowledge, "c", files)
    hits = await knowledge.search(Query("what is the apple and"))
    assert [(hit.source, hit.word_share) for hit in hits] == [("heading", 1), ("text", 1)]


async def test_results_end_before_they_are_too_large(knowledge: KnowledgeStore) -> None:
    await put(knowledge, "c", {str(number): [piece(f"apple {number} " + "x" * 1000)] for number in range(10)})
    assert len(await knowledge.search(Query("apple", top_k=10))) == 10
    assert len(await knowledge.search(Query("apple", top_k=10, max_bytes=3500))) == 3
    assert len(await knowledge.search(Query("apple", top_k=2))) == 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(min_size=1, max_size=80)
    | st.lists(st.sampled_from([*'"*^():-+{}\\', "NEAR(", "AND", "OR", "NOT", "text:", "apple"])).map(" ".join)
)
async def test_any_text_is_a_query(knowledge: KnowledgeStore, text: str) -> None:
    try:
        await knowledge.get_collection("c")
    except DomainError:
        await put(knowledge, "c", {"a": [piece("apple near and or not text heading")]})
    hits = await knowledge.search(Query(text))
    assert len(hits) <= 1
    if "apple" in text.casefold().split():
        assert len(hits) == 1
