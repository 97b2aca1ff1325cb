"""Indexings go on without whoever asked for them, and what they did stays to be seen."""

import asyncio
from datetime import UTC, datetime

import pytest
import structlog
from scripted_knowledge import ScriptedEmbedding, ScriptedKnowledge, opened, write

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge import IndexRequest
from quintet_testing import eventually

SENTENCE = "The keeper trims the wick every four hours. "
ALL = IndexRequest(".", "all")


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


async def until_embedding(embedding):
    async def waits():
        return embedding.waiting

    await eventually(waits)


async def test_an_indexing_goes_on_after_its_client_has_left_and_an_equal_request_joins_it(
    knowledge, store, embedding, tmp_path
):
    write(tmp_path, {f"{number}.md": f"{number} {SENTENCE}" for number in range(10)})
    embedding.gate.clear()
    indexing = asyncio.ensure_future(knowledge.index(ALL))
    await until_embedding(embedding)
    (progress,) = knowledge.progress()
    assert (progress.collection, progress.files_found, progress.chunks_done) == ("all", 10, 0)
    indexing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await indexing
    joining = [asyncio.ensure_future(knowledge.index(ALL)) for _ in range(2)]
    await asyncio.sleep(0)
    embedding.gate.set()
    reports = await asyncio.gather(*joining)
    assert reports[0] is reports[1]
    assert (reports[0].document_count, len(embedding.embedded)) == (10, 10)
    assert (store.aborted, store.builds, store.collections.keys(), knowledge.progress()) == ([], {}, {"all"}, [])
    assert (await knowledge.state()).last_activity > progress.started
    assert await knowledge.index(ALL) is not reports[0]


async def test_closing_gives_builds_up(knowledge, store, embedding, tmp_path):
    write(tmp_path, {"a.md": SENTENCE})
    embedding.gate.clear()
    indexing = asyncio.ensure_future(knowledge.index(ALL))
    await until_embedding(embedding)
    with structlog.testing.capture_logs() as logged:
        await knowledge.close()
    with pytest.raises(DomainError, match="server stopped") as caught:
        await indexing
    assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
    assert (len(store.aborted), store.builds, store.collections, knowledge.progress()) == (1, {}, {}, [])
    assert [(line["event"], line["files_found"]) for line in logged if "index" in line["event"]] == [
        ("index_cancelled", 1)
    ]


async def test_the_end_of_an_indexing_is_logged(knowledge, store, tmp_path):
    write(tmp_path, {"a.md": SENTENCE})
    store.failures["commit"].append(DomainError(Reason.STORAGE_FULL, "The disk is full."))
    with structlog.testing.capture_logs() as logged:
        with pytest.raises(DomainError, match="disk is full"):
            await knowledge.index(ALL)
        await knowledge.index(ALL)
    ends = [line for line in logged if line["event"].startswith("index_")]
    assert [line["event"] for line in ends] == ["index_failed", "index_finished"]
    assert (ends[0]["reason"], ends[0]["files_done"]) == ("STORAGE_FULL", 1)


async def test_who_comes_while_others_index_is_told_to_come_again(knowledge, embedding, tmp_path):
    write(tmp_path, {"a.md": SENTENCE})
    embedding.gate.clear()
    running = [asyncio.ensure_future(knowledge.index(IndexRequest(".", name))) for name in ("one", "two")]
    await until_embedding(embedding)
    for request in (IndexRequest("./", "one"), IndexRequest(".", "one", (".md",)), IndexRequest(".", "three")):
        with pytest.raises(DomainError) as caught:
            await knowledge.index(request)
        assert caught.value.reason is Reason.ENGINE_BUSY
        assert int(caught.value.metadata["retryAfterSeconds"]) > 0
    embedding.gate.set()
    assert [report.document_count for report in await asyncio.gather(*running)] == [1, 1]


async def test_after_a_restart_the_last_change_counts_as_activity(knowledge, store):
    store.collections["old"] = {"name": "old", "documents": {}, "changed": datetime(2024, 1, 15, 10, 30, tzinfo=UTC)}
    store.collections["older"] = {"name": "older", "documents": {}, "changed": datetime(2023, 1, 1, tzinfo=UTC)}
    assert (await knowledge.state()).last_activity == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    await knowledge.search("x")
    assert (await knowledge.state()).last_activity > datetime(2024, 1, 16, tzinfo=UTC)
