import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY

from quintet.stt.v1 import stt_service_pb2 as stt
from quintet.stt.v1 import stt_service_pb2_grpc as stt_rpc
from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_rpc.calls import call_stream, call_unary, result_of
from quintet_rpc.request_context import current_request, current_script, request_scope
from quintet_testing import eventually, serve


class Speaker(rpc.TtsServiceServicer):
    """Fails, streams or repeats what it saw, as the text asks."""

    def __init__(self):
        self.closed = asyncio.Event()
        self.started = asyncio.Event()

    async def Synthesize(self, request, context):
        if request.text == "fail first":
            raise DomainError(Reason.VOICE_NOT_FOUND, "No such voice.", {"voice": "x"})
        try:
            for number in range(3):
                yield pb.SynthesizeResponse(audio=bytes([number]))
            if request.text == "fail later":
                raise DomainError(Reason.ENGINE_FAILED, "The engine broke.")
            if request.text == "never end":
                self.started.set()
                await asyncio.Event().wait()
        finally:
            self.closed.set()

    async def ListVoices(self, request, context):
        if request.language == "bug":
            raise KeyError("secret detail")
        request_id = current_request().request_id
        return pb.ListVoicesResponse(voices=[pb.Voice(name=request_id, display_name=current_script())])

    async def GetEngine(self, request, context):
        return pb.GetEngineResponse()


@pytest.fixture
async def speaker():
    return Speaker()


@pytest.fixture
async def channel(speaker):
    def register(server):
        rpc.add_TtsServiceServicer_to_server(speaker, server)
        return [pb.DESCRIPTOR.services_by_name["TtsService"]]

    async with serve(register) as channel:
        yield channel


async def test_error_arrives_whole_before_and_after_items(channel):
    stub = rpc.TtsServiceStub(channel)
    with pytest.raises(DomainError) as first:
        await anext(call_stream(stub.Synthesize, pb.SynthesizeRequest(text="fail first"), deadline_s=5))
    assert (first.value.reason, first.value.metadata["voice"]) == (Reason.VOICE_NOT_FOUND, "x")
    seen = []
    with pytest.raises(DomainError) as later:
        async for response in call_stream(stub.Synthesize, pb.SynthesizeRequest(text="fail later"), deadline_s=5):
            seen.append(response.audio)
    assert later.value.reason is Reason.ENGINE_FAILED
    assert len(seen) == 3


async def test_bug_arrives_without_its_detail(channel):
    with pytest.raises(DomainError) as failure:
        await call_unary(rpc.TtsServiceStub(channel).ListVoices, pb.ListVoicesRequest(language="bug"), deadline_s=5)
    assert failure.value.reason is Reason.INTERNAL
    assert "secret" not in failure.value.message


async def test_request_context_travels(channel):
    with request_scope(request_id="abc", script="steps=1"):
        answer = await call_unary(rpc.TtsServiceStub(channel).ListVoices, pb.ListVoicesRequest(), deadline_s=5)
    assert (answer.voices[0].name, answer.voices[0].display_name) == ("abc", "steps=1")


async def test_closing_the_generator_stops_the_engine(channel, speaker):
    stream = call_stream(rpc.TtsServiceStub(channel).Synthesize, pb.SynthesizeRequest(text="never end"), deadline_s=30)
    await anext(stream)
    await asyncio.wait_for(speaker.started.wait(), 5)
    await stream.aclose()
    await asyncio.wait_for(speaker.closed.wait(), 0.25)


class Hearer(stt_rpc.SttServiceServicer):
    """Sends progress and a result, and then does what the language of the request says."""

    async def Transcribe(self, requests, context):
        then = (await anext(aiter(requests))).config.language
        yield stt.TranscribeResponse(progress_percent=20)
        if then == "fail first":
            raise DomainError(Reason.ENGINE_FAILED, "The engine broke.")
        if then != "no result":
            yield stt.TranscribeResponse(result=stt.Transcript(text="Hello"))
        if then == "fail later":
            raise DomainError(Reason.ENGINE_FAILED, "The engine broke.")
        if then == "never end":
            await asyncio.Event().wait()


@pytest.fixture
async def hearing():
    """Gives what transcribes, in a service that does something after its result."""

    def register(server):
        stt_rpc.add_SttServiceServicer_to_server(Hearer(), server)
        return [stt.DESCRIPTOR.services_by_name["SttService"]]

    async with serve(register) as channel:
        method = stt_rpc.SttServiceStub(channel).Transcribe

        def transcribe(then=""):
            request = stt.TranscribeRequest(config=stt.TranscribeConfig(language=then))
            return call_stream(method, [request], deadline_s=30)

        yield transcribe


def calls_ended_with(code):
    labels = {"method": "/quintet.stt.v1.SttService/Transcribe", "code": code}
    return REGISTRY.get_sample_value("quintet_rpc_duration_seconds_count", labels) or 0


async def test_call_whose_result_was_read_has_ended_and_was_not_cancelled(hearing):
    before, told = (calls_ended_with("OK"), calls_ended_with("CANCELLED")), []
    assert (await result_of(hearing(), told.append)).text == "Hello"
    assert told == [20]
    assert (calls_ended_with("OK"), calls_ended_with("CANCELLED")) == (before[0] + 1, before[1])


@pytest.mark.parametrize(("then", "code"), [("fail later", "INTERNAL"), ("never end", "CANCELLED")])
async def test_result_is_given_whatever_follows_it(hearing, then, code):
    before = calls_ended_with(code)
    assert (await result_of(hearing(then))).text == "Hello"
    await eventually(lambda: asyncio.sleep(0, calls_ended_with(code) == before + 1))


async def test_stream_without_a_result(hearing):
    assert await result_of(hearing("no result")) is None
    with pytest.raises(DomainError) as failure:
        await result_of(hearing("fail first"))
    assert failure.value.reason is Reason.ENGINE_FAILED


async def test_cancelled_reader_of_a_result_cancels_the_call(hearing):
    before, told = calls_ended_with("CANCELLED"), asyncio.Event()
    reading = asyncio.create_task(result_of(hearing("never end"), lambda _: told.set()))
    await told.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await eventually(lambda: asyncio.sleep(0, calls_ended_with("CANCELLED") == before + 1))


async def test_deadline_ends_a_stream_that_hangs(channel):
    stream = call_stream(rpc.TtsServiceStub(channel).Synthesize, pb.SynthesizeRequest(text="never end"), deadline_s=0.2)
    with pytest.raises(DomainError) as failure:
        async for _ in stream:
            pass
    assert failure.value.reason is Reason.DEADLINE_EXCEEDED


async def test_garbage_is_an_argument_error_and_the_next_call_works(channel):
    garbage = channel.unary_unary("/quintet.tts.v1.TtsService/ListVoices")
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await garbage(b"\xff\xff\xff", timeout=5)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await call_unary(rpc.TtsServiceStub(channel).GetEngine, pb.GetEngineRequest(), deadline_s=5)


async def test_dead_address_is_unavailable():
    from quintet_rpc.channel import create_channel

    async with create_channel("127.0.0.1:1") as channel:
        with pytest.raises(DomainError) as failure:
            await call_unary(rpc.TtsServiceStub(channel).GetEngine, pb.GetEngineRequest(), deadline_s=5)
    assert failure.value.reason is Reason.SERVICE_UNAVAILABLE


async def test_health_reflection_and_services_are_served(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", "quintet.tts.v1.TtsService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
