"""Speech and hearing over real gRPC: texts to sound, whole or while they are written, and recordings to text."""

import asyncio
from contextlib import aclosing

import pytest
from scripted_services import ScriptedServices

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AUDIO_ENCODING_PCM_S16LE, AUDIO_ENCODING_WAV
from quintet.tts.v1.tts_service_pb2 import StreamingSynthesizeResponse
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.voice import Hearing, Speech, SpeechOptions, SpeechStarted, TextSpoken
from quintet_gateway.clients.stt import SttClient
from quintet_gateway.clients.tts import TtsClient
from quintet_testing import serve

BROKEN = DomainError(Reason.ENGINE_FAILED, "The engine broke.", {})


@pytest.fixture
async def services():
    return ScriptedServices()


@pytest.fixture
async def channel(services):
    async with serve(services.register) as channel:
        yield channel


@pytest.fixture
async def speech(channel):
    return Speech(TtsClient(channel))


class Source:
    """Texts that end, fail, or wait for `more`; it knows whether it was closed."""

    def __init__(self, *texts, failure=None, more=None):
        self.texts = texts
        self.failure = failure
        self.more = more
        self.closed = asyncio.Event()

    async def __aiter__(self):
        try:
            for text in self.texts:
                yield text
            if self.more:
                await self.more.wait()
            if self.failure:
                raise self.failure
        finally:
            self.closed.set()


async def stopped(service):
    """Waits until the call to a service has ended there."""
    async with asyncio.timeout(10):
        await service.stopped.wait()


async def all_of(stream):
    async with aclosing(stream) as events:
        return [event async for event in events]


async def test_whole_text_is_said_as_asked(services, speech):
    options = SpeechOptions("hi", "anna", 1.5, AUDIO_ENCODING_MP3, 24_000, 64_000)
    spoken = await speech.say("Hello", options)
    assert (spoken.audio, spoken.language, spoken.duration_s) == (b"ID3Hello", "hi", 1.5)
    assert (spoken.format.encoding, spoken.limitations) == (AUDIO_ENCODING_MP3, ("It is a script.",))
    (asked,) = services.tts.requests
    assert (asked.text, asked.language, asked.voice, asked.speaking_rate) == ("Hello", "hi", "anna", 1.5)
    assert (asked.encoding, asked.sample_rate_hz, asked.bit_rate_bps) == (AUDIO_ENCODING_MP3, 24_000, 64_000)


async def test_texts_are_streamed_as_asked(services, speech):
    options = SpeechOptions("hi", "anna", 0.5, AUDIO_ENCODING_WAV, 24_000, 64_000)
    events = await all_of(speech.stream(Source("One. ", "Three."), options))
    started = events[0]
    assert isinstance(started, SpeechStarted)
    assert (started.language, started.limitations) == ("hi", ("It is a script.",))
    assert started.format.encoding == AUDIO_ENCODING_WAV
    sound = services.tts.sound_of
    assert events[1:] == [sound("One. "), TextSpoken(0, 0.05), sound("Three."), TextSpoken(1, 0.11)]
    (asked,) = services.tts.configs
    assert (asked.language, asked.voice, asked.speaking_rate) == ("hi", "anna", 0.5)
    assert (asked.encoding, asked.sample_rate_hz, asked.bit_rate_bps) == (AUDIO_ENCODING_WAV, 24_000, 64_000)


async def test_language_without_a_voice_is_spoken_in_english(services, speech):
    services.tts.unspoken = {"mr"}
    options = SpeechOptions("mr", "anna", encoding=AUDIO_ENCODING_PCM_S16LE)
    spoken = await speech.say("नमस्कार", options)
    assert spoken.language == "en"
    assert [(asked.language, asked.voice) for asked in services.tts.requests] == [("mr", "anna"), ("en", "anna")]

    source = Source("नमस्कार.", "ठीक.")
    started, *_ = await all_of(speech.stream(source, options))
    assert started.language == "en"
    assert [(asked.language, asked.voice) for asked in services.tts.configs] == [("mr", "anna"), ("en", "anna")]
    assert services.tts.texts == ["नमस्कार.", "ठीक."]


async def test_without_an_english_voice_nothing_is_said(services, speech):
    services.tts.unspoken = {"mr", "en"}
    with pytest.raises(DomainError) as failed:
        await speech.say("Hello", SpeechOptions("mr"))
    assert failed.value.reason is Reason.UNSUPPORTED_LANGUAGE
    with pytest.raises(DomainError) as failed:
        await all_of(speech.stream(Source("Hello"), SpeechOptions("mr")))
    assert failed.value.reason is Reason.UNSUPPORTED_LANGUAGE
    assert len(services.tts.requests) == len(services.tts.configs) == 2


async def test_other_failures_are_not_tried_in_english(services, speech):
    services.tts.failure = BROKEN
    with pytest.raises(DomainError) as failed:
        await all_of(speech.stream(Source("Hola"), SpeechOptions("es")))
    assert failed.value.reason is Reason.ENGINE_FAILED
    assert len(services.tts.configs) == 1


async def test_nothing_to_say_asks_nobody(services, speech):
    assert await all_of(speech.stream(Source(), SpeechOptions())) == []
    assert services.tts.configs == []


async def test_sound_comes_while_the_texts_are_still_written(services, speech):
    source = Source("One.", more=asyncio.Event())
    async with aclosing(speech.stream(source, SpeechOptions())) as events:
        assert isinstance(await anext(events), SpeechStarted)
        assert await anext(events) == services.tts.sound_of("One.")
        assert not source.closed.is_set()
    assert source.closed.is_set()
    await stopped(services.tts)


async def test_failing_source_fails_the_stream_and_stops_the_voice(services, speech):
    for texts in ((), ("One.",)):
        with pytest.raises(ValueError, match="no more"):
            await all_of(speech.stream(Source(*texts, failure=ValueError("no more")), SpeechOptions()))
    await stopped(services.tts)


class HastyTts:
    """Speaks without asking for a text."""

    async def synthesize_texts(self, messages):
        yield StreamingSynthesizeResponse(audio=b"12")


async def test_source_that_is_not_read_is_ended_too():
    source = Source("One.", "Two.")
    async with aclosing(Speech(HastyTts()).stream(source, SpeechOptions())) as events:
        assert await anext(events) == b"12"
        assert not source.closed.is_set()
    assert source.closed.is_set()


async def recording():
    yield b"RIFF"
    yield b"1234"


async def test_recording_is_transcribed(services, channel):
    told = []
    transcript = await Hearing(SttClient(channel)).transcribe(recording(), "hi", told.append, cut_s=30)
    assert transcript.text == "What time is it?"
    assert services.stt.configs[0].cut_after.seconds == 30
    assert (bytes(services.stt.heard), services.stt.configs[0].language, told) == (b"RIFF1234", "hi", [50])
    assert (services.stt.configs[0].likely_language, list(services.stt.configs[0].languages)) == ("en", [])


async def test_recording_is_heard_in_the_languages_that_people_speak(services, channel):
    await Hearing(SttClient(channel)).transcribe(recording(), likely_language="mr", languages=("en", "hi", "mr"))
    config = services.stt.configs[0]
    assert (config.language, config.likely_language, list(config.languages)) == ("", "mr", ["en", "hi", "mr"])


async def test_recording_without_a_result_is_an_error(services, channel):
    services.stt.transcript = None
    with pytest.raises(DomainError) as failed:
        await Hearing(SttClient(channel)).transcribe(recording())
    assert failed.value.reason is Reason.ENGINE_FAILED
