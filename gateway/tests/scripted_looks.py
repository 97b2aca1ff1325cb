"""Looks in memory: a test says what was spoken, and what fails."""

import asyncio

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AudioFormat
from quintet_gateway.assistant import Ask, Look
from quintet_gateway.assistant.voice import Spoken


class ScriptedSpeech:
    """Says every sentence as its own bytes; of PCM there are two bytes a sample."""

    def __init__(self):
        self.said = []
        self.failure = None
        self.may_say = asyncio.Event()
        self.may_say.set()

    async def say(self, text, options):
        await self.may_say.wait()
        if self.failure:
            raise self.failure
        self.said.append((text, options.language))
        data = text.encode() * (1 if options.encoding == AUDIO_ENCODING_MP3 else 2)
        return Spoken(data, AudioFormat(encoding=options.encoding), options.language, (), 1.0)


class ScriptedLooks:
    """Answers with what the scripted chat says; `question` and `language` are what was spoken."""

    def __init__(self, voice):
        self.orders = []
        self.seen = []
        self.question = None
        self.language = "en"
        self.failure = None
        self._voice = voice

    async def begin(self, order):
        self.orders.append(order)
        self.seen.append(b"".join([piece async for piece in order.image]))
        if self.failure:
            raise self.failure
        ask = Ask(
            order.owner,
            self.question or order.unspoken,
            session_id=order.session_id,
            question_attributes={"language": self.language},
            kept_by_caller=True,
        )
        reply = await self._voice.reply(ask, order.speech)
        return Look(reply, self.language, self.question, 0.1, 0.2)
