"""Models and voices, as their services name them."""

import asyncio
import gc

import pytest
from scripted_services import ScriptedServices

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.remembered import Remembered
from quintet_gateway.assistant.voice import Speech
from quintet_gateway.assistant.voices import Voices
from quintet_gateway.clients.chat import ChatClient
from quintet_gateway.clients.tts import TtsClient
from quintet_testing import eventually, serve


@pytest.fixture
async def services():
    return ScriptedServices()


@pytest.fixture
async def channel(services):
    async with serve(services.register) as channel:
        yield channel


def voices_of(channel):
    client = TtsClient(channel)
    return Voices(client, Speech(client))


async def test_served_models_come_from_all_pages_the_default_first(channel):
    models = ChatModels(ChatClient(channel))
    assert [model.name for model in await models.served()] == ["grounded-1", "grounded-2"]
    assert (await models.engine()).name == "grounded"


async def test_voices_come_from_all_pages_and_are_remembered(services, channel):
    voices = voices_of(channel)
    assert [voice.name for voice in await voices.list()] == ["anna", "ben", "cleo"]
    await voices.list()
    assert services.tts.listed == 2


async def test_preview_is_the_whole_mp3(services, channel):
    sound = await voices_of(channel).preview("Hello", "cleo", "en", 1.5)
    assert sound == b"ID3Hello"
    (asked,) = services.tts.requests
    assert (asked.text, asked.voice, asked.language, asked.speaking_rate) == ("Hello", "cleo", "en", 1.5)
    assert asked.encoding == AUDIO_ENCODING_MP3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"voice": "dora"}, Reason.VOICE_NOT_FOUND),
        ({"speed": 0.2}, Reason.INVALID_ARGUMENT),
        ({"speed": 4.1}, Reason.INVALID_ARGUMENT),
        ({"speed": float("nan")}, Reason.INVALID_ARGUMENT),
    ],
)
async def test_preview_refuses_what_can_not_be_spoken(services, channel, options, reason):
    with pytest.raises(DomainError) as failure:
        await voices_of(channel).preview("Hello", **options)
    assert failure.value.reason is reason
    assert services.tts.requests == []


class Answers:
    """Answers 1, 2, 3 ..., each when it is let go."""

    def __init__(self):
        self.asked = 0
        self.go_on = asyncio.Event()
        self.failure = None
        self.ended = False

    async def __call__(self):
        self.asked += 1
        number = self.asked
        await self.go_on.wait()
        self.ended = True
        if self.failure:
            raise self.failure
        return number


async def test_all_who_wait_share_one_call_and_one_who_leaves_does_not_end_it():
    answers = Answers()
    remembered = Remembered(answers, 60)
    waiting = [asyncio.create_task(remembered.get()) for _ in range(3)]
    leaving = waiting.pop(0)
    await asyncio.sleep(0)
    leaving.cancel()
    answers.go_on.set()
    assert await asyncio.gather(*waiting) == [1, 1]
    assert leaving.cancelled()
    assert await remembered.get() == 1


async def test_answer_is_forgotten_with_time_or_on_demand():
    answers = Answers()
    answers.go_on.set()
    stale = Remembered(answers, 0)
    assert [await stale.get(), await stale.get()] == [1, 2]
    kept = Remembered(answers, 60)
    assert [await kept.get(), await kept.get()] == [3, 3]
    kept.forget()
    assert await kept.get() == 4
    kept.put(9)
    assert await kept.get() == 9


async def test_failure_is_told_to_all_and_not_remembered():
    answers = Answers()
    answers.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.", {})
    remembered = Remembered(answers, 60)
    waiting = [asyncio.create_task(remembered.get()) for _ in range(2)]
    answers.go_on.set()
    failures = await asyncio.gather(*waiting, return_exceptions=True)
    assert [failure.reason for failure in failures] == [Reason.SERVICE_UNAVAILABLE] * 2
    answers.failure = None
    assert await remembered.get() == 2


@pytest.mark.parametrize("is_put", [True, False])
async def test_answer_that_was_overtaken_is_not_remembered(is_put):
    answers = Answers()
    remembered = Remembered(answers, 60)
    waiting = asyncio.create_task(remembered.get())
    await asyncio.sleep(0)
    if is_put:
        remembered.put(9)
    else:
        remembered.forget()
    answers.go_on.set()
    assert await waiting == 1
    assert await remembered.get() == (9 if is_put else 2)


async def test_failure_that_nobody_waits_for_is_no_complaint():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    answers = Answers()
    answers.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.", {})
    remembered = Remembered(answers, 60)
    leaving = asyncio.create_task(remembered.get())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    answers.go_on.set()

    async def has_failed():
        return answers.ended

    await eventually(has_failed)
    # Its failure holds the call by its traceback.
    answers.failure = None
    del remembered, leaving
    gc.collect()
    assert complaints == []
