"""EmbeddingService over the wire: its checks, its lanes, and what is said where no model is installed."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from quintet.embedding.v1 import embedding_service_pb2 as pb
from quintet.embedding.v1 import embedding_service_pb2_grpc as rpc
from quintet.media.v1 import engine_pb2
from quintet_errors import DomainError, Reason
from quintet_llm.__main__ import build, choose_embedding
from quintet_llm.embedding_engine import Purpose
from quintet_llm.embedding_servicer import EmbeddingLanes, EmbeddingServicer
from quintet_llm.engines.scripted_embedding import ScriptedEmbedding
from quintet_llm.installed_embedding import InstalledEmbedding
from quintet_llm.settings import LlmSettings
from quintet_rpc.calls import call_unary
from quintet_testing import eventually, serve

QUERY = pb.EmbedTextsRequest.PURPOSE_QUERY


class HeldEmbedding(ScriptedEmbedding):
    """Answers when it is released, and remembers who was stopped."""

    def __init__(self):
        self.released = asyncio.Event()
        self.begun: list[Purpose] = []
        self.stopped = asyncio.Event()

    async def embed(self, texts, purpose):
        self.begun.append(purpose)
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.stopped.set()
            raise
        return await super().embed(texts, purpose)


@asynccontextmanager
async def serving(source, lanes=None):
    def register(server):
        rpc.add_EmbeddingServiceServicer_to_server(EmbeddingServicer(source, lanes or EmbeddingLanes(4, 4)), server)
        return [pb.DESCRIPTOR.services_by_name["EmbeddingService"]]

    async with serve(register) as channel:
        yield rpc.EmbeddingServiceStub(channel)


@pytest.fixture
async def stub():
    async with serving(ScriptedEmbedding().current) as stub:
        yield stub


async def embed(stub, *texts, **options):
    return await call_unary(stub.EmbedTexts, pb.EmbedTextsRequest(texts=texts, **options), deadline_s=20)


async def failure_of(call):
    with pytest.raises(DomainError) as caught:
        await call
    return caught.value


async def test_one_vector_a_text_in_order(stub):
    answer = await embed(stub, "salt and bread", "the lamp", "salt and bread")
    first, second, third = (list(one.values) for one in answer.embeddings)
    assert first == third != second
    assert sum(value * value for value in first) == pytest.approx(1, abs=1e-5)
    assert answer.model == "scripted"


async def test_largest_request_is_taken(stub):
    answer = await embed(stub, *["ä" * (16 << 10)] * 64, purpose=QUERY)
    assert len(answer.embeddings) == 64


@pytest.mark.parametrize(
    ("texts", "options", "reason"),
    [
        ([], {}, Reason.MISSING_FIELD),
        (["a"] * 65, {}, Reason.INVALID_ARGUMENT),
        (["a", " \n\t"], {}, Reason.INVALID_ARGUMENT),
        ([""], {}, Reason.INVALID_ARGUMENT),
        (["ä" * (16 << 10) + "a"], {}, Reason.PAYLOAD_TOO_LARGE),
        (["a"], {"purpose": 7}, Reason.INVALID_ARGUMENT),
    ],
)
async def test_requests_outside_of_the_contract_are_refused(stub, texts, options, reason):
    assert (await failure_of(embed(stub, *texts, **options))).reason is reason


async def test_engine_is_described(stub):
    answer = await stub.GetEngine(pb.GetEngineRequest(), timeout=20)
    assert (answer.engine.name, answer.engine.kind) == ("scripted", engine_pb2.Engine.KIND_SCRIPTED)
    assert answer.dimensions == 256


async def test_without_a_model_the_remedy_is_named(tmp_path):
    async with serving(InstalledEmbedding(tmp_path, "all-minilm-l6-v2").current) as stub:
        described = await stub.GetEngine(pb.GetEngineRequest(), timeout=20)
        failure = await failure_of(embed(stub, "lamp"))
    assert described.dimensions == 0
    assert described.engine.kind == engine_pb2.Engine.KIND_UNSPECIFIED
    assert "not installed" in described.engine.choice_reason
    assert described.engine.limitations[0].remedy == "quintet models pull all-minilm-l6-v2"
    assert failure.reason is Reason.MODEL_NOT_INSTALLED
    assert failure.metadata["remedy"] == "quintet models pull all-minilm-l6-v2"


async def test_full_lane_refuses_and_the_other_one_goes_on():
    engine, lanes = HeldEmbedding(), EmbeddingLanes(1, 1)
    async with serving(engine.current, lanes) as stub:
        passages = [asyncio.create_task(embed(stub, "a")) for _ in range(2)]
        await eventually(lambda: _is(lanes.active == 1 and lanes.waiting == 1))
        assert (await failure_of(embed(stub, "b"))).reason is Reason.ENGINE_BUSY
        question = asyncio.create_task(embed(stub, "c", purpose=QUERY))
        await eventually(lambda: _is(lanes.active == 2))
        engine.released.set()
        await asyncio.gather(question, *passages)
    assert engine.begun[:2] == [Purpose.PASSAGE, Purpose.QUERY]


async def test_cancelled_call_stops_the_engine_and_frees_its_slot():
    engine, lanes = HeldEmbedding(), EmbeddingLanes(1, 0)
    async with serving(engine.current, lanes) as stub:
        call = stub.EmbedTexts(pb.EmbedTextsRequest(texts=["a"]), timeout=20)
        await eventually(lambda: _is(bool(engine.begun)))
        call.cancel()
        async with asyncio.timeout(10):
            await engine.stopped.wait()
        await eventually(lambda: _is(lanes.active == 0))


async def _is(value):
    return value


async def test_settings_choose_the_source(tmp_path):
    assert isinstance(choose_embedding(LlmSettings(engine="scripted", data_dir=tmp_path)), ScriptedEmbedding)
    chosen = choose_embedding(LlmSettings(engine="grounded", data_dir=tmp_path, embedding_model="all-minilm-l6-v2"))
    assert isinstance(chosen, InstalledEmbedding)
    with pytest.raises(DomainError, match="quintet models pull all-minilm-l6-v2"):
        chosen.current()


async def test_process_serves_both_services(tmp_path):
    service = build(LlmSettings(engine="scripted", data_dir=tmp_path))
    async with serve(service.register) as channel:
        assert (await embed(rpc.EmbeddingServiceStub(channel), "lamp")).model == "scripted"
    await service.close()
