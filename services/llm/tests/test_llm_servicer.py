"""ChatService over a real gRPC server on loopback."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import AioRpcError

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_errors import Reason
from quintet_errors.status import from_rpc_error
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.engines.scripted import ScriptedEngine
from quintet_llm.servicer import ChatServicer
from quintet_llm.skills.registry import SkillOptions
from quintet_rpc.request_context import current_script
from quintet_testing import serve

USER, ASSISTANT = pb.ChatMessage.ROLE_USER, pb.ChatMessage.ROLE_ASSISTANT


@asynccontextmanager
async def chat(engine, slots=None, **options):
    def register(server):
        rpc.add_ChatServiceServicer_to_server(ChatServicer(engine, slots or EngineSlots(16, 16), **options), server)
        return [pb.DESCRIPTOR.services_by_name["ChatService"]]

    await engine.warm_up()
    async with serve(register) as channel:
        yield rpc.ChatServiceStub(channel)
    await engine.close()


def ask(*texts, **options):
    roles = [USER if index % 2 == 0 else ASSISTANT for index in range(len(texts))]
    messages = [pb.ChatMessage(role=role, content=text) for role, text in zip(roles, texts, strict=True)]
    return pb.StreamChatRequest(messages=messages, **options)


def script(text):
    return (("x-quintet-script", text),)


async def collect(call):
    responses = [response async for response in call]
    kinds = [response.WhichOneof("event") for response in responses]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert set(kinds[1:-1]) <= {"text_delta"}
    deltas = [response.text_delta for response in responses[1:-1]]
    assert all(deltas)
    return responses[0].started, deltas, responses[-1].finished


async def failure(call):
    with pytest.raises(AioRpcError) as caught:
        await collect(call)
    return from_rpc_error(caught.value)


def grounded():
    return GroundedEngine(SkillOptions())


def scripted():
    return ScriptedEngine(current_script)


async def test_arithmetic_is_answered_by_the_grounded_engine():
    async with chat(grounded()) as stub:
        started, deltas, finished = await collect(stub.StreamChat(ask("What is twelve times twelve?")))
    assert (started.engine, started.model) == ("grounded", "grounded")
    assert "144" in "".join(deltas)
    assert finished.reason == pb.ChatFinished.REASON_STOP
    assert finished.skill == "arithmetic"
    assert finished.input_tokens == 5
    assert finished.output_tokens == len("".join(deltas).split())
    assert finished.first_token_duration.ToNanoseconds() > 0


async def test_ready_tokens_share_messages_and_the_first_leaves_alone():
    async with chat(scripted()) as stub:
        call = stub.StreamChat(ask("go"), metadata=script("steps=200"))
        started, deltas, finished = await collect(call)
    assert "".join(deltas) == " ".join(f"w{number}" for number in range(200))
    assert deltas[0] == "w0 "
    assert len(deltas) <= 4
    assert finished.output_tokens == 200
    assert started.engine == "scripted"


async def test_paced_tokens_leave_one_by_one():
    async with chat(scripted()) as stub:
        _, deltas, _ = await collect(stub.StreamChat(ask("go"), metadata=script("steps=5,interval_ms=15")))
    assert deltas == ["w0 ", "w1 ", "w2 ", "w3 ", "w4"]


async def test_default_script_is_sixty_words():
    async with chat(scripted()) as stub:
        _, deltas, finished = await collect(stub.StreamChat(ask("go")))
    assert "".join(deltas).split() == [f"w{number}" for number in range(60)]
    assert finished.output_tokens == 60


async def test_error_of_the_engine_comes_after_its_text():
    async with chat(scripted()) as stub:
        call = stub.StreamChat(ask("go"), metadata=script("steps=9,error=ENGINE_FAILED,error_after=3"))
        texts = []
        with pytest.raises(AioRpcError) as caught:
            async for response in call:
                texts.append(response.text_delta)
    assert "".join(texts) == "w0 w1 w2 "
    assert from_rpc_error(caught.value).reason is Reason.ENGINE_FAILED


async def test_cancelled_call_stops_the_engine_and_frees_its_slot():
    engine, slots = scripted(), EngineSlots(1, 0)
    async with chat(engine, slots) as stub:
        call = stub.StreamChat(ask("go"), metadata=script("steps=100000,interval_ms=10"))
        async for response in call:
            if response.text_delta:
                break
        call.cancel()
        async with asyncio.timeout(1):
            await engine.stopped.wait()
            await slots.wait_idle()
        _, deltas, _ = await collect(stub.StreamChat(ask("again")))
        assert deltas


async def test_engine_waits_for_a_reader_that_does_not_read():
    """With a bounded queue the engine can't run ahead of a client that takes nothing."""
    engine = scripted()
    async with chat(engine) as stub:
        call = stub.StreamChat(ask("go"), metadata=script(f"steps=100000,burst=100000,text={'x' * 1500}"))
        await call.wait_for_connection()
        iterator = aiter(call)
        await anext(iterator)
        call.cancel()
        async with asyncio.timeout(5):
            await engine.stopped.wait()


async def test_full_engine_refuses_at_once():
    async with chat(scripted(), EngineSlots(1, 0)) as stub:
        first = stub.StreamChat(ask("go"), metadata=script("steps=1000,interval_ms=50"))
        await anext(aiter(first))
        error = await failure(stub.StreamChat(ask("go")))
        first.cancel()
    assert error.reason is Reason.ENGINE_BUSY
    assert int(error.metadata["retryAfterSeconds"]) >= 1


@pytest.mark.parametrize("make", [grounded, scripted])
async def test_token_limit_ends_with_length(make):
    async with chat(make()) as stub:
        _, deltas, finished = await collect(stub.StreamChat(ask("what can you do?", max_output_tokens=3)))
        assert finished.reason == pb.ChatFinished.REASON_LENGTH
        assert finished.output_tokens == 3
        assert len("".join(deltas).split()) == 3


async def test_limit_that_is_just_met_is_no_cut():
    async with chat(grounded()) as stub:
        _, deltas, finished = await collect(stub.StreamChat(ask("2+2", max_output_tokens=5)))
    assert "".join(deltas) == "2 + 2 = 4"
    assert finished.reason == pb.ChatFinished.REASON_STOP


BAD_REQUESTS = [
    (pb.StreamChatRequest(), Reason.MISSING_FIELD, "field", "messages"),
    (ask("  "), Reason.MISSING_FIELD, "field", "content"),
    (ask("hi", "hello"), Reason.INVALID_ARGUMENT, "field", "messages"),
    (pb.StreamChatRequest(messages=[pb.ChatMessage(content="x")]), Reason.INVALID_ARGUMENT, "field", "role"),
    (pb.StreamChatRequest(messages=[pb.ChatMessage(role=9, content="x")]), Reason.INVALID_ARGUMENT, "field", "role"),
    (
        pb.StreamChatRequest(messages=[pb.ChatMessage(role=USER, content="x")] * 1001),
        Reason.INVALID_ARGUMENT,
        "field",
        "messages",
    ),
    (ask("x" * ((1 << 20) + 1)), Reason.PAYLOAD_TOO_LARGE, "maxBytes", str(1 << 20)),
    (ask("é" * (1 << 19) + "x"), Reason.PAYLOAD_TOO_LARGE, "maxBytes", str(1 << 20)),
    (ask("hi", model="gpt-9"), Reason.MODEL_NOT_FOUND, "model", "gpt-9"),
    (ask("hi", max_output_tokens=-1), Reason.INVALID_ARGUMENT, "field", "maxOutputTokens"),
    (ask("hi", temperature=2.5), Reason.INVALID_ARGUMENT, "field", "temperature"),
    (ask("hi", temperature=float("nan")), Reason.INVALID_ARGUMENT, "field", "temperature"),
    (ask("hi", language="not a tag"), Reason.INVALID_ARGUMENT, "field", "language"),
    (ask("hi", time_zone="Mars/Base"), Reason.INVALID_ARGUMENT, "field", "timeZone"),
    (ask("hi", time_zone="../../etc/passwd"), Reason.INVALID_ARGUMENT, "field", "timeZone"),
    (ask("hi", time_zone="Europe"), Reason.INVALID_ARGUMENT, "field", "timeZone"),
]


async def test_bad_requests_are_refused_with_their_reason():
    async with chat(grounded()) as stub:
        for request, reason, key, value in BAD_REQUESTS:
            error = await failure(stub.StreamChat(request))
            assert (error.reason, error.metadata.get(key)) == (reason, value)
        _, deltas, _ = await collect(stub.StreamChat(ask("2+2")))
        assert "4" in "".join(deltas)


async def test_limits_themselves_are_accepted():
    async with chat(grounded()) as stub:
        await collect(stub.StreamChat(ask("x" * (1 << 20))))
        await collect(stub.StreamChat(pb.StreamChatRequest(messages=[pb.ChatMessage(role=USER, content="2+2")] * 1000)))
        odd_time = pb.ChatMessage(role=USER, content="2+2", create_time=Timestamp(seconds=1 << 60))
        await collect(stub.StreamChat(pb.StreamChatRequest(messages=[odd_time])))


async def test_named_model_and_zone_are_used():
    async with chat(grounded()) as stub:
        request = ask("what time is it?", model="grounded", time_zone="Asia/Tokyo", temperature=0.5)
        started, deltas, _ = await collect(stub.StreamChat(request))
    assert started.model == "grounded"
    assert "Asia/Tokyo" in "".join(deltas)


async def test_a_model_that_is_not_served_can_be_replaced_by_the_default():
    async with chat(grounded(), refuse_unknown_model=False) as stub:
        started, deltas, _ = await collect(stub.StreamChat(ask("2+2", model="gpt-9")))
    assert (started.model, "".join(deltas)) == ("grounded", "2 + 2 = 4")


async def test_models_are_listed_in_pages():
    async with chat(grounded()) as stub:
        page = await stub.ListModels(pb.ListModelsRequest(page_size=1))
        assert [(model.name, model.engine) for model in page.models] == [("grounded", "grounded")]
        assert page.next_page_token == ""
        assert not (await stub.ListModels(pb.ListModelsRequest(page_token="1"))).models
        for bad in (
            pb.ListModelsRequest(page_size=-1),
            pb.ListModelsRequest(page_size=1001),
            pb.ListModelsRequest(page_token="x"),
        ):
            with pytest.raises(AioRpcError) as caught:
                await stub.ListModels(bad)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_engine_describes_itself():
    async with chat(grounded()) as stub:
        engine = (await stub.GetEngine(pb.GetEngineRequest())).engine
    assert engine.name == "grounded"
    assert engine.loaded
    assert "arithmetic" in engine.capabilities
    assert engine.limitations[0].remedy == "quintet doctor"
