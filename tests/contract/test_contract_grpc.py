"""Each service on its own, over gRPC, as someone uses it who never sees the gateway."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from framework.cluster import Cluster
from framework.media import small_picture, tone, zip_file
from google.rpc import error_details_pb2
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from quintet.chat.v1 import chat_service_pb2 as chat
from quintet.chat.v1 import chat_service_pb2_grpc as chat_rpc
from quintet.jobs.v1 import job_service_pb2 as jobs
from quintet.jobs.v1 import job_service_pb2_grpc as jobs_rpc
from quintet.media.v1 import audio_pb2
from quintet.session.v1 import session_service_pb2 as session
from quintet.session.v1 import session_service_pb2_grpc as session_rpc
from quintet.stt.v1 import stt_service_pb2 as stt
from quintet.stt.v1 import stt_service_pb2_grpc as stt_rpc
from quintet.tts.v1 import tts_service_pb2 as tts
from quintet.tts.v1 import tts_service_pb2_grpc as tts_rpc
from quintet.vision.v1 import vision_service_pb2 as vision
from quintet.vision.v1 import vision_service_pb2_grpc as vision_rpc

DEADLINE_S = 30
MIB = 1 << 20
SERVED = {
    "session": {
        "quintet.session.v1.SessionService",
        "quintet.jobs.v1.JobService",
        "quintet.identity.v1.IdentityService",
        "quintet.usage.v1.UsageService",
        "quintet.knowledge.v1.KnowledgeService",
    },
    "llm": {"quintet.chat.v1.ChatService", "quintet.embedding.v1.EmbeddingService"},
    "vision": {"quintet.vision.v1.VisionService"},
    "stt": {"quintet.stt.v1.SttService"},
    "tts": {"quintet.tts.v1.TtsService"},
}
SCOPE = session.Scope(surface="test", owner="somebody")


@pytest.fixture(scope="module")
def channels(grounded: Cluster) -> Iterator[dict[str, grpc.Channel]]:
    opened = {name: grpc.insecure_channel(grounded.grpc_address(name)) for name in SERVED}
    yield opened
    for channel in opened.values():
        channel.close()


def reason_of(error: grpc.RpcError) -> tuple[str, dict[str, str]]:
    status = rpc_status.from_call(error)
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    assert len(status.details) == 1
    assert status.details[0].Unpack(info)
    assert info.domain == "quintet"
    assert status.message
    return info.reason, dict(info.metadata)


@pytest.mark.parametrize("name", SERVED, ids=str)
def test_health_of_the_server_and_of_each_service(channels, name):
    stub = health_pb2_grpc.HealthStub(channels[name])
    for service in ("", *SERVED[name]):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("name", SERVED, ids=str)
def test_reflection_describes_the_services(channels, name):
    database = ProtoReflectionDescriptorDatabase(channels[name])
    assert SERVED[name] <= set(database.get_services())
    for service in SERVED[name]:
        assert database.FindFileContainingSymbol(service).service


@pytest.mark.parametrize("name", SERVED, ids=str)
def test_channelz_is_there(channels, name):
    answer = channelz_pb2_grpc.ChannelzStub(channels[name]).GetServers(
        channelz_pb2.GetServersRequest(), timeout=DEADLINE_S
    )
    assert answer.server


def create_session(channel: grpc.Channel) -> str:
    stub = session_rpc.SessionServiceStub(channel)
    request = session.CreateSessionRequest(scope=SCOPE, title="A title")
    created = stub.CreateSession(request, timeout=DEADLINE_S).session
    assert created.title == "A title"
    return str(created.session_id)


def test_session_keeps_messages_once_and_in_order(channels):
    stub = session_rpc.SessionServiceStub(channels["session"])
    session_id = create_session(channels["session"])
    messages = [session.Message(role=session.Message.ROLE_USER, content=text) for text in ("one", "two")]
    request = session.AppendMessagesRequest(
        scope=SCOPE, session_id=session_id, messages=messages, idempotency_key="key", title_if_first="one"
    )
    first, again = (stub.AppendMessages(request, timeout=DEADLINE_S) for _ in range(2))
    assert [message.message_id for message in first.messages] == [message.message_id for message in again.messages]
    listed = stub.ListMessages(
        session.ListMessagesRequest(scope=SCOPE, session_id=session_id), timeout=DEADLINE_S
    ).messages
    assert [message.content for message in listed] == ["one", "two"]
    assert listed[0].sequence < listed[1].sequence


def test_other_owners_and_surfaces_do_not_see_a_session(channels):
    stub = session_rpc.SessionServiceStub(channels["session"])
    session_id = create_session(channels["session"])
    for scope in (session.Scope(surface="test", owner="other"), session.Scope(surface="other", owner="somebody")):
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetSession(session.GetSessionRequest(scope=scope, session_id=session_id), timeout=DEADLINE_S)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason_of(caught.value)[0] == "SESSION_NOT_FOUND"


def user(text: str) -> chat.StreamChatRequest:
    return chat.StreamChatRequest(messages=[chat.ChatMessage(role=chat.ChatMessage.ROLE_USER, content=text)])


def test_llm_streams_an_answer(channels):
    events = list(
        chat_rpc.ChatServiceStub(channels["llm"]).StreamChat(user("What is 12 times 12?"), timeout=DEADLINE_S)
    )
    assert events[0].WhichOneof("event") == "started"
    assert events[0].started.engine == "grounded"
    assert "144" in "".join(event.text_delta for event in events)
    assert events[-1].finished.reason == chat.ChatFinished.REASON_STOP
    assert events[-1].finished.skill == "arithmetic"


def picture_messages() -> Iterator[vision.AnalyzeImageRequest]:
    yield vision.AnalyzeImageRequest(config=vision.AnalyzeImageConfig(skip_text=True, enhance=True))
    yield vision.AnalyzeImageRequest(image=small_picture())


def test_vision_analyzes_a_picture(channels):
    stub = vision_rpc.VisionServiceStub(channels["vision"])
    events = list(stub.AnalyzeImage(picture_messages(), timeout=DEADLINE_S))
    result = events[-1].result
    assert result.analysis.dominant_colors[0].name == "blue"
    assert (result.analysis.width, result.analysis.height, result.analysis.format) == (64, 48, "png")
    assert result.enhanced_image.startswith(b"\xff\xd8\xff")
    progress = [event.progress_percent for event in events[:-1]]
    assert progress == sorted(progress)


def recording_messages() -> Iterator[stt.TranscribeRequest]:
    yield stt.TranscribeRequest(config=stt.TranscribeConfig(language="en"))
    yield stt.TranscribeRequest(audio=tone())


def test_stt_tells_that_nobody_speaks(channels):
    events = list(stt_rpc.SttServiceStub(channels["stt"]).Transcribe(recording_messages(), timeout=DEADLINE_S))
    result = events[-1].result
    assert result.text == ""
    assert result.silence == stt.Transcript.SILENCE_NO_SPEECH
    assert result.audio_duration.ToMilliseconds() == 1000


def test_tts_states_the_format_and_speaks(channels):
    stub = tts_rpc.TtsServiceStub(channels["tts"])
    events = list(stub.Synthesize(tts.SynthesizeRequest(text="Hello world", language="en"), timeout=DEADLINE_S))
    started = events[0].started
    assert started.format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    assert (started.format.sample_rate_hz, started.format.channel_count) == (22050, 1)
    samples = sum(len(event.audio) for event in events) // 2
    seconds = samples / started.format.sample_rate_hz
    assert 0.3 < seconds < 5
    assert abs(events[-1].finished.audio_duration.ToMilliseconds() / 1000 - seconds) < 0.05


@pytest.mark.parametrize("name", ["llm", "vision", "stt", "tts"])
def test_engine_describes_itself(channels, name):
    stub, module = {
        "llm": (chat_rpc.ChatServiceStub, chat),
        "vision": (vision_rpc.VisionServiceStub, vision),
        "stt": (stt_rpc.SttServiceStub, stt),
        "tts": (tts_rpc.TtsServiceStub, tts),
    }[name]
    engine = stub(channels[name]).GetEngine(module.GetEngineRequest(), timeout=DEADLINE_S).engine
    assert engine.name
    assert engine.kind
    assert engine.choice_reason
    for limitation in engine.limitations:
        assert limitation.subject
        assert limitation.explanation


def unknown_session(channel: grpc.Channel) -> Any:
    request = session.GetSessionRequest(scope=SCOPE, session_id="unknown")
    return session_rpc.SessionServiceStub(channel).GetSession(request, timeout=DEADLINE_S)


def unknown_job(channel: grpc.Channel) -> Any:
    return jobs_rpc.JobServiceStub(channel).GetJob(jobs.GetJobRequest(scope=SCOPE, job_id="img_x"), timeout=DEADLINE_S)


def foreign_lease(channel: grpc.Channel) -> Any:
    request = jobs.RenewJobRequest(job_id="img_x", lease_token="made up")
    return jobs_rpc.JobServiceStub(channel).RenewJob(request, timeout=DEADLINE_S)


def analyze(*messages: vision.AnalyzeImageRequest) -> Callable[[grpc.Channel], Any]:
    return lambda channel: list(vision_rpc.VisionServiceStub(channel).AnalyzeImage(iter(messages), timeout=DEADLINE_S))


def transcribe(*messages: stt.TranscribeRequest) -> Callable[[grpc.Channel], Any]:
    return lambda channel: list(stt_rpc.SttServiceStub(channel).Transcribe(iter(messages), timeout=DEADLINE_S))


def speak(**fields: Any) -> Callable[[grpc.Channel], Any]:
    return lambda channel: list(
        tts_rpc.TtsServiceStub(channel).Synthesize(tts.SynthesizeRequest(**fields), timeout=DEADLINE_S)
    )


def answer(request: chat.StreamChatRequest) -> Callable[[grpc.Channel], Any]:
    return lambda channel: list(chat_rpc.ChatServiceStub(channel).StreamChat(request, timeout=DEADLINE_S))


LOOK = vision.AnalyzeImageRequest(config=vision.AnalyzeImageConfig())
SEE = vision.AnalyzeImageRequest(image=b"x")
LISTEN = stt.TranscribeRequest(config=stt.TranscribeConfig())
Row = tuple[str, Callable[[grpc.Channel], Any], grpc.StatusCode, str, dict[str, str]]
Code = grpc.StatusCode
REFUSALS = {Code.RESOURCE_EXHAUSTED, Code.UNIMPLEMENTED, Code.INVALID_ARGUMENT, Code.INTERNAL}
ERRORS: dict[str, Row] = {
    "unknown session": ("session", unknown_session, Code.NOT_FOUND, "SESSION_NOT_FOUND", {"sessionId": "unknown"}),
    "unknown job": ("session", unknown_job, Code.NOT_FOUND, "JOB_NOT_FOUND", {"jobId": "img_x"}),
    "no scope": (
        *("session", lambda channel: session_rpc.SessionServiceStub(channel).CreateSession(
            session.CreateSessionRequest(), timeout=DEADLINE_S)),
        *(Code.INVALID_ARGUMENT, "MISSING_FIELD", {}),
    ),
    "no messages": ("llm", answer(chat.StreamChatRequest()), Code.INVALID_ARGUMENT, "MISSING_FIELD", {}),
    "unknown model": (
        *("llm", answer(chat.StreamChatRequest(messages=user("hi").messages, model="none"))),
        *(Code.NOT_FOUND, "MODEL_NOT_FOUND", {"model": "none"}),
    ),
    "picture before config": ("vision", analyze(SEE), Code.INVALID_ARGUMENT, "STREAM_OUT_OF_ORDER", {}),
    "config twice": ("vision", analyze(LOOK, LOOK), Code.INVALID_ARGUMENT, "STREAM_OUT_OF_ORDER", {}),
    "empty stream": ("vision", analyze(), Code.INVALID_ARGUMENT, "STREAM_OUT_OF_ORDER", {}),
    "ZIP as picture": (
        *("vision", analyze(LOOK, vision.AnalyzeImageRequest(image=zip_file()))),
        *(Code.INVALID_ARGUMENT, "UNSUPPORTED_FORMAT", {}),
    ),
    "33 MiB picture": (
        *("vision", analyze(LOOK, *[vision.AnalyzeImageRequest(image=bytes(MIB))] * 33)),
        *(Code.INVALID_ARGUMENT, "PAYLOAD_TOO_LARGE", {}),
    ),
    "no sound": ("stt", transcribe(LISTEN), Code.INVALID_ARGUMENT, "MISSING_FIELD", {"field": "audio"}),
    "ZIP as sound": (
        *("stt", transcribe(LISTEN, stt.TranscribeRequest(audio=zip_file()))),
        *(Code.INVALID_ARGUMENT, "UNSUPPORTED_FORMAT", {}),
    ),
    "Hindi without its model": (
        *("stt", transcribe(
            stt.TranscribeRequest(config=stt.TranscribeConfig(language="hi")), stt.TranscribeRequest(audio=tone()))),
        *(Code.FAILED_PRECONDITION, "UNSUPPORTED_LANGUAGE", {"language": "hi"}),
    ),
    "nothing to say": ("tts", speak(text="  "), Code.INVALID_ARGUMENT, "MISSING_FIELD", {"field": "text"}),
    "unknown voice": ("tts", speak(text="hi", voice="none"), Code.NOT_FOUND, "VOICE_NOT_FOUND", {"voice": "none"}),
    "unknown language": (
        *("tts", speak(text="hi", language="xx")),
        *(Code.FAILED_PRECONDITION, "UNSUPPORTED_LANGUAGE", {"language": "xx"}),
    ),
    "rate out of range": ("tts", speak(text="hi", speaking_rate=9), Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", {}),
}  # fmt: skip


@pytest.mark.parametrize("row", ERRORS, ids=str)
def test_error_has_its_code_and_reason(channels, row):
    service, call, code, reason, metadata = ERRORS[row]
    with pytest.raises(grpc.RpcError) as caught:
        call(channels[service])
    assert caught.value.code() is code, caught.value
    found, facts = reason_of(caught.value)
    assert found == reason
    assert metadata.items() <= facts.items()
    stub = health_pb2_grpc.HealthStub(channels[service])
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status == health_pb2.HealthCheckResponse.SERVING


def test_a_lease_cannot_be_made_up(channels):
    with pytest.raises(grpc.RpcError) as caught:
        foreign_lease(channels["session"])
    assert reason_of(caught.value)[0] in {"LEASE_LOST", "JOB_NOT_FOUND"}


@pytest.mark.parametrize("name", SERVED, ids=str)
def test_oversized_message_and_metadata_are_refused(channels, name):
    method = f"/{sorted(SERVED[name])[0]}/GetEngine"
    call = channels[name].unary_unary(method)
    for message, metadata in ((bytes(100 * MIB), ()), (b"", (("x-big", "a" * 100_000),))):
        with pytest.raises(grpc.RpcError) as caught:
            call(message, metadata=metadata, timeout=DEADLINE_S)
        assert caught.value.code() in {
            Code.RESOURCE_EXHAUSTED,
            Code.UNIMPLEMENTED,
            Code.INVALID_ARGUMENT,
            Code.INTERNAL,
        }
    stub = health_pb2_grpc.HealthStub(channels[name])
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("name", ["llm", "tts"])
def test_unknown_fields_are_ignored_and_garbage_is_refused(channels, name):
    path, good = {
        "llm": ("/quintet.chat.v1.ChatService/StreamChat", user("hello").SerializeToString()),
        "tts": ("/quintet.tts.v1.TtsService/Synthesize", tts.SynthesizeRequest(text="hi").SerializeToString()),
    }[name]
    call = channels[name].unary_stream(path)
    assert list(call(good + b"\xfa\x3f\x03abc", timeout=DEADLINE_S))
    with pytest.raises(grpc.RpcError) as caught:
        list(call(b"\xff\xff\xff", timeout=DEADLINE_S))
    assert caught.value.code() is Code.INVALID_ARGUMENT
