import asyncio
import io
import time
import wave
from array import array

import av
import pytest
from prometheus_client import REGISTRY
from tts_room import room_with

from quintet.media.v1 import audio_pb2, engine_pb2
from quintet.tts.v1 import tts_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_rpc.calls import call_unary
from quintet_rpc.request_context import current_script, request_scope
from quintet_testing import eventually
from quintet_tts.engines.espeak import EspeakEngine
from quintet_tts.engines.scripted import ScriptedEngine

TEXT = "Good morning. The weather is fine today, and the birds sing."
LONG = "Every word of this long story is read aloud, one after the other, without any hurry. " * 200


@pytest.fixture
async def room():
    async with room_with(EspeakEngine()) as room:
        yield room


@pytest.fixture
async def scripted():
    async with room_with(ScriptedEngine(current_script), slots=1, waiting=1) as room:
        yield room


async def test_pcm_is_the_default_and_its_format_is_stated(room):
    started, sound, finished = await room.spoken(text=TEXT)
    assert started.format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    assert (started.format.sample_rate_hz, started.format.channel_count) == (22050, 1)
    assert (started.voice, started.language) == ("en-us", "en")
    assert finished.audio_duration.ToMilliseconds() == pytest.approx(len(sound) / 44.1, abs=1)


async def test_mp3_decodes_to_the_stated_length(room):
    started, sound, finished = await room.spoken(text=TEXT, encoding=audio_pb2.AUDIO_ENCODING_MP3)
    assert started.format.encoding == audio_pb2.AUDIO_ENCODING_MP3
    with av.open(io.BytesIO(sound)) as container:
        frames = list(container.decode(audio=0))
    assert frames[0].sample_rate == 22050
    decoded_ms = sum(frame.samples for frame in frames) / 22.05
    assert decoded_ms == pytest.approx(finished.audio_duration.ToMilliseconds(), rel=0.05)
    assert max(abs(frame.to_ndarray()).max() for frame in frames) > 0.1


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
async def test_pcm_comes_at_the_rate_that_was_asked_for(room, rate):
    _, own, own_finished = await room.spoken(text=TEXT)
    started, sound, finished = await room.spoken(text=TEXT, sample_rate_hz=rate)
    assert started.format.sample_rate_hz == rate
    assert finished.audio_duration.ToNanoseconds() == pytest.approx(len(sound) / 2 / rate * 1e9, abs=1)
    assert finished.audio_duration.ToMilliseconds() == pytest.approx(
        own_finished.audio_duration.ToMilliseconds(), rel=0.005
    )
    assert max(array("h", sound)) == pytest.approx(max(array("h", own)), rel=0.25)


async def test_mp3_of_128_kbit_at_44100_hz(room):
    mp3 = audio_pb2.AUDIO_ENCODING_MP3
    started, sound, finished = await room.spoken(text=TEXT, encoding=mp3, sample_rate_hz=44100, bit_rate_bps=128_000)
    assert (started.format.encoding, started.format.sample_rate_hz) == (mp3, 44100)
    with av.open(io.BytesIO(sound)) as container:
        assert container.streams.audio[0].bit_rate == 128_000
        samples = sum(frame.samples for frame in container.decode(audio=0))
    seconds = finished.audio_duration.ToNanoseconds() / 1e9
    assert seconds <= samples / 44100 <= seconds + 3 * 1152 / 44100
    assert len(sound) * 8 / seconds == pytest.approx(128_000, rel=0.05)


async def test_wav_of_another_rate_has_it_in_its_header(room):
    _, sound, finished = await room.spoken(text=TEXT, encoding=audio_pb2.AUDIO_ENCODING_WAV, sample_rate_hz=16000)
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
    assert (len(sound) - 44) / 32000 == pytest.approx(finished.audio_duration.ToNanoseconds() / 1e9, abs=1e-6)


async def test_wav_is_read_by_players(room):
    _, sound, finished = await room.spoken(text=TEXT, encoding=audio_pb2.AUDIO_ENCODING_WAV)
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22050, 1, 2)
    assert len(sound) - 44 == pytest.approx(finished.audio_duration.ToMilliseconds() * 44.1, abs=50)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({}, Reason.MISSING_FIELD, "text"),
        ({"text": " \n\t\u3000"}, Reason.MISSING_FIELD, "text"),
        ({"text": "\x00\x01\x02"}, Reason.MISSING_FIELD, "text"),
        ({"text": "a" * 20001}, Reason.INVALID_ARGUMENT, "text"),
        ({"text": "a", "speaking_rate": 0.2}, Reason.INVALID_ARGUMENT, "speaking_rate"),
        ({"text": "a", "speaking_rate": 4.1}, Reason.INVALID_ARGUMENT, "speaking_rate"),
        ({"text": "a", "speaking_rate": -1}, Reason.INVALID_ARGUMENT, "speaking_rate"),
        ({"text": "a", "speaking_rate": float("nan")}, Reason.INVALID_ARGUMENT, "speaking_rate"),
        ({"text": "a", "speaking_rate": float("inf")}, Reason.INVALID_ARGUMENT, "speaking_rate"),
        ({"text": "a", "encoding": 99}, Reason.UNSUPPORTED_FORMAT, "encoding"),
        ({"text": "a", "encoding": audio_pb2.AUDIO_ENCODING_PCM_F32LE}, Reason.INVALID_ARGUMENT, "encoding"),
        ({"text": "a", "encoding": audio_pb2.AUDIO_ENCODING_FILE}, Reason.INVALID_ARGUMENT, "encoding"),
        ({"text": "a", "sample_rate_hz": 23000}, Reason.INVALID_ARGUMENT, "sample_rate_hz"),
        ({"text": "a", "sample_rate_hz": -8000}, Reason.INVALID_ARGUMENT, "sample_rate_hz"),
        ({"text": "a", "bit_rate_bps": 31999}, Reason.INVALID_ARGUMENT, "bit_rate_bps"),
        ({"text": "a", "bit_rate_bps": 320001}, Reason.INVALID_ARGUMENT, "bit_rate_bps"),
        ({"text": "a", "bit_rate_bps": -1}, Reason.INVALID_ARGUMENT, "bit_rate_bps"),
        # MP3 of the voice's own 22050 Hz ends at 160 kbit/s, and knows no 100 kbit/s.
        (
            {"text": "a", "encoding": audio_pb2.AUDIO_ENCODING_MP3, "bit_rate_bps": 320_000},
            Reason.INVALID_ARGUMENT,
            "bit_rate_bps",
        ),
        (
            {"text": "a", "encoding": audio_pb2.AUDIO_ENCODING_MP3, "bit_rate_bps": 100_000},
            Reason.INVALID_ARGUMENT,
            "bit_rate_bps",
        ),
    ],
)
async def test_bad_request_is_refused(room, fields, reason, field):
    refusal = await room.refusal(**fields)
    assert (refusal.reason, refusal.metadata["field"]) == (reason, field)


async def test_unknown_language_and_voice_are_refused(room):
    language = await room.refusal(text="a", language="xx-YY")
    assert (language.reason, dict(language.metadata)) == (
        Reason.UNSUPPORTED_LANGUAGE,
        {"language": "xx-YY", "engine": "espeak"},
    )
    voice = await room.refusal(text="a", voice="x" * 10000)
    assert (voice.reason, voice.metadata["voice"]) == (Reason.VOICE_NOT_FOUND, "x" * 64)


@pytest.mark.slow
async def test_longest_text_is_spoken(room):
    _, sound, _ = await room.spoken(text=("word " * 4000), speaking_rate=4.0)
    assert len(sound) > 1_000_000


@pytest.mark.parametrize(("text", "language"), [("ሀለሐመ" * 1250, "en"), ("⠿⠷⠯⠟" * 1250, "ar")])
async def test_text_that_is_read_letter_by_letter_for_hours_ends_at_the_limit(text, language):
    async with room_with(EspeakEngine(), max_audio_s=60) as room:
        sound_bytes = 0
        with pytest.raises(DomainError) as failure:
            async for event in room.synthesize(text=text, language=language):
                sound_bytes += len(event.audio)
        assert failure.value.reason is Reason.MEDIA_TOO_LONG
        assert failure.value.message == "The text is longer than 1 minute of speech"
        assert failure.value.metadata == {"maxSeconds": "60"}
        assert 45 * 44_100 < sound_bytes <= 60 * 44_100
        await asyncio.wait_for(room.slots.wait_idle(), 5)
        assert (await room.spoken(text=TEXT))[1]


async def test_limit_itself_is_spoken():
    with request_scope(script="steps=20"):
        async with room_with(ScriptedEngine(current_script), max_audio_s=2) as room:
            _, _, finished = await room.spoken(text="a")
        assert finished.audio_duration.ToMilliseconds() == 2000
        async with room_with(ScriptedEngine(current_script), max_audio_s=1.9) as room:
            assert (await room.refusal(text="a")).reason is Reason.MEDIA_TOO_LONG


async def test_limitations_travel(room):
    started, _, _ = await room.spoken(text="今日", language="ja-JP")
    assert [limitation.subject for limitation in started.limitations] == ["language:ja"]


async def test_all_voices_come_page_by_page(room):
    everything = (await room.voices(page_size=1000)).voices
    assert len(everything) > 100
    paged, token = [], ""
    while True:
        page = await room.voices(page_size=50, page_token=token)
        paged += page.voices
        token = page.next_page_token
        if not token:
            break
        assert len(page.voices) == 50
    assert paged == list(everything)
    assert len((await room.voices()).voices) == 100
    assert [voice.name for voice in (await room.voices(language="zh", page_size=1)).voices] == ["cmn"]


@pytest.mark.parametrize(
    "fields",
    [{"page_size": -1}, {"page_size": 1001}, {"page_token": "x"}, {"page_token": "999"}, {"page_token": "9" * 5000}],
)
async def test_bad_page_is_refused(room, fields):
    with pytest.raises(DomainError) as failure:
        await room.voices(**fields)
    assert (failure.value.reason, failure.value.metadata["field"]) == (Reason.INVALID_ARGUMENT, next(iter(fields)))


async def test_engine_is_described(room):
    answer = await call_unary(room.stub.GetEngine, pb.GetEngineRequest(), deadline_s=5)
    assert (answer.engine.name, answer.engine.kind) == ("espeak", engine_pb2.Engine.KIND_EMBEDDED)
    assert {"en", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "zh", "ar", "hi", "ur", "th", "mr"} <= set(
        answer.engine.languages
    )


async def test_twenty_cancelled_calls_leave_the_engine_idle(room):
    idle_s = []
    for number in range(20):
        encoding = [audio_pb2.AUDIO_ENCODING_PCM_S16LE, audio_pb2.AUDIO_ENCODING_MP3][number % 2]
        call = room.synthesize(text=LONG, encoding=encoding)
        for _ in range(3):
            await anext(call)
        assert room.slots.active == 1
        cancelled = time.perf_counter()
        await call.aclose()
        await asyncio.wait_for(room.slots.wait_idle(), 5)
        idle_s.append(time.perf_counter() - cancelled)
    idle_s.sort()
    print(f"idle after a cancelled call: p50 {idle_s[10] * 1e3:.1f} ms, p95 {idle_s[18] * 1e3:.1f} ms")
    assert idle_s[18] < 0.05
    assert idle_s[19] < 0.25


async def test_three_callers_hear_what_they_asked_for(room):
    requests = [{"text": TEXT * 3, "language": language} for language in ("en", "de", "hi")]
    alone = [await room.spoken(**fields) for fields in requests]
    together = await asyncio.gather(*(room.spoken(**fields) for fields in requests))
    for (started, sound, _), (started_alone, sound_alone, _) in zip(together, alone, strict=True):
        assert started == started_alone
        assert len(sound) == pytest.approx(len(sound_alone), rel=0.005)


async def test_reader_that_stops_loses_its_call_and_frees_the_slot():
    async with room_with(EspeakEngine(), stalled_reader_s=0.2) as room:
        call = room.stub.Synthesize(pb.SynthesizeRequest(text=LONG), timeout=30)
        assert (await call.read()).HasField("started")

        async def freed():
            return room.slots.active == 0

        await eventually(freed, within_s=5)
        assert (await room.spoken(text=TEXT))[1]
        call.cancel()


async def test_full_engine_refuses_at_once(scripted):
    with request_scope(script="steps=1000,interval_ms=1000"):
        first, second = scripted.synthesize(text="a"), scripted.synthesize(text="b")
        await anext(first)
        waiting = asyncio.create_task(anext(second))

        async def queued():
            return scripted.slots.waiting

        await eventually(queued)
        refusal = await scripted.refusal(text="c")
        assert refusal.reason is Reason.ENGINE_BUSY
        assert int(refusal.metadata["retryAfterSeconds"]) >= 1
        await first.aclose()
        assert (await asyncio.wait_for(waiting, 5)).HasField("started")
        await second.aclose()


async def test_script_sets_length_and_error(scripted):
    with request_scope(script="steps=30,burst=10"):
        _, sound, finished = await scripted.spoken(text="a")
    assert finished.audio_duration.ToMilliseconds() == 3000
    assert len(sound) == 3 * 44100
    with request_scope(script="steps=9,error=ENGINE_FAILED,error_after=2"):
        call = scripted.synthesize(text="a")
        seen = [await anext(call) for _ in range(3)]
        with pytest.raises(DomainError) as failure:
            await anext(call)
    assert [event.WhichOneof("event") for event in seen] == ["started", "audio", "audio"]
    assert failure.value.reason is Reason.ENGINE_FAILED


async def test_work_is_measured(room):
    def count(name, labels):
        return REGISTRY.get_sample_value(f"{name}_count", labels) or 0

    first = ("quintet_first_audio_seconds", {"engine": "espeak"})
    factor = ("quintet_real_time_factor", {"service": "tts", "engine": "espeak"})
    before = count(*first), count(*factor)
    await room.spoken(text=TEXT)
    assert (count(*first), count(*factor)) == (before[0] + 1, before[1] + 1)
