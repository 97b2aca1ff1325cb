"""Texts that come again within one build are embedded once, in bounded memory."""

import asyncio

import pytest

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge.text_vectors import TextVectors
from quintet_testing import eventually

BROKEN = DomainError(Reason.ENGINE_FAILED, "Broken.")


class ScriptedVectors:
    """Embeds a text as its length, when the gate is open."""

    def __init__(self):
        self.calls = []
        self.failures = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def vectors(self, texts, model):
        self.calls.append(list(texts))
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return [[float(len(text))] for text in texts]


@pytest.fixture
async def embedding():
    return ScriptedVectors()


async def asked(embedding, times):
    return len(embedding.calls) == times


def plain(vectors):
    return [list(vector) for vector in vectors]


async def test_each_text_is_embedded_once(embedding):
    vectors = TextVectors(embedding, "m")
    assert plain(await vectors.of(["a", "bb", "a"])) == [[1.0], [2.0], [1.0]]
    assert plain(await vectors.of(["bb", "ccc"])) == [[2.0], [3.0]]
    assert plain(await vectors.of(["a", "bb"])) == [[1.0], [2.0]]
    assert embedding.calls == [["a", "bb"], ["ccc"]]


async def test_a_text_of_a_call_under_way_is_waited_for(embedding):
    vectors = TextVectors(embedding, "m")
    embedding.gate.clear()
    calls = [asyncio.ensure_future(vectors.of(texts)) for texts in (["a", "bb"], ["a"], ["a", "ccc"])]
    await eventually(lambda: asked(embedding, 2))
    embedding.gate.set()
    assert [plain(found) for found in await asyncio.gather(*calls)] == [[[1.0], [2.0]], [[1.0]], [[1.0], [3.0]]]
    assert embedding.calls == [["a", "bb"], ["ccc"]]


async def test_only_the_last_texts_are_remembered(embedding):
    vectors = TextVectors(embedding, "m", window=2)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        await vectors.of([text])
    assert embedding.calls == [["a"], ["bb"], ["ccc"], ["bb"]]


async def test_a_failure_is_of_the_first_call_and_is_not_remembered(embedding):
    vectors = TextVectors(embedding, "m")
    embedding.failures.append(BROKEN)
    embedding.gate.clear()
    calls = [asyncio.ensure_future(vectors.of(["a"])) for _ in range(2)]
    await eventually(lambda: asked(embedding, 1))
    embedding.gate.set()
    first, second = await asyncio.gather(*calls, return_exceptions=True)
    assert first is BROKEN
    assert isinstance(second, asyncio.CancelledError)
    assert plain(await vectors.of(["a"])) == [[1.0]]


async def test_without_a_model_nothing_is_asked(embedding):
    assert await TextVectors(embedding, "").of(["a", "b"]) == [(), ()]
    assert embedding.calls == []
