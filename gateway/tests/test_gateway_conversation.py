"""A conversation as the documents know it, over real gRPC: one answer an utterance, whole, and commands."""

import asyncio

import pytest
from conversation_stage import CHUNK, SESSION, names, set_stage

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_PCM_S16LE
from quintet.stt.v1.stt_service_pb2 import STREAMING_COMMAND_END_UTTERANCE
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.voice import (
    Activity,
    Answered,
    AnswerSound,
    AnswerText,
    Failed,
    Heard,
    Interim,
    Interrupted,
    NothingToStop,
    Processing,
    SpeechBegan,
)
from quintet_observability import metrics
from quintet_testing import eventually

BUSY = DomainError(Reason.ENGINE_BUSY, "All slots are taken.", {})


@pytest.fixture
async def stage():
    async with set_stage() as stage:
        stage.converse()
        yield stage


def observed(stage):
    return (
        metrics.REGISTRY.get_sample_value("quintet_voice_stage_seconds_count", {"surface": "omni", "stage": stage}) or 0
    )


def barge_ins(why):
    return metrics.REGISTRY.get_sample_value("quintet_barge_ins_total", {"surface": "omni", "why": why}) or 0


async def test_utterance_becomes_one_whole_answer_that_is_kept(stage):
    before = {name: observed(name) for name in ("transcript", "first_token", "first_sound")}
    speaker = await stage.speaker()
    speaker.start_speech()
    speaker.tell(interim={"text": "Twelve", "language": "en"})
    speaker.end_speech()
    await stage.until(Processing)
    speaker.understand("12*12?")
    answered = await stage.until(Answered)
    assert names(stage.heard) == ["SpeechBegan", "Interim", "Processing", "Heard", "Answered"]
    assert stage.of(Interim) == [Interim("Twelve", "en")]
    assert stage.of(Heard) == [Heard("12*12?", "en")]
    assert answered.text == "It is 144."
    assert answered.audio == b"".join(stage.services.tts.sound_of(text) for text in stage.services.tts.texts)
    assert answered.audio
    assert (answered.format.encoding, answered.format.sample_rate_hz) == (AUDIO_ENCODING_PCM_S16LE, 16_000)
    # It was kept before it was told, in one step with its event.
    assert stage.texts() == ["12*12?", "It is 144."]
    assert stage.completed == [("It is 144.", answered.took_s)]
    assert answered.took_s > 0
    assert {name: observed(name) - count for name, count in before.items()} == dict.fromkeys(before, 1)


async def test_every_piece_of_audio_is_told_of_in_order(stage):
    speaker = await stage.speaker()
    for _ in range(99):
        await stage.conversation.hear(CHUNK)
    speaker.in_speech = True
    await stage.until(Activity, len(speaker.audio) if len(speaker.audio) >= 100 else 100)
    await stage.conversation.hear(CHUNK)
    last = await stage.until(Activity, 101)
    assert last == Activity(0.5, in_speech=True)


async def test_speech_during_an_answer_is_the_next_utterance(stage):
    stage.services.chat.release.clear()
    speaker = await stage.speaker()
    speaker.hear("One?")
    await stage.until(Heard)
    await eventually(lambda: asyncio.sleep(0, stage.services.chat.requests))
    speaker.hear("Two?")
    await stage.until(Heard, 2)
    assert not stage.services.chat.stopped.is_set()
    assert stage.of(Answered, Interrupted) == []
    stage.services.chat.release.set()
    await stage.until(Answered, 2)
    assert stage.texts() == ["One?", "It is 144.", "Two?", "It is 144."]
    # The second question saw the first answer.
    context = [message.content for message in stage.services.chat.requests[1].messages]
    assert context == ["One?", "It is 144.", "Two?"]
    assert names(stage.heard).count("Processing") == 2


async def test_next_question_waits_until_the_answer_before_it_is_kept(stage):
    stage.services.session.may_append.clear()
    speaker = await stage.speaker()
    speaker.hear("One?")
    speaker.hear("Two?")
    await eventually(lambda: asyncio.sleep(0, stage.completed))
    await stage.until(Heard, 2)
    assert len(stage.services.chat.requests) == 1
    assert stage.of(Answered) == []
    stage.services.session.may_append.set()
    await stage.until(Answered, 2)
    assert [len(request.messages) for request in stage.services.chat.requests] == [1, 3]


async def test_oldest_question_is_dropped_if_too_many_wait_and_that_is_told(stage):
    stage.services.chat.release.clear()
    speaker = await stage.speaker()
    for number in range(6):
        speaker.hear(f"Question {number}?")
        await stage.until(Heard, number + 1)
    failed = await stage.until(Failed)
    assert failed.error.reason is Reason.ENGINE_BUSY
    stage.services.chat.release.set()
    await stage.until(Answered, 5)
    assert stage.texts()[::2] == [f"Question {number}?" for number in (0, 2, 3, 4, 5)]
    assert len(stage.of(Processing)) == len(stage.of(Answered, Failed)) == 6


@pytest.mark.parametrize(
    ("error_reason", "expected"),
    [("", Reason.NO_SPEECH), ("ENGINE_BUSY", Reason.ENGINE_BUSY), ("SOMETHING_NEW", Reason.INTERNAL)],
)
async def test_utterance_without_words_says_why(stage, error_reason, expected):
    speaker = await stage.speaker()
    speaker.start_speech()
    speaker.end_speech()
    speaker.understand("", error_reason=error_reason)
    failed = await stage.until(Failed)
    assert failed.error.reason is expected
    assert names(stage.heard) == ["SpeechBegan", "Processing", "Failed"]
    assert stage.services.chat.requests == []
    speaker.hear("12*12?")
    await stage.until(Answered)


async def test_answer_is_spoken_in_the_language_of_the_question(stage):
    speaker = await stage.speaker()
    for language in ("hi", "mr"):
        speaker.start_speech()
        speaker.end_speech()
        speaker.understand("नमस्ते", language)
    await stage.until(Answered, 2)
    assert [config.language for config in stage.services.tts.configs] == ["hi", "mr"]
    assert [request.language for request in stage.services.chat.requests] == ["hi", "mr"]


async def test_false_start_leads_to_nothing(stage):
    speaker = await stage.speaker()
    speaker.start_speech()
    speaker.end_speech(is_utterance=False)
    speaker.hear("12*12?")
    await stage.until(Answered)
    assert names(stage.heard) == ["SpeechBegan", "SpeechBegan", "Processing", "Heard", "Answered"]


@pytest.mark.parametrize("service", ["llm before", "llm half way", "tts", "session", "keeping"])
async def test_failure_of_a_service_is_told_and_the_conversation_goes_on(stage, service):
    services = stage.services
    if service == "llm before":
        services.chat.refusal = BUSY
    elif service == "llm half way":
        services.chat.failure = BUSY
    elif service == "tts":
        services.tts.failure = BUSY
    elif service == "session":
        services.session.listing_failure = BUSY
    else:
        services.session.appending_failure = BUSY
    speaker = await stage.speaker()
    speaker.hear("One?")
    failed = await stage.until(Failed)
    assert failed.error.reason is Reason.ENGINE_BUSY
    services.chat.refusal = services.chat.failure = services.tts.failure = None
    services.session.listing_failure = services.session.appending_failure = None
    speaker.hear("Two?")
    await stage.until(Answered)
    # Nothing of the answer was said; the question is kept wherever that was possible.
    kept = [] if service in {"session", "keeping"} else ["One?"]
    assert stage.texts() == [*kept, "Two?", "It is 144."]
    assert len(stage.of(Processing)) == len(stage.of(Answered, Failed)) == 2


async def test_stop_makes_an_utterance_of_what_is_being_said(stage):
    speaker = await stage.speaker()
    speaker.start_speech()
    await stage.until(SpeechBegan)
    await stage.conversation.end_utterance()
    await stage.until(Processing)
    speaker.understand("12*12?")
    await stage.until(Answered)
    assert speaker.commands == [STREAMING_COMMAND_END_UTTERANCE]
    assert stage.of(NothingToStop, Interrupted) == []


async def test_stop_behind_audio_is_behind_it_at_the_service_too(stage):
    speaker = await stage.speaker()
    sent = len(speaker.audio)
    speaker.may_hear.clear()
    await stage.conversation.hear(CHUNK)
    await stage.conversation.end_utterance()
    assert speaker.commands == []
    speaker.may_hear.set()
    await stage.until(NothingToStop)
    assert len(speaker.audio) >= sent + 1


@pytest.mark.parametrize("stage_of_reply", ["beginning", "thinking", "speaking"])
async def test_stop_cuts_an_answer_of_which_nothing_was_sent(stage, stage_of_reply):
    before = barge_ins("stop")
    services = stage.services
    held = {
        "beginning": None,
        "thinking": services.chat.release,
        "speaking": services.tts.may_speak,
    }[stage_of_reply]
    if held:
        held.clear()
    speaker = await stage.speaker()
    if stage_of_reply == "beginning":
        services.session.may_list.clear()
    speaker.hear("One?")
    await stage.until(Heard)
    if stage_of_reply == "thinking":
        await eventually(lambda: asyncio.sleep(0, services.chat.requests))
    elif stage_of_reply == "speaking":
        await eventually(lambda: asyncio.sleep(0, services.tts.texts))
    else:
        await services.session.listing.wait()
    await stage.conversation.end_utterance()
    interrupted = await stage.until(Interrupted)
    assert interrupted.said == ""
    if held:
        held.set()
        async with asyncio.timeout(10):
            await services.chat.stopped.wait()
    else:
        services.session.may_list.set()
    assert await stage.stored(1) == ["One?"]
    services.chat.stopped.clear()
    speaker.hear("Two?")
    await stage.until(Answered)
    assert stage.texts() == ["One?", "Two?", "It is 144."]
    assert stage.of(NothingToStop) == []
    assert len(stage.completed) == 1
    assert barge_ins("stop") == before + 1


async def test_stop_with_nothing_to_do_says_so_with_and_without_a_stream(stage):
    await stage.conversation.end_utterance()
    await stage.until(NothingToStop)
    speaker = await stage.speaker()
    await stage.conversation.end_utterance()
    await stage.until(NothingToStop, 2)
    assert speaker.commands == [STREAMING_COMMAND_END_UTTERANCE]


async def test_stop_of_an_answer_that_is_being_kept_leaves_it_whole(stage):
    stage.services.session.may_append.clear()
    speaker = await stage.speaker()
    speaker.hear("12*12?")
    await eventually(lambda: asyncio.sleep(0, stage.completed))
    await stage.conversation.end_utterance()
    await eventually(lambda: asyncio.sleep(0, speaker.commands))
    stage.services.session.may_append.set()
    answered = await stage.until(Answered)
    assert answered.text == "It is 144."
    assert stage.texts() == ["12*12?", "It is 144."]
    await stage.conversation.end_utterance()
    await stage.until(NothingToStop)
    assert len(stage.of(NothingToStop)) == 1
    assert stage.of(Interrupted) == []


async def test_session_that_was_deleted_meanwhile_is_no_error(stage):
    stage.services.chat.release.clear()
    speaker = await stage.speaker()
    speaker.hear("12*12?")
    await eventually(lambda: asyncio.sleep(0, stage.services.chat.requests))
    del stage.services.session.kept[SESSION]
    stage.services.chat.release.set()
    assert (await stage.until(Answered)).text == "It is 144."
    assert stage.of(Failed) == []


async def test_nothing_of_an_answer_is_told_before_it_is_whole(stage):
    speaker = await stage.speaker()
    speaker.hear("12*12?")
    await stage.until(Answered)
    assert stage.of(AnswerText, AnswerSound) == []


async def test_fault_of_the_house_is_raised_to_whoever_reads_the_events(stage):
    def fault(_text, _language):
        raise ZeroDivisionError

    broken = type(stage)(stage.services, stage.voice)
    broken.converse(ask=fault)
    speaker = await broken.speaker()
    speaker.hear("12*12?")
    with pytest.raises(ZeroDivisionError):
        await broken._listening
    await broken.conversation.close()
