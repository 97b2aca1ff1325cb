"""A look: seeing and hearing side by side, and the language of the answer."""

import asyncio

import pytest

from quintet.chat.v1.chat_service_pb2 import StreamChatRequest
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet.vision.v1.vision_service_pb2 import AnalyzeImageResponse, AnalyzeImageResult, ImageAnalysis
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import LookOrder, Owner
from quintet_gateway.assistant.look import Looks
from quintet_gateway.assistant.voice import SpeechOptions

OWNER = Owner("sight", "test-123")
SEEN = ImageAnalysis(scene="photo", width=640, height=480)


class Vision:
    """Sees `SEEN` when it may, or fails."""

    def __init__(self):
        self.may_see = asyncio.Event()
        self.may_see.set()
        self.failure = None
        self.looking = asyncio.Event()
        self.cancelled = False

    async def analyze(self, config, chunks):
        self.image = b"".join([chunk async for chunk in chunks])
        self.looking.set()
        try:
            await self.may_see.wait()
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled = True
            raise
        if self.failure:
            raise self.failure
        yield AnalyzeImageResponse(progress_percent=50)
        yield AnalyzeImageResponse(result=AnalyzeImageResult(analysis=SEEN))


class Voice:
    """Hears `transcript`, or fails, and notes what is to be answered."""

    def __init__(self):
        self.hearing = self
        self.transcript = Transcript()
        self.failure = None
        self.asked = None

    async def transcribe(self, chunks, *, likely_language, languages):
        self.hints = likely_language, languages
        self.audio = b"".join([chunk async for chunk in chunks])
        if self.failure:
            raise self.failure
        return self.transcript

    async def reply(self, ask, options):
        self.asked = ask, options
        return self


@pytest.fixture
def vision():
    return Vision()


@pytest.fixture
def voice():
    return Voice()


async def pieces(data):
    yield data


def order(*, audio=None, language=""):
    return LookOrder(
        OWNER,
        "s1",
        pieces(b"image"),
        SpeechOptions(sample_rate_hz=44_100),
        ("en", "hi", "mr"),
        "[unspoken]",
        audio=None if audio is None else pieces(audio),
        language=language,
        attributes={"from": "board"},
    )


async def test_picture_alone_is_answered_in_the_known_language(vision, voice):
    look = await Looks(vision, voice).begin(order(language="mr"))
    assert (look.question, look.language, look.reply) == (None, "mr", voice)
    ask, options = voice.asked
    assert (ask.owner, ask.session_id, ask.text, ask.language) == (OWNER, "s1", "[unspoken]", "mr")
    assert (ask.style, ask.image_analysis, ask.kept_by_caller) == (StreamChatRequest.STYLE_GUIDE, SEEN, True)
    assert ask.question_attributes == {"from": "board", "language": "mr"}
    assert (options.language, options.sample_rate_hz) == ("mr", 44_100)
    assert vision.image == b"image"


@pytest.mark.parametrize(
    ("transcript", "known", "question", "language"),
    [
        (Transcript(text="यहाँ क्या है?", language="hi", language_probability=0.9), "en", "यहाँ क्या है?", "hi"),
        (Transcript(text="What is it?", language="en", language_probability=0.9), "hi", "What is it?", "en"),
        (Transcript(text="Was ist das?", language="de", language_probability=0.9), "hi", "Was ist das?", "en"),
        (Transcript(text="What is it?", language="en-US", language_probability=1), "hi", "What is it?", "en"),
        (Transcript(text="...", language="de", language_probability=0.3), "hi", "...", "hi"),
        (Transcript(text="...", language="de", language_probability=0.3), "", "...", "en"),
        (Transcript(), "mr", None, "mr"),
    ],
)
async def test_answer_is_in_the_language_that_was_spoken_last(vision, voice, *, transcript, known, question, language):
    voice.transcript = transcript
    look = await Looks(vision, voice).begin(order(audio=b"question", language=known))
    assert voice.audio == b"question"
    assert voice.hints == (known or "en", ("en", "hi", "mr"))
    assert (look.question, look.language) == (question, language)
    assert voice.asked[0].text == (question or "[unspoken]")
    assert voice.asked[1].language == language


async def test_failing_ear_ends_the_look(vision, voice):
    vision.may_see.clear()
    voice.failure = DomainError(Reason.ENGINE_BUSY, "Full.")
    with pytest.raises(DomainError) as caught:
        await Looks(vision, voice).begin(order(audio=b"question"))
    assert caught.value is voice.failure
    assert vision.cancelled or not vision.looking.is_set()


async def test_failing_eye_is_told(vision, voice):
    vision.failure = DomainError(Reason.UNDECODABLE_MEDIA, "No picture.")
    with pytest.raises(DomainError) as caught:
        await Looks(vision, voice).begin(order(audio=b"question"))
    assert caught.value is vision.failure


async def test_cancelled_look_stops_seeing(vision, voice):
    vision.may_see.clear()
    looking = asyncio.create_task(Looks(vision, voice).begin(order()))
    await vision.looking.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert vision.cancelled
