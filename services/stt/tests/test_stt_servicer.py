"""The service over gRPC: uploads, errors, progress, cancellation, admission."""

import asyncio
import io
import tracemalloc
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from quintet.media.v1 import engine_pb2
from quintet.stt.v1 import stt_service_pb2 as pb
from quintet.stt.v1 import stt_service_pb2_grpc as rpc
from quintet_errors import DomainError, Reason
from quintet_errors.status import from_rpc_error
from quintet_rpc.calls import call_stream
from quintet_rpc.request_context import request_scope
from quintet_stt.process import build
from quintet_stt.settings import SttSettings
from quintet_testing import eventually, serve


def wav(seconds: float) -> bytes:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(round(seconds * 16_000) * 2))
    return sink.getvalue()


def upload(
    audio: bytes, *, language: str = "", word_times: bool = False, cut_s: int | None = None
) -> Iterator[pb.TranscribeRequest]:
    cut_after = None if cut_s is None else Duration(seconds=cut_s)
    config = pb.TranscribeConfig(language=language, word_times=word_times, cut_after=cut_after)
    yield pb.TranscribeRequest(config=config)
    for start in range(0, len(audio), 65_536):
        yield pb.TranscribeRequest(audio=audio[start : start + 65_536])


@asynccontextmanager
async def stub_of(tmp_path: Path, **settings: object) -> AsyncIterator[rpc.SttServiceStub]:
    service = build(SttSettings(data_dir=tmp_path, **{"engine": "scripted", **settings}))
    async with serve(service.register) as channel:
        await service.warm_up()
        try:
            yield rpc.SttServiceStub(channel)
        finally:
            await service.close()


async def events_of(stub: rpc.SttServiceStub, requests: Iterator[pb.TranscribeRequest]) -> list[pb.TranscribeResponse]:
    return [event async for event in call_stream(stub.Transcribe, requests, deadline_s=60)]


async def error_of(stub: rpc.SttServiceStub, requests: Iterator[pb.TranscribeRequest]) -> DomainError:
    with pytest.raises(DomainError) as failure:
        await events_of(stub, requests)
    return failure.value


async def test_progress_then_one_result(tmp_path):
    async with stub_of(tmp_path) as stub:
        with request_scope(script="steps=4,text=twelve times twelve"):
            events = await events_of(stub, upload(wav(2), language="en", word_times=True))
    assert [event.progress_percent for event in events[:-1]] == [20, 40, 60, 80]
    result = events[-1].result
    assert result.text == "twelve times twelve"
    assert [word.text for word in result.segments[0].words] == ["twelve", "times", "twelve"]
    assert result.segments[0].end_offset.ToMilliseconds() == 2000
    assert result.audio_duration.ToMilliseconds() == 2000
    assert result.processing_duration.ToMilliseconds() < 5000
    assert result.silence == pb.Transcript.SILENCE_UNSPECIFIED


async def test_long_recording_is_cut_where_the_caller_says(tmp_path):
    async with stub_of(tmp_path, max_audio_seconds=60) as stub:
        result = (await events_of(stub, upload(wav(100), language="en", cut_s=30)))[-1].result
        assert result.audio_duration.seconds == 30
        whole = (await events_of(stub, upload(wav(2), language="en", cut_s=30)))[-1].result
        assert whole.audio_duration.seconds == 2
        assert (await error_of(stub, upload(wav(100)))).reason is Reason.MEDIA_TOO_LONG
        assert (await error_of(stub, upload(wav(2), cut_s=0))).reason is Reason.INVALID_ARGUMENT


async def test_real_engine_end_to_end(tmp_path, speech_wav):
    async with stub_of(tmp_path, engine="pocketsphinx") as stub:
        result = (await events_of(stub, upload(speech_wav, language="en-US")))[-1].result
        assert result.text
        assert result.language == "en"
        assert 0 < result.confidence <= 1
        quiet = (await events_of(stub, upload(wav(3))))[-1].result
        assert (quiet.text, quiet.silence) == ("", pb.Transcript.SILENCE_TOO_QUIET)
        failure = await error_of(stub, upload(speech_wav, language="hi"))
        assert failure.reason is Reason.UNSUPPORTED_LANGUAGE
        assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
        engine = (await stub.GetEngine(pb.GetEngineRequest())).engine
    assert engine.kind == engine_pb2.Engine.KIND_EMBEDDED
    assert list(engine.languages) == ["en"]
    assert {limit.remedy for limit in engine.limitations if limit.subject == "languages"} == {
        "quintet models pull whisper-base"
    }


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ([], Reason.STREAM_OUT_OF_ORDER),
        ([pb.TranscribeRequest(audio=b"RIFF")], Reason.STREAM_OUT_OF_ORDER),
        ([pb.TranscribeRequest(config=pb.TranscribeConfig())] * 2, Reason.STREAM_OUT_OF_ORDER),
        ([pb.TranscribeRequest()], Reason.STREAM_OUT_OF_ORDER),
        (list(upload(b"")), Reason.MISSING_FIELD),
        (list(upload(b"R")), Reason.UNSUPPORTED_FORMAT),
        (list(upload(b"#EXTM3U\n/etc/passwd\n")), Reason.UNSUPPORTED_FORMAT),
        (list(upload(b"OggS\0" + bytes(500))), Reason.UNDECODABLE_MEDIA),
        (list(upload(wav(1), language="??")), Reason.INVALID_ARGUMENT),
        (list(upload(bytes((32 << 20) + 1))), Reason.PAYLOAD_TOO_LARGE),
    ],
)
async def test_bad_input_gets_its_reason_and_the_next_request_works(tmp_path, requests, reason):
    async with stub_of(tmp_path) as stub:
        assert (await error_of(stub, iter(requests))).reason is reason
        assert (await events_of(stub, upload(wav(1))))[-1].result.text


async def test_longer_than_the_limit(tmp_path):
    async with stub_of(tmp_path, max_audio_seconds=60) as stub:
        failure = await error_of(stub, upload(wav(61)))
    assert (failure.reason, failure.message) == (Reason.MEDIA_TOO_LONG, "Audio is longer than 1 minute")
    assert failure.metadata == {"maxSeconds": "60"}


async def test_long_language_tag_is_repeated_in_part(tmp_path, speech_wav):
    async with stub_of(tmp_path, engine="pocketsphinx") as stub:
        failure = await error_of(stub, upload(speech_wav, language="fr" + "-abcdefgh" * 2000))
    assert failure.reason is Reason.UNSUPPORTED_LANGUAGE
    assert failure.metadata == {"language": ("fr" + "-abcdefgh" * 7)[:64], "engine": "pocketsphinx"}
    assert len(failure.message) < 200


async def test_uploads_beyond_the_memory_of_all_are_refused(tmp_path):
    go_on = asyncio.Event()

    async def halting():
        yield pb.TranscribeRequest(config=pb.TranscribeConfig())
        for _ in range(20):
            yield pb.TranscribeRequest(audio=bytes(1 << 20))
        await go_on.wait()

    async with stub_of(tmp_path, upload_memory_mib=32) as stub:
        first, second = (stub.Transcribe(halting(), timeout=20) for _ in range(2))
        codes = asyncio.as_completed([first.code(), second.code()])
        assert await next(codes) is grpc.StatusCode.RESOURCE_EXHAUSTED
        go_on.set()
        assert await next(codes) is grpc.StatusCode.INVALID_ARGUMENT
        assert (await events_of(stub, upload(wav(1))))[-1].result.text


async def test_file_is_gone_once_it_is_decoded(tmp_path):
    def padded():
        yield pb.TranscribeRequest(config=pb.TranscribeConfig())
        # A chunk that players skip: zeros without a header would be read as millions of empty chunks.
        yield pb.TranscribeRequest(audio=wav(1) + b"junk" + (20 << 20).to_bytes(4, "little"))
        for _ in range(20):
            yield pb.TranscribeRequest(audio=bytes(1 << 20))

    script = (("x-quintet-script", "steps=1000,interval_ms=20"),)
    async with stub_of(tmp_path, upload_memory_mib=32) as stub:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            first = stub.Transcribe(padded(), timeout=60, metadata=script)
            await first.read()
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # The memory of a second file is free, too.
        second = stub.Transcribe(padded(), timeout=60, metadata=script)
        await second.read()
        assert peak - before > 20 << 20
        assert after - before < 8 << 20
        first.cancel()
        second.cancel()


async def test_engine_error_ends_the_stream_after_its_progress(tmp_path):
    script = (("x-quintet-script", "steps=4,error=ENGINE_FAILED,error_after=2"),)
    seen = []
    async with stub_of(tmp_path) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for event in stub.Transcribe(upload(wav(1)), timeout=30, metadata=script):
                seen.append(event.progress_percent)
    assert seen == [20, 40]
    assert from_rpc_error(failure.value).reason is Reason.ENGINE_FAILED


async def test_full_lane_refuses_at_once_and_cancelled_calls_free_it(tmp_path):
    async with stub_of(tmp_path, slots=1, waiting=0) as stub:
        held = stub.Transcribe(upload(wav(1)), metadata=(("x-quintet-script", "steps=1000,interval_ms=20"),))
        await held.read()
        refused = await error_of(stub, upload(wav(1)))
        assert refused.reason is Reason.ENGINE_BUSY
        assert int(refused.metadata["retryAfterSeconds"]) >= 1
        held.cancel()
        await eventually(lambda: _succeeds(stub))


async def test_long_recordings_have_a_lane_of_their_own(tmp_path):
    async with stub_of(tmp_path, slots=1, waiting=0, long_audio_seconds=5, long_waiting=0) as stub:
        held = stub.Transcribe(upload(wav(6)), metadata=(("x-quintet-script", "steps=1000,interval_ms=20"),))
        await held.read()
        assert (await events_of(stub, upload(wav(1))))[-1].result.text
        assert (await error_of(stub, upload(wav(6)))).reason is Reason.ENGINE_BUSY
        held.cancel()


async def test_deadline_ends_the_work(tmp_path):
    async with stub_of(tmp_path, slots=1, waiting=0) as stub:
        call = stub.Transcribe(
            upload(wav(1)), timeout=0.3, metadata=(("x-quintet-script", "steps=1000,interval_ms=20"),)
        )
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            async for _ in call:
                pass
        assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await eventually(lambda: _succeeds(stub))


async def test_a_hundred_uploads_at_once(tmp_path):
    async with stub_of(tmp_path, slots=4, waiting=100) as stub:
        ended = await asyncio.gather(*(events_of(stub, upload(wav(1))) for _ in range(100)))
    assert all(events[-1].result.text for events in ended)


async def _succeeds(stub: rpc.SttServiceStub) -> bool:
    try:
        return bool((await events_of(stub, upload(wav(1))))[-1].result.text)
    except DomainError as error:
        assert error.reason is Reason.ENGINE_BUSY  # noqa: PT017
        return False
