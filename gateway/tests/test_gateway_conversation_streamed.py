"""A conversation whose answers are streamed, over real gRPC: sound while it is made, and speech that cuts it short."""

import asyncio
import statistics
import time

import pytest
from conversation_stage import CHUNK, set_stage

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AUDIO_ENCODING_WAV
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.voice import (
    Activity,
    Answered,
    AnswerSound,
    AnswerText,
    Failed,
    Heard,
    Interrupted,
    NothingToStop,
    Processing,
    ResetDone,
    SpeechOptions,
)
from quintet_observability import metrics
from quintet_testing import eventually

BUSY = DomainError(Reason.ENGINE_BUSY, "All slots are taken.", {})
# Four sentences of a second and a half each.
SENTENCE = (
    "The river rises in the hills, runs through the old town for many miles, "
    "and at last it meets the sea, far in the east of the country beyond. "
)
LONG = [SENTENCE, SENTENCE, SENTENCE, SENTENCE]
PIECE_S = 0.2
AHEAD_S = 1.0


@pytest.fixture
async def stage():
    async with set_stage() as stage:
        stage.converse(streamed=True)
        yield stage


def names(events):
    kinds = [type(event).__name__ for event in events if not isinstance(event, Activity | AnswerText)]
    return [kind for number, kind in enumerate(kinds) if kind != "AnswerSound" or kinds[number - 1] != kind]


def barge_ins(why):
    return metrics.REGISTRY.get_sample_value("quintet_barge_ins_total", {"surface": "omni", "why": why}) or 0


def sound_s(stage):
    return sum(len(event.audio) for event in stage.of(AnswerSound)) / 32_000


async def speak_long(stage, speaker, question="One?"):
    """Asks for an answer that never ends by itself, and waits until it is heard."""
    stage.services.chat.deltas = LONG
    stage.services.chat.release.clear()
    stage.services.chat.stopped.clear()
    stage.services.tts.stopped.clear()
    sounds = len(stage.of(AnswerSound))
    speaker.hear(question)
    await stage.until(AnswerSound, sounds + 1)


async def engines_stopped(stage):
    async with asyncio.timeout(10):
        await stage.services.chat.stopped.wait()
        await stage.services.tts.stopped.wait()


async def test_answer_is_streamed_and_paced_and_then_kept(stage):
    stage.services.chat.deltas = [SENTENCE, "It ends. "]
    speaker = await stage.speaker()
    speaker.hear("One?")
    answered = await stage.until(Answered)
    sounds = stage.of(AnswerSound)
    assert b"".join(event.audio for event in sounds) == b"".join(
        stage.services.tts.sound_of(text) for text in stage.services.tts.texts
    )
    assert [event.end_s for event in sounds] == pytest.approx(
        [sum(len(one.audio) for one in sounds[: number + 1]) / 32_000 for number in range(len(sounds))]
    )
    came = [at for event, at in zip(stage.heard, stage.times, strict=True) if isinstance(event, AnswerSound)]
    ahead = [event.end_s - (at - came[0]) for event, at in zip(sounds, came, strict=True)]
    assert max(ahead) <= AHEAD_S + PIECE_S + 0.05
    assert sounds[-1].end_s > AHEAD_S + PIECE_S
    # It was told as whole when it could have been heard whole.
    whole = next(at for event, at in zip(stage.heard, stage.times, strict=True) if isinstance(event, Answered))
    assert whole - came[0] >= sounds[-1].end_s - 0.05
    assert answered.text == "".join(event.text for event in stage.of(AnswerText)) == SENTENCE + "It ends. "
    assert (answered.audio, answered.format) == (b"", sounds[0].format)
    assert stage.texts() == ["One?", answered.text]
    assert names(stage.heard) == ["SpeechBegan", "Processing", "Heard", "AnswerSound", "Answered"]
    assert stage.completed == [(answered.text, answered.took_s)]
    assert answered.took_s < whole - came[0]


async def test_engines_are_free_long_before_a_long_answer_was_heard(stage):
    stage.services.chat.deltas = LONG
    speaker = await stage.speaker()
    speaker.hear("One?")
    await engines_stopped(stage)
    assert sound_s(stage) < sum(map(len, LONG)) * stage.services.tts.CHARACTER_S - 1


async def test_speech_cuts_an_answer_and_history_holds_what_was_said(stage):
    before = barge_ins("speech")
    speaker = await stage.speaker()
    await speak_long(stage, speaker)
    first_at = stage.times[stage.heard.index(stage.of(AnswerSound)[0])]
    await stage.until_sound(1.5)
    speaker.start_speech()
    interrupted = await stage.until(Interrupted)
    heard_s = time.monotonic() - first_at
    assert not stage.conversation.is_answering
    await engines_stopped(stage)
    assert names(stage.heard) == ["SpeechBegan", "Processing", "Heard", "AnswerSound", "SpeechBegan", "Interrupted"]
    assert "".join(LONG).startswith(interrupted.said)
    assert interrupted.said
    assert len(interrupted.said) * stage.services.tts.CHARACTER_S <= min(heard_s, sound_s(stage))
    assert await stage.stored(2) == ["One?", interrupted.said]
    assert stage.completed == []
    assert barge_ins("speech") == before + 1
    # The next answer stands on what was really said.
    stage.services.chat.deltas = ["Yes. "]
    stage.services.chat.release.set()
    speaker.end_speech()
    speaker.understand("Two?")
    await stage.until(Answered)
    context = [message.content for message in stage.services.chat.requests[-1].messages]
    assert context == ["One?", interrupted.said, "Two?"]
    assert stage.texts() == [*context, "Yes. "]


async def test_twenty_answers_in_a_row_are_cut(stage):
    speaker = await stage.speaker()
    took = []
    for number in range(20):
        await speak_long(stage, speaker, f"Question {number}?")
        decided = time.monotonic()
        speaker.start_speech()
        await engines_stopped(stage)
        took.append(time.monotonic() - decided)
        await stage.until(Interrupted, number + 1)
        speaker.end_speech(is_utterance=False)
    assert statistics.median(took) < 0.25
    said = iter(stage.of(Interrupted))
    for question in await stage.stored(20):
        if not question.startswith("Question"):
            assert "".join(LONG).startswith(question)
    expected = []
    for number in range(20):
        expected += [text for text in (f"Question {number}?", next(said).said) if text]
    assert await stage.stored(len(expected)) == expected
    # No sound came between an interruption and the next question.
    assert names(stage.heard).count("AnswerSound") == 20
    assert len(stage.of(Processing)) == 20


async def test_speech_before_the_first_sound_leaves_the_question_alone(stage):
    stage.services.tts.may_speak.clear()
    stage.services.chat.deltas = LONG
    speaker = await stage.speaker()
    speaker.hear("One?")
    await stage.until(AnswerText)
    speaker.start_speech()
    assert (await stage.until(Interrupted)).said == ""
    stage.services.tts.may_speak.set()
    speaker.end_speech(is_utterance=False)
    assert await stage.stored(1) == ["One?"]
    speaker.hear("Two?")
    await stage.until(Heard, 2)
    await eventually(lambda: asyncio.sleep(0, len(stage.services.chat.requests) == 2))
    assert [message.content for message in stage.services.chat.requests[1].messages] == ["One?", "Two?"]


async def test_speech_while_the_end_is_still_played_cuts_what_was_not_heard(stage):
    stage.services.chat.deltas = ["This is a sentence of about one second in all, and then it ends."]
    speaker = await stage.speaker()
    speaker.hear("One?")
    await engines_stopped(stage)
    await stage.until(AnswerSound, 3)
    speaker.start_speech()
    interrupted = await stage.until(Interrupted)
    assert stage.services.chat.deltas[0].startswith(interrupted.said)
    assert interrupted.said != stage.services.chat.deltas[0]
    assert stage.of(Answered) == []
    await stage.stored(1)


async def test_false_start_leaves_an_answer_cut_and_the_conversation_ready(stage):
    speaker = await stage.speaker()
    await speak_long(stage, speaker)
    speaker.start_speech()
    await stage.until(Interrupted)
    sounds = len(stage.of(AnswerSound))
    speaker.end_speech(is_utterance=False)
    await stage.conversation.end_utterance()
    await stage.until(NothingToStop)
    assert len(stage.of(AnswerSound)) == sounds
    stage.services.chat.deltas = ["Yes. "]
    stage.services.chat.release.set()
    speaker.hear("Two?")
    assert (await stage.until(Answered)).text == "Yes. "


async def test_speech_that_goes_on_before_the_answer_is_one_question(stage):
    speaker = await stage.speaker()
    speaker.start_speech()
    speaker.end_speech()
    speaker.start_speech()
    speaker.understand("What time is it")
    speaker.end_speech()
    await stage.until(Processing, 2)
    assert stage.conversation.is_answering
    speaker.understand("in Delhi?")
    await stage.until(Answered)
    assert not stage.conversation.is_answering
    assert stage.texts() == ["What time is it in Delhi?", "It is 144."]
    assert [event.text for event in stage.of(Heard)] == ["What time is it", "in Delhi?"]


async def test_stop_cuts_a_streamed_answer_too(stage):
    before = barge_ins("stop")
    speaker = await stage.speaker()
    await speak_long(stage, speaker)
    await stage.conversation.end_utterance()
    interrupted = await stage.until(Interrupted)
    await engines_stopped(stage)
    assert "".join(LONG).startswith(interrupted.said)
    kept = [text for text in ("One?", interrupted.said) if text]
    assert await stage.stored(len(kept)) == kept
    assert barge_ins("stop") == before + 1
    await stage.conversation.end_utterance()
    await stage.until(NothingToStop)


async def test_reset_keeps_nothing_of_a_streamed_answer(stage):
    speaker = await stage.speaker()
    await speak_long(stage, speaker)
    await stage.conversation.reset()
    await stage.until(ResetDone)
    await engines_stopped(stage)
    assert stage.texts() == []
    assert not isinstance(stage.heard[-1], AnswerSound)
    assert stage.of(Interrupted) == []


async def test_close_keeps_what_was_said_and_stops_the_engines(stage):
    speaker = await stage.speaker()
    await speak_long(stage, speaker)
    await stage.until_sound(1.5)
    began = time.monotonic()
    closing = asyncio.create_task(stage.conversation.close())
    await engines_stopped(stage)
    async with asyncio.timeout(10):
        await speaker.ended.wait()
    stopped_s = time.monotonic() - began
    await closing
    question, said = stage.texts()
    assert question == "One?"
    assert "".join(LONG).startswith(said)
    assert said
    # No other work waits in this test; a second is for a busy machine.
    assert stopped_s < 1


async def test_sound_that_nobody_took_was_not_said(stage):
    stage.services.chat.deltas = LONG
    speaker = await stage.speaker()
    stage.may_listen.clear()
    # The listener takes the first event and then nothing more.
    await stage.until(Activity)
    speaker.hear("One?")
    await engines_stopped(stage)
    await stage.conversation.close()
    assert await stage.stored(1) == ["One?"]
    stage.may_listen.set()
    await stage.leave()
    assert stage.of(AnswerText, AnswerSound) == []


async def test_what_nobody_took_of_an_answer_is_not_told_once_it_is_cut(stage):
    stage.services.chat.deltas = LONG
    stage.services.chat.release.clear()
    speaker = await stage.speaker()
    stage.may_listen.clear()
    await stage.until(Activity)
    speaker.hear("One?")
    await eventually(lambda: asyncio.sleep(0, stage.services.tts.texts))
    speaker.start_speech()
    await engines_stopped(stage)
    stage.may_listen.set()
    assert (await stage.until(Interrupted)).said == ""
    assert stage.of(AnswerText, AnswerSound) == []


async def test_failure_half_way_lets_what_was_made_be_heard_and_keeps_it(stage):
    stage.services.chat.deltas = ["This is the first sentence. ", "This is the second sentence. "]
    stage.services.tts.failure, stage.services.tts.fails_at = BUSY, 1
    speaker = await stage.speaker()
    speaker.hear("One?")
    failed = await stage.until(Failed)
    assert failed.error.reason is Reason.ENGINE_BUSY
    assert stage.of(AnswerSound)
    assert [text.strip() for text in await stage.stored(2)] == ["One?", "This is the first sentence."]
    assert stage.of(Answered, Interrupted) == []
    stage.services.tts.failure = None
    speaker.hear("Two?")
    await stage.until(Answered)


@pytest.mark.parametrize("encoding", [AUDIO_ENCODING_MP3, AUDIO_ENCODING_WAV])
async def test_other_encodings_are_paced_by_their_own_rates(encoding):
    async with set_stage() as stage:
        # A bit rate that makes the scripted bytes last as long as PCM.
        stage.converse(streamed=True, speech=SpeechOptions(encoding=encoding, bit_rate_bps=256_000))
        speaker = await stage.speaker()
        speaker.hear("One?")
        await stage.until(Answered)
        assert stage.of(AnswerSound)[-1].end_s == pytest.approx(sound_s(stage))


async def test_text_runs_ahead_of_the_sound_and_audio_is_heard_meanwhile(stage):
    speaker = await stage.speaker()
    await speak_long(stage, speaker)
    count = len(stage.of(Activity))
    await stage.conversation.hear(CHUNK)
    await stage.until(Activity, count + 1)
    await eventually(lambda: asyncio.sleep(0, "".join(event.text for event in stage.of(AnswerText)) == "".join(LONG)))
    assert sound_s(stage) < AHEAD_S * 5
