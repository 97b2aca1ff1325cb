"""StreamingSynthesize: texts that are spoken one behind the other while they are still written."""

import asyncio
import io
import wave
from array import array
from contextlib import aclosing
from itertools import pairwise

import av
import pytest
from prometheus_client import REGISTRY
from tts_room import Talk, kinds, room_with, sound_of

from quintet.media.v1 import audio_pb2
from quintet_errors import DomainError, Reason
from quintet_rpc.request_context import current_script, request_scope
from quintet_testing import eventually
from quintet_tts.engines.espeak import EspeakEngine
from quintet_tts.engines.scripted import ScriptedEngine

SENTENCES = ("It is noon. ", "The birds sing in the old trees! ", "Is it warm? ")
LONG = "Every word of this long story is read aloud, one after the other, without any hurry. " * 200
MINUTES = LONG[: len(LONG) // 5]
RATE = 22050


class WatchedEngine:
    """An engine that keeps account of what another one was asked, how much it made, and when it stopped."""

    def __init__(self, engine):
        self._engine = engine
        self.announce, self.voices, self.info = engine.announce, engine.voices, engine.info
        self.warm_up, self.close = engine.warm_up, engine.close
        self.texts = []
        self.pieces = 0
        self.at_work = 0

    async def speak(self, request):
        self.texts.append(request.text)
        self.at_work += 1
        try:
            async with aclosing(self._engine.speak(request)) as events:
                async for event in events:
                    self.pieces += isinstance(event, bytes)
                    yield event
        finally:
            self.at_work -= 1


@pytest.fixture(params=["espeak", "scripted"])
async def room(request):
    engine = EspeakEngine() if request.param == "espeak" else ScriptedEngine(current_script)
    async with room_with(engine) as room:
        yield room


@pytest.fixture
async def espeak():
    async with room_with(EspeakEngine()) as room:
        yield room


@pytest.fixture
async def scripted():
    async with room_with(ScriptedEngine(current_script), slots=1, waiting=0) as room:
        yield room


def ends(events):
    return [event.spoken.end_offset.ToNanoseconds() / 1e9 for event in events if event.HasField("spoken")]


def length_s(events):
    return events[-1].finished.audio_duration.ToNanoseconds() / 1e9


async def test_the_format_is_told_before_the_first_text_comes(room):
    talk = await Talk(room).begin(sample_rate_hz=24000)
    started = (await talk.read()).started
    assert (started.format.sample_rate_hz, started.format.channel_count, started.language) == (24000, 1, "en")
    assert room.slots.active == 0
    # The last sound is 2 ms of silence that the resampler held back.
    assert kinds(await talk.spoken("Hello.")) == ["audio", "spoken", "audio", "finished"]


async def test_each_text_is_sent_before_the_next_one_comes(room):
    talk = await Talk(room).begin()
    assert (await talk.read()).HasField("started")
    sound_bytes = 0
    for index, text in enumerate(SENTENCES):
        await talk.say(text)
        while not (event := await talk.read()).HasField("spoken"):
            assert 0 < len(event.audio) <= 65536
            sound_bytes += len(event.audio)
        assert event.spoken.index == index
        end_s = event.spoken.end_offset.ToNanoseconds() / 1e9
        assert end_s <= sound_bytes / 2 / RATE <= end_s + 0.02
    await talk.call.done_writing()
    last = await talk.rest()
    assert [event.WhichOneof("event") for event in last] == ["finished"]
    assert length_s(last) == pytest.approx(sound_bytes / 2 / RATE, abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
async def test_resampled_sound_of_a_text_is_sent_before_it_is_called_spoken(room, rate):
    talk = await Talk(room).begin(sample_rate_hz=rate)
    events = await talk.spoken(*SENTENCES)
    sent = 0
    for event in events:
        sent += len(event.audio)
        if event.HasField("spoken"):
            assert sent / 2 / rate >= event.spoken.end_offset.ToNanoseconds() / 1e9
    assert ends(events) == sorted(ends(events))
    assert length_s(events) == pytest.approx(sent / 2 / rate, abs=1e-6)


async def test_wav_has_one_header_and_mp3_is_one_stream(room):
    pcm = sound_of(await (await Talk(room).begin(sample_rate_hz=44100)).spoken(*SENTENCES))
    wav = await (await Talk(room).begin(sample_rate_hz=44100, encoding=audio_pb2.AUDIO_ENCODING_WAV)).spoken(*SENTENCES)
    assert sound_of(wav).count(b"RIFF") == 1
    with wave.open(io.BytesIO(sound_of(wav))) as file:
        assert file.getframerate() == 44100
    assert len(sound_of(wav)) - 44 == pytest.approx(len(pcm), rel=0.005)
    talk = await Talk(room).begin(sample_rate_hz=44100, encoding=audio_pb2.AUDIO_ENCODING_MP3, bit_rate_bps=128_000)
    mp3 = await talk.spoken(*SENTENCES)
    with av.open(io.BytesIO(sound_of(mp3))) as container:
        assert container.streams.audio[0].bit_rate == 128_000
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert length_s(mp3) <= samples / 44100 <= length_s(mp3) + 3 * 1152 / 44100


def quiet_runs(pcm):
    """Lists (start, length) in seconds of each stretch of more than 20 ms that nobody hears."""
    loud = [at for at, sample in enumerate(array("h", pcm)) if abs(sample) > 64]
    return [(one / RATE, (after - one) / RATE) for one, after in pairwise(loud) if after - one > 0.02 * RATE]


@pytest.mark.parametrize(
    ("texts", "shortest", "longest"),
    [
        (("It is noon. ", "All is well."), 0.15, 0.25),
        (("यह ठीक है। ", "आज मौसम अच्छा है।"), 0.15, 0.25),
        (("It is noon\n", "All is well."), 0.15, 0.25),
        (("It is noon, ", "all is well."), 0.07, 0.15),
        (("all the birds ", "will sing"), 0.02, 0.1),
    ],
)
async def test_pause_between_texts_is_that_of_a_speaker(espeak, texts, shortest, longest):
    language = "en" if texts[0].isascii() else "hi"
    events = await (await Talk(espeak).begin(language=language)).spoken(*texts)
    end_s = ends(events)[0]
    pcm = sound_of(events)
    (pause,) = [(start, length) for start, length in quiet_runs(pcm) if start <= end_s <= start + length]
    assert shortest <= pause[1] <= longest
    # A sound that was cut off would fall from its height to nothing within a sample: a click.
    samples = array("h", pcm)
    first, last = round(pause[0] * RATE), round(sum(pause) * RATE)
    assert abs(samples[first] - samples[first + 1]) < 400
    assert abs(samples[last] - samples[last - 1]) < 400


async def test_pause_follows_the_speed(espeak):
    async def pause(rate):
        events = await (await Talk(espeak).begin(speaking_rate=rate)).spoken("It is noon. ", "All is well.")
        return max(length for start, length in quiet_runs(sound_of(events)) if start <= ends(events)[0])

    assert await pause(2.0) < 0.15 < await pause(1.0) < 0.25 < await pause(0.5)


async def test_text_without_sound_is_spoken_too(espeak):
    events = await (await Talk(espeak).begin()).spoken("— ", "It is noon. ", "... ", "All is well.")
    assert [event.spoken.index for event in events if event.HasField("spoken")] == [0, 1, 2, 3]
    offsets = ends(events)
    assert offsets[0] == 0
    assert 0 < offsets[1] == offsets[2] < offsets[3]


async def test_no_text_is_no_sound(room):
    events = await (await Talk(room).begin()).spoken()
    assert kinds(events) == ["started", "finished"]
    assert length_s(events) == 0


@pytest.mark.parametrize("language", ["hi", "mr"])
async def test_hindi_and_marathi_stream_in_their_own_voices(espeak, language):
    events = await (await Talk(espeak).begin(language=language)).spoken("नमस्कार। ", "तुम्ही कसे आहात?")
    assert (events[0].started.voice, events[0].started.language) == (language, language)
    assert 1 < length_s(events) < 5
    assert max(array("h", sound_of(events))) > 5000


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"text": "first"}], Reason.STREAM_OUT_OF_ORDER),
        ([{}], Reason.STREAM_OUT_OF_ORDER),
        ([], Reason.STREAM_OUT_OF_ORDER),
        ([{"config": {}}, {"config": {}}], Reason.STREAM_OUT_OF_ORDER),
        ([{"config": {}}, {"text": "one"}, {}], Reason.STREAM_OUT_OF_ORDER),
        ([{"config": {}}, {"text": " \n"}], Reason.MISSING_FIELD),
        ([{"config": {}}, {"text": ""}], Reason.MISSING_FIELD),
        ([{"config": {}}, {"text": "a" * 20001}], Reason.INVALID_ARGUMENT),
        ([{"config": {"sample_rate_hz": 1}}], Reason.INVALID_ARGUMENT),
        ([{"config": {"encoding": audio_pb2.AUDIO_ENCODING_FILE}}], Reason.INVALID_ARGUMENT),
        ([{"config": {"encoding": audio_pb2.AUDIO_ENCODING_MP3, "bit_rate_bps": 320_000}}], Reason.INVALID_ARGUMENT),
        ([{"config": {"speaking_rate": 9}}], Reason.INVALID_ARGUMENT),
        ([{"config": {"voice": "nobody"}}], Reason.VOICE_NOT_FOUND),
    ],
)
async def test_wrong_messages_are_refused(room, messages, reason):
    talk = Talk(room)
    for message in messages:
        await talk.send(**message)
    await talk.call.done_writing()
    with pytest.raises(DomainError) as failure:
        await talk.rest()
    assert failure.value.reason is reason
    await asyncio.wait_for(room.slots.wait_idle(), 5)


async def test_texts_of_one_call_are_bounded(scripted):
    with request_scope(script="steps=1"):
        talk = await Talk(scripted).begin()
        await talk.say(*["a" * 20_000] * 5, "b")
        await talk.call.done_writing()
        with pytest.raises(DomainError) as failure:
            await talk.rest()
    assert (failure.value.reason, failure.value.metadata["field"]) == (Reason.INVALID_ARGUMENT, "text")


async def test_sound_of_one_call_is_bounded():
    async with room_with(ScriptedEngine(current_script), max_audio_s=2.5) as room:
        with request_scope(script="steps=10"):
            talk = await Talk(room).begin()
            await talk.say("a", "b", "c")
            with pytest.raises(DomainError) as failure:
                await talk.rest()
    assert failure.value.reason is Reason.MEDIA_TOO_LONG


async def test_caller_that_sends_nothing_loses_the_call_and_held_no_slot():
    async with room_with(ScriptedEngine(current_script), slots=1, waiting=0, idle_caller_s=0.3) as room:
        silent = Talk(room)
        talk = await Talk(room).begin()
        await talk.say("One.")
        while not (await talk.read()).HasField("spoken"):
            pass
        # The only slot is free although the call is open.
        assert (await room.spoken(text="Two."))[1]
        for idle in (talk, silent):
            with pytest.raises(DomainError) as failure:
                await idle.rest()
            assert failure.value.reason is Reason.DEADLINE_EXCEEDED
        assert room.slots.active == 0


async def test_full_engine_refuses_the_first_text_but_not_a_later_one(scripted):
    with request_scope(script="steps=2"):
        begun = await Talk(scripted).begin()
        await begun.say("a")
        while not (await begun.read()).HasField("spoken"):
            pass
    with request_scope(script="steps=1000,interval_ms=1000"):
        blocking = scripted.synthesize(text="b")
        await anext(blocking)
    refused = await Talk(scripted).begin()
    await refused.say("c")
    await refused.call.done_writing()
    with pytest.raises(DomainError) as failure:
        await refused.rest()
    assert failure.value.reason is Reason.ENGINE_BUSY
    await begun.say("d")

    async def waits():
        return scripted.slots.waiting

    await eventually(waits)
    await blocking.aclose()
    await begun.call.done_writing()
    assert kinds(await begun.rest()) == ["audio", "spoken", "finished"]


async def test_cancelled_call_stops_the_voice_between_two_buffers():
    engine = WatchedEngine(ScriptedEngine(current_script))
    async with room_with(engine) as room:
        with request_scope(script="steps=10000,interval_ms=1"):
            talk = await Talk(room).begin()
            await talk.say("One.", "Two.")
        for _ in range(4):
            await talk.read()
        assert engine.at_work == 1
        talk.call.cancel()

        async def stopped():
            return engine.at_work == 0 and room.slots.active == 0

        await eventually(stopped)
        made = engine.pieces
        assert made < 9000
        assert engine.texts == ["One."]
        # Another call runs to its end meanwhile; the stopped one makes nothing more.
        with request_scope(script="steps=3"):
            await room.spoken(text="Three.")
        assert engine.pieces == made + 3


async def test_cancel_frees_the_thread_of_espeak(espeak):
    talk = await Talk(espeak).begin(encoding=audio_pb2.AUDIO_ENCODING_MP3)
    await talk.say(LONG, LONG)
    for _ in range(3):
        await talk.read()
    assert espeak.slots.active == 1
    talk.call.cancel()
    await asyncio.wait_for(espeak.slots.wait_idle(), 5)
    assert (await espeak.spoken(text="Free."))[1]


async def test_texts_are_read_only_as_they_are_spoken():
    engine = WatchedEngine(EspeakEngine())
    async with room_with(engine, stalled_reader_s=1.0) as room:
        talk = await Talk(room).begin()
        await talk.say(*[MINUTES] * 5)
        await talk.read()
        # Nobody takes the sound: that of the first text alone is more than the transport holds.

        async def lost():
            return len(engine.texts) > 0 and engine.at_work == 0

        await eventually(lost, within_s=10)
        assert engine.texts == [MINUTES]
        assert room.slots.active == 0
        talk.call.cancel()


async def test_work_is_measured_from_the_first_text(room):
    engine = room.engine_name

    def value(name, **labels):
        return REGISTRY.get_sample_value(f"quintet_{name}", labels) or 0

    def values():
        return (
            value("first_audio_seconds_count", engine=engine),
            value("first_audio_seconds_sum", engine=engine),
            value("real_time_factor_count", service="tts", engine=engine),
            value("engine_wait_seconds_count", service="tts"),
        )

    before = values()
    talk = await Talk(room).begin()
    await talk.read()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await talk.spoken("It is noon. ", "All is well.")
    took = loop.time() - began
    after = values()
    assert [after[at] - before[at] for at in (0, 2, 3)] == [1, 1, 2]
    assert 0 < after[1] - before[1] < took
