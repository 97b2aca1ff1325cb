"""Indexing and searching against scripted services over real gRPC."""

import os
import tracemalloc

import pytest
from made_documents import docx, paragraph, pdf
from scripted_knowledge import ScriptedEmbedding, ScriptedKnowledge, opened, vector_of, write

from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge import IndexRequest

SENTENCE = "The keeper trims the wick every four hours. "


@pytest.fixture
async def store():
    return ScriptedKnowledge()


@pytest.fixture
async def embedding():
    return ScriptedEmbedding()


@pytest.fixture
async def knowledge(store, embedding, tmp_path):
    async with opened(store, embedding, tmp_path) as room:
        yield room


ALL = IndexRequest(".", "all")


async def test_every_kind_of_file_ends_up_with_its_chunks_vectors_and_attributes(knowledge, store, tmp_path):
    write(
        tmp_path,
        {
            "lamp/guide.md": "# Lamp\n\n## Wick\n\n" + SENTENCE,
            "lamp/main.py": "def trim():\n    return 4\n",
            "page.html": "<h1>Bees</h1><p>Smoke calms them.</p>",
            "a.pdf": pdf("Carrots keep in sand."),
            "b.docx": docx(paragraph("Mast", "Heading1"), paragraph("Mended.")),
        },
    )
    report = await knowledge.index(ALL)
    assert (report.document_count, report.total_chunks, report.chunks_added, report.chunks_made) == (5, 5, 5, 5)
    assert (report.reused_count, report.skipped, report.collection) == (0, (), "all")
    (chunk,) = store.chunks_of("all")["lamp/guide.md"]
    assert (chunk.heading, chunk.start_line, chunk.end_line) == ("Lamp", 1, 5)
    embedded_text = f"{chunk.heading}\n\n{chunk.text}"
    assert list(chunk.vector) == pytest.approx(vector_of(embedded_text))
    assert store.attributes_of("all", "lamp/main.py") == {
        "source": "lamp/main.py",
        "file_name": "main.py",
        "extension": ".py",
        "file_type": "code",
        "language": "python",
        "size_bytes": "25",
    }
    assert store.collections["all"]["model"] == "scripted-1"


async def test_only_what_changed_is_read_by_workers_and_embedded_again(knowledge, store, embedding, tmp_path):
    write(tmp_path, {f"{number}.md": f"# N {number}\n\n" + SENTENCE for number in range(30)})
    await knowledge.index(ALL)
    first = store.chunks_of("all")
    embedding.embedded.clear()
    store.added.clear()
    again = await knowledge.index(ALL)
    assert (again.reused_count, again.chunks_made, again.total_chunks) == (30, 0, 30)
    assert (embedding.embedded, store.added, store.chunks_of("all")) == ([], [], first)
    write(tmp_path, {"7.md": "# Seven\n\nNew."})
    (tmp_path / "8.md").unlink()
    (tmp_path / "9.md").rename(tmp_path / "nine.md")
    changed = await knowledge.index(ALL)
    assert (changed.reused_count, changed.chunks_made, changed.document_count) == (28, 1, 29)
    assert embedding.embedded == ["Seven\n\n# Seven\n\nNew."]
    assert store.chunks_of("all").keys() == {f"{n}.md" for n in range(30) if n not in (8, 9)} | {"nine.md"}


async def test_another_model_embeds_everything_again(knowledge, embedding, tmp_path):
    write(tmp_path, {"a.md": SENTENCE})
    await knowledge.index(ALL)
    embedding.model = "scripted-2"
    assert (await knowledge.index(ALL)).reused_count == 0


async def test_without_a_model_documents_are_found_by_words(knowledge, store, embedding, tmp_path):
    embedding.model = ""
    write(tmp_path, {"a.md": SENTENCE})
    assert (await knowledge.index(ALL)).total_chunks == 1
    assert store.collections["all"]["model"] == ""
    assert not store.chunks_of("all")["a.md"][0].vector
    await knowledge.search("wick")
    assert not store.searches[0].vector


async def test_equal_files_share_their_chunks_and_a_long_one_is_sent_in_parts(knowledge, store, embedding, tmp_path):
    write(tmp_path, {"a.md": SENTENCE, "b.md": SENTENCE, "long.md": (SENTENCE * 20 + "\n\n") * 300})
    report = await knowledge.index(ALL)
    assert report.total_chunks == report.chunks_made + 1
    long = store.chunks_of("all")["long.md"]
    assert len(long) > 200
    # Each text is embedded once, and every chunk has the vector of its own.
    assert len(embedding.embedded) == len(set(embedding.embedded)) < 10
    assert all(list(chunk.vector) == pytest.approx(vector_of(chunk.text)) for chunk in long)


async def test_what_cannot_be_read_is_left_out_and_reported(knowledge, store, tmp_path):
    write(
        tmp_path,
        {"a.md": SENTENCE, "binary.md": b"\0\1", "locked.pdf": b"%PDF-1.7 nothing", "empty.md": "", "e2.md": ""},
    )
    with (tmp_path / "huge.md").open("wb") as file:
        file.truncate(2 << 30)
    os.mkfifo(tmp_path / "pipe.md")
    report = await knowledge.index(ALL)
    reasons = {skip.source: skip.reason for skip in report.skipped}
    assert reasons.keys() == {"binary.md", "locked.pdf", "empty.md", "e2.md", "huge.md", "pipe.md"}
    assert reasons["huge.md"] == "is larger than 8 MiB"
    assert (report.document_count, report.skipped_count) == (1, 6)
    # Whatever could not be read once is tried again.
    assert len((await knowledge.index(ALL)).skipped) == 6


async def test_an_empty_folder_gives_an_empty_collection(knowledge, tmp_path):
    report = await knowledge.index(ALL)
    assert (report.document_count, report.total_chunks, report.skipped) == (0, 0, ())


@pytest.mark.parametrize("call", ["attach", "add", "commit"])
async def test_a_build_that_fails_is_given_up_and_the_old_state_stays(knowledge, store, tmp_path, call):
    write(tmp_path, {"a.md": SENTENCE})
    await knowledge.index(ALL)
    before = store.chunks_of("all")
    write(tmp_path, {"a.md": "Changed."})
    store.failures[call].append(DomainError(Reason.BUILD_LOST, "The build was replaced by a later one."))
    with pytest.raises(DomainError, match="replaced by a later one") as caught:
        await knowledge.index(ALL)
    assert caught.value.reason is Reason.BUILD_LOST
    assert (len(store.aborted), store.builds, store.chunks_of("all")) == (1, {}, before)
    assert knowledge.progress() == []


async def test_an_abort_that_fails_hides_no_failure(knowledge, store, tmp_path):
    write(tmp_path, {"a.md": SENTENCE})
    store.failures["attach"].append(DomainError(Reason.STORAGE_FULL, "The disk is full."))
    store.failures["abort"].append(DomainError(Reason.STORAGE_FAILED, "The disk is gone."))
    with pytest.raises(DomainError, match="disk is full"):
        await knowledge.index(ALL)


@pytest.mark.slow
async def test_a_full_embedding_service_is_waited_for_and_another_failure_is_not(knowledge, embedding, tmp_path):
    write(tmp_path, {"a.md": SENTENCE})
    embedding.failures += [DomainError(Reason.ENGINE_BUSY, "Full.")] * 3
    assert (await knowledge.index(ALL)).chunks_made == 1
    embedding.failures.append(DomainError(Reason.ENGINE_FAILED, "Broken."))
    write(tmp_path, {"a.md": "Changed."})
    with pytest.raises(DomainError, match="Broken"):
        await knowledge.index(ALL)


async def test_a_path_outside_touches_no_service(knowledge, store):
    with pytest.raises(DomainError, match="Path not found: /etc"):
        await knowledge.index(IndexRequest("/etc", "all"))
    assert (store.builds, store.aborted) == ({}, [])


@pytest.mark.slow
async def test_very_many_small_files_take_little_memory(knowledge, embedding, tmp_path):
    embedding.model = ""
    write(tmp_path, {f"{number % 50}/{number}.txt": f"{number} {SENTENCE}" for number in range(1500)})
    write(tmp_path, {"large.txt": SENTENCE * 50_000})
    tracemalloc.start()
    try:
        report = await knowledge.index(IndexRequest(".", "all", extensions=("txt",)))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.document_count == 1501
    # The scripted services keep all chunks in this process; without them the peak is about half.
    assert peak < 64 << 20


def result(similarity=0.0, word_share=0.0, score=0.5, source="a.md"):
    chunk = pb.Chunk(text="Trim it.", heading="Lamp")
    return pb.SearchResult(source=source, chunk=chunk, similarity=similarity, word_share=word_share, score=score)


async def test_a_search_sends_the_vector_of_its_query(knowledge, store, embedding):
    store.results = [result()]
    found = await knowledge.search("wick", ["lamps"], 7, {"language": "python"})
    request = store.searches[0]
    assert (list(request.collections), request.query, request.top_k) == (["lamps"], "wick", 7)
    assert (request.embedding_model, dict(request.attributes)) == ("scripted-1", {"language": "python"})
    assert list(request.vector) == pytest.approx(vector_of("wick"))
    assert found == store.results
    assert embedding.queries == ["wick"]


async def test_a_search_does_with_words_while_the_embedding_service_fails(knowledge, store, embedding):
    embedding.failures.append(DomainError(Reason.ENGINE_FAILED, "Broken."))
    await knowledge.search("wick")
    assert not store.searches[0].vector
    with pytest.raises(DomainError) as caught:
        await knowledge.search(" \n")
    assert caught.value.metadata == {"field": "query"}


async def test_passages_are_what_fits_well(knowledge, store, embedding, tmp_path):
    assert await knowledge.passages("How often is the wick cut?") == []
    assert (store.searches, embedding.queries) == ([], [])
    await knowledge.index(ALL)
    store.results = [result(0.9, source=f"{n}.md") for n in range(5)] + [result(0.05, 0.0, source="far.md")]
    passages = await knowledge.passages("How often is the wick cut?")
    assert [passage.source for passage in passages] == ["0.md", "1.md", "2.md", "3.md"]
    assert (passages[0].text, passages[0].heading, passages[0].score) == ("Trim it.", "Lamp", 0.5)
    store.results = [result(0.05, 0.1), result(0.0, 0.2)]
    assert await knowledge.passages("How often is the wick cut?") == []
    assert await knowledge.passages("  ") == []
    store.results = [result(0.0, 0.8)]
    assert len(await knowledge.passages("How often is the wick cut?")) == 1
    assert await knowledge.passages("What is my name?") == []


async def test_passages_cost_next_to_nothing_without_collections(knowledge, store):
    for _ in range(20):
        assert await knowledge.passages("wick?") == []
    assert store.listed == 1


async def test_a_deleted_collection_is_gone(knowledge, store, tmp_path):
    write(tmp_path, {f"{n}.md": SENTENCE for n in range(5)})
    await knowledge.index(ALL)
    await knowledge.index(IndexRequest(".", "more"))
    assert [collection.name for collection in await knowledge.collections()] == ["all", "more"]
    assert [document.source for document in await knowledge.documents("all")] == [f"{n}.md" for n in range(5)]
    for name in ("all", "more"):
        await knowledge.delete(name)
    assert await knowledge.passages("wick?") == []
    with pytest.raises(DomainError) as caught:
        await knowledge.delete("all")
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND


async def test_the_state_says_how_things_are(knowledge, embedding, tmp_path):
    state = await knowledge.state()
    assert (state.persist_directory, state.embedding_engine, state.embedding_model) == (
        str(tmp_path),
        "onnx",
        "scripted-1",
    )
    assert (state.chunk_size, state.chunk_overlap, state.top_k, state.last_activity) == (1000, 200, 5, None)
    embedding.model = ""
    await knowledge.search("x")
    state = await knowledge.state()
    assert (state.embedding_engine, state.embedding_remedy) == ("none", "quintet models pull all-minilm-l6-v2")
    assert (state.last_activity is None, state.validation_errors, state.collection_count) == (False, (), 0)
