"""Resets and ends of a conversation in every situation that it can be in."""

import asyncio

import pytest
from conversation_stage import CHUNK, names, set_stage

from quintet.stt.v1.stt_service_pb2 import STREAMING_COMMAND_RESET
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.voice import (
    Activity,
    Answered,
    Failed,
    Heard,
    Interrupted,
    Processing,
    ResetDone,
    SpeechBegan,
)
from quintet_testing import eventually


@pytest.fixture
async def stage():
    async with set_stage() as stage:
        stage.converse()
        yield stage


async def idle(stage, _speaker):
    await stage.until(Activity)


async def speaking(stage, speaker):
    speaker.start_speech()
    await stage.until(SpeechBegan)


async def transcribing(stage, speaker):
    await speaking(stage, speaker)
    speaker.end_speech()
    await stage.until(Processing)


async def beginning(stage, speaker):
    stage.services.session.may_list.clear()
    speaker.hear("Old?")
    await stage.services.session.listing.wait()


async def thinking(stage, speaker):
    stage.services.chat.release.clear()
    speaker.hear("Old?")
    await eventually(lambda: asyncio.sleep(0, stage.services.chat.requests))


async def waiting(stage, speaker):
    await thinking(stage, speaker)
    speaker.hear("Older?")
    await stage.until(Heard, 2)


async def cutting(stage, speaker):
    stage.services.session.may_append.clear()
    await thinking(stage, speaker)
    await stage.conversation.end_utterance()
    await stage.until(Interrupted)


async def resetting(stage, speaker):
    speaker.may_obey.clear()
    await stage.conversation.reset()
    await eventually(lambda: asyncio.sleep(0, speaker.commands))


SITUATIONS = [idle, speaking, transcribing, beginning, thinking, waiting, cutting, resetting]


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_reset_forgets_everything_in_every_situation(stage, situation):
    services = stage.services
    speaker = await stage.speaker()
    await situation(stage, speaker)
    resets = 2 if situation is resetting else 1
    await stage.conversation.reset()
    # What the service tells before it obeys is from before the reset.
    if situation is resetting:
        speaker.hear("Old?")
        speaker.may_obey.set()
    services.session.may_append.set()
    # Nobody waits for a turn that has not begun: the session service is given up after five seconds.
    async with asyncio.timeout(4):
        await stage.until(ResetDone, resets)
    assert stage.texts() == []
    told = len(stage.heard)
    services.session.may_list.set()
    services.chat.release.set()
    speaker.hear("New?")
    await stage.until(Answered)
    assert stage.texts() == ["New?", "It is 144."]
    assert names(stage.heard[told:]) == ["SpeechBegan", "Processing", "Heard", "Answered"]
    assert speaker.commands[-1] == STREAMING_COMMAND_RESET
    assert len(stage.of(ResetDone)) == resets


async def test_question_behind_a_reset_sees_nothing_from_before_it(stage):
    speaker = await stage.speaker()
    speaker.hear("Old?")
    await stage.until(Answered)
    stage.may_forget.clear()
    await stage.conversation.reset()
    await stage.forgetting.wait()
    speaker.hear("New?")
    # The service has told of the question when it hears what comes behind it.
    await stage.conversation.hear(CHUNK)
    await eventually(lambda: asyncio.sleep(0, len(speaker.audio) >= 2))
    assert stage.of(ResetDone) == []
    stage.may_forget.set()
    await stage.until(Answered, 2)
    assert names(stage.heard)[-5:] == ["ResetDone", "SpeechBegan", "Processing", "Heard", "Answered"]
    assert [message.content for message in stage.services.chat.requests[-1].messages] == ["New?"]
    assert stage.texts() == ["New?", "It is 144."]


async def test_answer_cut_before_a_reset_is_kept_before_the_history_is_cleared(stage):
    speaker = await stage.speaker()
    await cutting(stage, speaker)
    await stage.conversation.reset()
    await eventually(lambda: asyncio.sleep(0, STREAMING_COMMAND_RESET in speaker.commands))
    assert not stage.forgetting.is_set()
    stage.services.session.may_append.set()
    await stage.until(ResetDone)
    assert stage.texts() == []


async def test_history_that_cannot_be_cleared_is_told_and_the_conversation_goes_on(stage):
    speaker = await stage.speaker()
    stage.forget_failure = DomainError(Reason.STORAGE_FAILED, "The disk is broken.", {})
    await stage.conversation.reset()
    assert (await stage.until(Failed)).error is stage.forget_failure
    stage.forget_failure = None
    await stage.conversation.reset()
    await stage.until(ResetDone)
    assert not stage.conversation.is_answering
    speaker.hear("New?")
    await stage.until(Answered)


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_close_ends_everything_in_every_situation(situation):
    before = asyncio.all_tasks()
    async with set_stage() as stage:
        stage.converse()
        speaker = await stage.speaker()
        await situation(stage, speaker)
        if situation in {thinking, waiting}:
            assert not stage.services.chat.stopped.is_set()
        closing = asyncio.create_task(stage.conversation.close())
        async with asyncio.timeout(10):
            await speaker.ended.wait()
            if situation in {thinking, waiting, cutting}:
                await stage.services.chat.stopped.wait()
        stage.services.session.may_append.set()
        stage.services.session.may_list.set()
        await closing
        # The question of a running answer is not lost; of what waited nothing was begun.
        expected = ["Old?"] if situation in {beginning, thinking, waiting, cutting} else []
        assert stage.texts() == expected
        await stage.conversation.close()
        await stage.conversation.hear(CHUNK)
        await stage.conversation.end_utterance()
        await stage.conversation.reset()
        await stage.leave()

    async def only_those_from_before():
        return asyncio.all_tasks() - before == set()

    await eventually(only_those_from_before)
