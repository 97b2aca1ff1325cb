"""What holds up the end of a connection: an answer that somebody waits for, and nothing else."""

import asyncio
import json

import pytest
from conversation_stage import MAYA, SESSION, set_stage

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.omni.schemas import LiveOrder
from quintet_gateway.dialects.omni.telling import Teller
from quintet_gateway.http.large_json import JsonThreads
from quintet_testing import eventually


class Line:
    """A connection that notes what is sent, and whether something is being made for it."""

    def __init__(self):
        self.sent = []
        self.is_occupied = False

    def send(self, text):
        self.sent.append(json.loads(text))

    def occupy(self, *, occupied):
        self.is_occupied = occupied

    async def until(self, kind, count=1):
        await eventually(lambda: asyncio.sleep(0, self.count(kind) >= count))

    def count(self, kind):
        return [one.get("status", one["type"]) for one in self.sent].count(kind)


@pytest.fixture
async def talk(assistant):
    """Gives a stage whose conversation is told to a line, and the line."""
    threads, line = JsonThreads(), Line()
    teller = Teller(assistant, MAYA, SESSION, LiveOrder(SESSION, stream=True, interim=False), line)
    async with set_stage() as stage:
        stage.converse(lambda conversation: teller.tell_all(conversation, threads), streamed=True)
        yield stage, line
    await threads.close()


async def test_questions_that_join_hold_it_until_their_one_answer(talk):
    stage, line = talk
    speaker = await stage.speaker()
    assert not line.is_occupied
    speaker.start_speech()
    speaker.end_speech()
    speaker.start_speech()
    speaker.understand("What time is it")
    speaker.end_speech()
    await line.until("processing", 2)
    assert line.is_occupied
    speaker.understand("in Delhi?")
    await line.until("response")
    await eventually(lambda: asyncio.sleep(0, not line.is_occupied))


async def test_broken_stream_does_not_let_go_of_an_answer_that_is_made(talk):
    stage, line = talk
    stage.services.chat.release.clear()
    speaker = await stage.speaker()
    speaker.hear("12*12?")
    await eventually(lambda: asyncio.sleep(0, stage.services.chat.requests))
    speaker.break_off(DomainError(Reason.SERVICE_UNAVAILABLE, "Away.", {}))
    await line.until("error")
    assert line.is_occupied
    stage.services.chat.release.set()
    await line.until("response")
    await eventually(lambda: asyncio.sleep(0, not line.is_occupied))


async def test_answer_that_is_kept_when_a_stop_comes_is_still_waited_for(talk):
    stage, line = talk
    stage.services.session.may_append.clear()
    speaker = await stage.speaker()
    speaker.hear("12*12?")
    await eventually(lambda: asyncio.sleep(0, stage.completed))
    await stage.conversation.end_utterance()
    await stage.conversation.end_utterance()
    await line.until("stopped")
    assert line.is_occupied
    assert stage.conversation.is_answering
    stage.services.session.may_append.set()
    await line.until("response")
    await eventually(lambda: asyncio.sleep(0, not line.is_occupied))


@pytest.mark.parametrize("ending", ["stopped", "reset"])
async def test_question_that_is_given_up_lets_go_of_it(talk, ending):
    stage, line = talk
    speaker = await stage.speaker()
    speaker.start_speech()
    speaker.end_speech()
    await line.until("processing")
    assert line.is_occupied
    if ending == "stopped":
        await stage.conversation.end_utterance()
        await line.until("interrupted")
    else:
        await stage.conversation.reset()
        await line.until("reset")
    await eventually(lambda: asyncio.sleep(0, not line.is_occupied))
