"""A stop after somebody has spoken: nothing of what waits is answered, and nothing else is lost."""

import asyncio

import pytest
from conversation_stage import names, set_stage

from quintet_gateway.assistant.voice import (
    Answered,
    Failed,
    Heard,
    Interrupted,
    NothingToStop,
    Processing,
    SpeechBegan,
)
from quintet_testing import eventually


@pytest.fixture(params=[False, True], ids=["documented", "streamed"])
async def stage(request):
    async with set_stage() as stage:
        stage.converse(streamed=request.param)
        yield stage


async def say(stage, speaker, count=1):
    """Somebody says something whose text is still on its way."""
    speaker.start_speech()
    speaker.end_speech()
    await stage.until(Processing, count)


async def test_stop_gives_up_an_utterance_whose_text_is_on_its_way(stage):
    speaker = await stage.speaker()
    await say(stage, speaker)
    await stage.conversation.end_utterance()
    assert await stage.until(Interrupted) == Interrupted("")
    assert not stage.conversation.is_answering
    speaker.understand("12*12?")
    speaker.hear("New?")
    await stage.until(Answered)
    assert [event.text for event in stage.of(Heard)] == ["New?"]
    assert stage.texts() == ["New?", "It is 144."]
    assert len(stage.services.chat.requests) == 1
    assert stage.of(NothingToStop, Failed) == []


async def test_utterance_that_was_given_up_and_had_no_words_is_no_failure(stage):
    speaker = await stage.speaker()
    await say(stage, speaker)
    await stage.conversation.end_utterance()
    speaker.understand("", error_reason="ENGINE_BUSY")
    speaker.hear("New?")
    await stage.until(Answered)
    assert stage.of(Failed) == []
    assert names(stage.of(Processing, Interrupted, Answered)) == ["Processing", "Interrupted", "Processing", "Answered"]


async def test_second_stop_has_nothing_left_to_do(stage):
    speaker = await stage.speaker()
    await say(stage, speaker)
    await stage.conversation.end_utterance()
    await stage.until(Interrupted)
    await stage.conversation.end_utterance()
    await stage.until(NothingToStop)
    assert len(stage.of(Interrupted)) == len(stage.of(NothingToStop)) == 1


async def test_stop_in_the_middle_of_speech_answers_it_and_gives_up_an_earlier_one_of_its_own(stage):
    speaker = await stage.speaker()
    await say(stage, speaker)
    speaker.start_speech()
    await stage.until(SpeechBegan, 2)
    await stage.conversation.end_utterance()
    await stage.until(Processing, 2)
    speaker.understand("What is it")
    speaker.understand("in Delhi?")
    await stage.until(Answered)
    # Where speech joins, the two are one question.
    joins = stage.of(Interrupted) == []
    assert stage.texts() == ["What is it in Delhi?" if joins else "in Delhi?", "It is 144."]
    assert stage.of(NothingToStop) == []


async def test_stop_gives_up_questions_behind_the_answer_that_it_cuts():
    async with set_stage() as stage:
        stage.converse()
        stage.services.chat.release.clear()
        speaker = await stage.speaker()
        speaker.hear("One?")
        await eventually(lambda: asyncio.sleep(0, stage.services.chat.requests))
        speaker.hear("Two?")
        await stage.until(Heard, 2)
        await say(stage, speaker, count=3)
        await stage.conversation.end_utterance()
        await stage.until(Interrupted, 3)
        assert not stage.conversation.is_answering
        speaker.understand("Three?")
        # The question of the answer that was cut is kept as ever; of the others nothing had begun.
        assert await stage.stored(1) == ["One?"]
        stage.services.chat.release.set()
        speaker.hear("Four?")
        await stage.until(Answered)
        assert stage.texts() == ["One?", "Four?", "It is 144."]
        assert len(stage.of(Processing)) == len(stage.of(Interrupted, Answered)) == 4


async def test_stop_while_a_cut_answer_is_kept_gives_up_the_question_behind_it(stage):
    stage.services.session.may_append.clear()
    stage.services.chat.release.clear()
    speaker = await stage.speaker()
    speaker.hear("One?")
    await eventually(lambda: asyncio.sleep(0, stage.services.chat.requests))
    await stage.conversation.end_utterance()
    await stage.until(Interrupted)
    await say(stage, speaker, count=2)
    await stage.conversation.end_utterance()
    await stage.until(Interrupted, 2)
    speaker.understand("Two?")
    stage.services.session.may_append.set()
    stage.services.chat.release.set()
    speaker.hear("Three?")
    await stage.until(Answered)
    assert stage.texts() == ["One?", "Three?", "It is 144."]
