"""Replies over real gRPC: text and sound side by side, stopped, failing, silent, and held back."""

import asyncio
from contextlib import aclosing

import pytest
from scripted_services import ScriptedPassages, ScriptedPrices, ScriptedServices

from quintet.jobs.v1.job_service_pb2 import JobTask
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AUDIO_ENCODING_PCM_S16LE, AudioFormat
from quintet.session.v1.session_service_pb2 import Message
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Ask, ChatTurns, Owner
from quintet_gateway.assistant.history import History
from quintet_gateway.assistant.job_works import JobOrder, JobWorks
from quintet_gateway.assistant.metering import Meter
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.usage import Usage
from quintet_gateway.assistant.voice import Hearing, Reply, ReplySound, ReplyText, Speech, SpeechOptions, Voice
from quintet_gateway.assistant.voice.outbox import Outbox
from quintet_gateway.clients.chat import ChatClient
from quintet_gateway.clients.session import SessionClient
from quintet_gateway.clients.stt import SttClient
from quintet_gateway.clients.tts import TtsClient
from quintet_gateway.clients.usage import UsageClient
from quintet_testing import eventually, serve

MAYA = Owner("omni", "maya")
ASK = Ask(MAYA, "What time is it?", action="voice")
BROKEN = DomainError(Reason.ENGINE_FAILED, "The engine broke.", {})
PCM = AudioFormat(encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000, channel_count=1)


@pytest.fixture
async def services():
    return ScriptedServices()


async def recording():
    yield b"RIFF"


@pytest.fixture
async def turns_and_voice(services):
    async with serve(services.register) as channel:
        chat, usage = ChatClient(channel), Usage(UsageClient(channel))
        models = ChatModels(chat)
        meter = Meter(models, ScriptedPrices(), usage)
        turns = ChatTurns(chat, History(SessionClient(channel)), models, ScriptedPassages(), meter)
        stt = SttClient(channel)
        yield turns, Voice(turns, Hearing(stt), Speech(TtsClient(channel)), stt)
        await turns.close()
        await meter.close(5)
        await usage.close(5)


@pytest.fixture
async def voice(turns_and_voice):
    return turns_and_voice[1]


@pytest.fixture
async def works(turns_and_voice):
    turns, voice = turns_and_voice
    return JobWorks(turns, None, voice)


async def stopped(service):
    """Waits until the call to a service has ended there."""
    async with asyncio.timeout(10):
        await service.stopped.wait()


async def all_of(reply):
    """Reads a reply to its end; returns its text and its sound."""
    async with aclosing(reply.events()) as events:
        came = [event async for event in events]
    assert all(event.format == PCM for event in came if isinstance(event, ReplySound))
    return (
        "".join(event.text for event in came if isinstance(event, ReplyText)),
        b"".join(event.audio for event in came if isinstance(event, ReplySound)),
    )


async def next_of(events, kind):
    """Returns the next event of a kind."""
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"No {kind} came.")


async def test_answer_comes_as_text_and_as_sound(services, voice):
    services.chat.deltas = ["It is no", "on in Pune. ", "Time for", " lunch, my ", "friend!"]
    reply = await voice.reply(ASK, SpeechOptions("hi"))
    assert (reply.language, reply.first_text_s, reply.first_sound_s) == ("", None, None)
    text, sound = await all_of(reply)
    assert text == reply.text == reply.turn.text == "It is noon in Pune. Time for lunch, my friend!"
    assert services.tts.texts == ["It is noon in Pune.", "Time for lunch, my friend!"]
    assert sound == b"".join(map(services.tts.sound_of, services.tts.texts))
    assert (reply.language, reply.limitations) == ("hi", ("It is a script.",))
    assert 0 < reply.first_text_s < reply.first_sound_s


async def test_sound_begins_while_the_model_still_writes(services, voice):
    services.chat.deltas = ["It is noon in Pune. ", "Time for"]
    services.chat.release.clear()
    reply = await voice.reply(ASK, SpeechOptions())
    async with aclosing(reply.events()) as events:
        assert (await next_of(events, ReplyText)).text.startswith("It is noon")
        assert (await next_of(events, ReplySound)).audio == services.tts.sound_of("It is noon in Pune.")
        assert not services.chat.stopped.is_set()
        services.chat.release.set()
        assert (await next_of(events, ReplySound)).audio == services.tts.sound_of("Time for")


async def test_what_is_ready_together_leaves_together():
    outbox = Outbox()
    await outbox.put_text("It ")
    await outbox.put_sound(b"12", PCM)
    await outbox.put_text("is.")
    await outbox.put_text("")
    await outbox.put_sound(b"34", PCM)
    assert await outbox.take() == [ReplyText("It is."), ReplySound(b"1234", PCM)]
    outbox.end()
    assert await outbox.take() == []


async def test_who_puts_too_much_waits_for_the_reader():
    outbox = Outbox()
    for put in (outbox.put_text("x" * 70_000), outbox.put_sound(bytes(300_000), PCM)):
        putting = asyncio.create_task(put)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not putting.done()
        assert len(await outbox.take()) == 1
        await putting


async def test_sound_is_given_out_in_pieces_that_play_for_seconds():
    outbox = Outbox()
    await outbox.put_sound(bytes(100_000), PCM)
    outbox.end()
    assert [len(event.audio) for _ in range(3) for event in await outbox.take()] == [65_536, 34_464]


async def test_closing_stops_the_model_and_the_voice(services, voice):
    services.chat.deltas = ["It is noon in Pune. ", "Time for"]
    services.chat.release.clear()
    reply = await voice.reply(ASK, SpeechOptions())
    async with aclosing(reply.events()) as events:
        await next_of(events, ReplySound)
    await stopped(services.chat)
    await stopped(services.tts)


async def test_closing_stops_a_voice_that_has_said_nothing_yet(services, voice):
    services.tts.may_speak.clear()
    services.chat.release.clear()
    services.chat.deltas = ["It is noon in Pune. ", "Time for"]
    reply = await voice.reply(ASK, SpeechOptions())
    async with aclosing(reply.events()) as events:
        await next_of(events, ReplyText)
        async with asyncio.timeout(10):
            await services.tts.asked.wait()
    await stopped(services.chat)
    await stopped(services.tts)
    assert reply.said_by(10) != ""


async def test_failing_voice_ends_the_model(services, voice):
    services.tts.failure = BROKEN
    services.chat.deltas = ["It is noon in Pune. ", "Time for"]
    services.chat.release.clear()
    reply = await voice.reply(ASK, SpeechOptions())
    with pytest.raises(DomainError) as failed:
        await all_of(reply)
    assert failed.value.reason is Reason.ENGINE_FAILED
    assert reply.text == "It is noon in Pune. Time for"
    await stopped(services.chat)


async def test_failing_model_ends_the_voice(services, voice):
    services.chat.deltas = ["It is noon in Pune. ", "Time for"]
    services.chat.failure = DomainError(Reason.ENGINE_BUSY, "All slots are taken.", {})
    services.chat.release.clear()
    reply = await voice.reply(ASK, SpeechOptions())
    async with aclosing(reply.events()) as events:
        await next_of(events, ReplySound)
        services.tts.may_speak.clear()
        services.chat.release.set()
        with pytest.raises(DomainError) as failed:
            async for _ in events:
                pass
    assert failed.value.reason is Reason.ENGINE_BUSY
    await stopped(services.tts)


@pytest.mark.parametrize("deltas", [[], ["😀 ", "🎉"], ["---", "\n", "***\n"], ["```\n", "x = 1\n", "```"]])
async def test_answer_without_words_is_silent(services, voice, deltas):
    services.chat.deltas = deltas
    reply = await voice.reply(ASK, SpeechOptions())
    assert await all_of(reply) == ("".join(deltas), b"")
    assert services.tts.configs == []
    assert (reply.first_sound_s, reply.said_by(1)) == (None, "")


async def test_marks_are_shown_but_not_spoken(services, voice):
    services.chat.deltas = ["# Noon\n\n**It is noon", " in [Pune](https://a.b/c).**\n", "---\n", "- `Lunch` 😀"]
    reply = await voice.reply(ASK, SpeechOptions())
    text, _ = await all_of(reply)
    assert text == "".join(services.chat.deltas)
    assert services.tts.texts == ["Noon. It is noon in Pune.", "Lunch"]
    assert reply.said_by(60) == text


async def test_text_only_asks_no_voice(services, voice):
    reply = await voice.reply(ASK, None)
    assert await all_of(reply) == ("It is 144.", b"")
    assert services.tts.configs == []
    assert reply.first_text_s > 0


async def test_language_without_a_voice_is_spoken_in_english(services, voice):
    services.tts.unspoken = {"mr"}
    reply = await voice.reply(ASK, SpeechOptions("mr"))
    _, sound = await all_of(reply)
    assert reply.language == "en"
    assert sound == services.tts.sound_of("It is 144.")


async def test_what_was_heard_is_told_by_the_seconds_of_sound(services, voice):
    services.chat.deltas = ["It is noon in Pune. ", "Time for lunch."]
    reply = await voice.reply(ASK, SpeechOptions())
    _, sound = await all_of(reply)
    assert reply.said_by(0) == ""
    assert reply.said_by(0.1) == "It is noon"
    assert reply.said_by(0.19) == "It is noon in Pune."
    assert reply.said_by(len(sound) / 2 / 16_000) == reply.text


async def test_caller_keeps_what_was_heard(services, voice):
    services.session.put("s1", "maya", "omni")
    ask = Ask(MAYA, "What time is it?", session_id="s1", kept_by_caller=True)
    reply = await voice.reply(ask, SpeechOptions())
    await all_of(reply)
    assert services.session.messages["s1"] == []
    await reply.turn.keep(reply.said_by(0.05))
    assert [(one.role, one.content) for one in services.session.messages["s1"]] == [
        (Message.ROLE_USER, "What time is it?"),
        (Message.ROLE_ASSISTANT, "It is"),
    ]


@pytest.mark.parametrize("session_id", ["s1", "gone", ""])
async def test_job_of_a_spoken_question_is_a_voice_turn(services, works, session_id):
    services.session.put("s1", "maya", "omni", count=2)
    services.chat.deltas = ["**It is noon** in Pune. ", "Time for lunch."]
    services.stt.transcript = Transcript(text="What time is it?", language="hi")
    task = JobTask(kind=JobTask.KIND_VOICE_CONVERSATION, session_id=session_id)
    told = []
    result = await works.run(JobOrder(MAYA, task, recording, told.append))
    assert (result.transcript.text, result.answer) == ("What time is it?", "".join(services.chat.deltas))
    assert services.tts.texts == ["It is noon in Pune.", "Time for lunch."]
    assert result.speech.audio == b"".join(map(services.tts.sound_of, services.tts.texts))
    assert (result.speech.format.encoding, result.speech.language) == (AUDIO_ENCODING_MP3, "hi")
    assert list(result.speech.limitations) == ["It is a script."]
    assert [message.content for message in services.chat.requests[0].messages] == [
        *(["m0", "m1"] if session_id == "s1" else []),
        "What time is it?",
    ]
    assert len(services.session.messages["s1"]) == 2
    assert told == sorted(told)
    assert told[-1] < 100


async def test_job_speaks_a_text_as_mp3(services, works):
    task = JobTask(kind=JobTask.KIND_SPEECH, text="Hello", language="hi")
    result = await works.run(JobOrder(MAYA, task, recording, lambda percent: None))
    assert (result.speech.audio, result.speech.language) == (b"ID3Hello", "hi")
    assert result.speech.format.encoding == services.tts.requests[0].encoding == AUDIO_ENCODING_MP3


async def test_events_are_read_once(services, voice):
    reply = await voice.reply(ASK, None)
    await all_of(reply)
    with pytest.raises(RuntimeError):
        await all_of(reply)


class EndlessTurn:
    """A model that writes sentences as fast as they are taken."""

    def __init__(self):
        self.written = 0

    async def deltas(self):
        while True:
            self.written += 1
            yield "It goes on and on. "
            await asyncio.sleep(0)


class MuteSpeech:
    """A voice that takes no text."""

    async def stream(self, texts, options):
        await asyncio.Event().wait()
        yield b""


async def test_model_that_is_far_ahead_waits_for_the_voice():
    turn = EndlessTurn()
    reply = Reply(turn, MuteSpeech(), SpeechOptions())
    async with aclosing(reply.events()) as events:

        async def read():
            async for _ in events:
                pass

        async def far_ahead():
            return turn.written >= 512

        reading = asyncio.create_task(read())
        await eventually(far_ahead)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert turn.written < 530
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
