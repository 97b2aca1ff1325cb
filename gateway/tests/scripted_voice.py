"""Hearing, speaking and spoken conversations in memory: each test says what is heard and what happens."""

import asyncio

from scripted_looks import ScriptedSpeech

from quintet.media.v1.audio_pb2 import AudioFormat
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet_errors import DomainError
from quintet_gateway.assistant.voice import Activity, Failed, ReplySound, ReplyText, ResetDone


class ScriptedHearing:
    """Understands `transcript` in every recording, or fails with `failure`."""

    def __init__(self):
        self.transcript = Transcript(text="What is 12 times 12?", language="en")
        self.failure = None
        self.heard = []
        self.cuts = []

    async def transcribe(self, chunks, language="", report=None, *, cut_s=0, likely_language="en", languages=()):
        self.heard.append(b"".join([chunk async for chunk in chunks]))
        self.cuts.append(cut_s)
        if self.failure:
            raise self.failure
        return self.transcript


class ScriptedReply:
    """Says what the scripted chat says, with 10 ms of sound for each piece."""

    def __init__(self, turn, options, pcm):
        self.turn = turn
        self.text = ""
        self.language = ""
        self.first_text_s = self.first_sound_s = None
        self.is_written = False
        self._options = options
        self._pcm = pcm

    async def events(self):
        async for delta in self.turn.deltas():
            self.text += delta
            self.first_text_s = 0.01
            self.is_written = self.turn.is_last(self.text)
            yield ReplyText(delta)
            if self._options is not None:
                self.first_sound_s = 0.02
                rate = self._options.sample_rate_hz
                yield ReplySound(self._pcm, AudioFormat(sample_rate_hz=rate, channel_count=1))


class ScriptedConversation:
    """Tells what a test lets happen; every chunk is answered by an activity of `probability`."""

    def __init__(self, options):
        self.options = options
        self.heard = []
        self.stops = self.resets = 0
        self.probability = 0.25
        self.may_hear = asyncio.Event()
        self.may_hear.set()
        self.failure = None
        self.is_answering = False
        self.closed = asyncio.Event()
        self._events = asyncio.Queue()

    def tell(self, *events):
        for event in events:
            self._events.put_nowait(event)

    async def hear(self, audio):
        self.heard.append(audio)
        await self.may_hear.wait()
        if self.failure:
            raise self.failure
        self.tell(Activity(self.probability, self.probability >= 0.5))

    async def end_utterance(self):
        self.stops += 1

    async def reset(self):
        self.resets += 1
        try:
            await self.options.forget()
        except DomainError as error:
            self.tell(Failed(error))
        else:
            self.tell(ResetDone())

    async def events(self):
        while True:
            yield await self._events.get()

    async def close(self):
        self.closed.set()


class ScriptedVoice:
    """Gives out replies of the scripted chat, and conversations that a test drives."""

    def __init__(self, chat):
        self.hearing = ScriptedHearing()
        self.speech = ScriptedSpeech()
        self.pcm = b"\x01\x02" * 240
        self.options = []
        self.conversations = []
        self._chat = chat

    async def reply(self, ask, options):
        self.options.append(options)
        return ScriptedReply(await self._chat.begin(ask), options, self.pcm)

    def converse(self, options):
        self.conversations.append(ScriptedConversation(options))
        return self.conversations[-1]
