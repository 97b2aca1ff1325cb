"""A conversation over scripted services, and a listener who takes its events."""

import asyncio
import time
from contextlib import asynccontextmanager

from scripted_services import ScriptedPassages, ScriptedPrices, ScriptedServices

from quintet.session.v1.event_pb2 import Event
from quintet.stt.v1.stt_service_pb2 import StreamingAudio
from quintet_gateway.assistant import Ask, ChatTurns, Owner
from quintet_gateway.assistant.history import History
from quintet_gateway.assistant.metering import Meter
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.usage import Usage
from quintet_gateway.assistant.voice import (
    Activity,
    AnswerSound,
    ConversationOptions,
    Hearing,
    Speech,
    SpeechOptions,
    Voice,
)
from quintet_gateway.clients.chat import ChatClient
from quintet_gateway.clients.session import SessionClient
from quintet_gateway.clients.stt import SttClient
from quintet_gateway.clients.tts import TtsClient
from quintet_gateway.clients.usage import UsageClient
from quintet_testing import eventually, serve

MAYA = Owner("omni", "maya")
SESSION = "s1"
CHUNK = StreamingAudio(data=b"\1\2" * 320)


class Stage:
    """Everything that one conversation needs; `heard` is what its listener got, at `times`.

    A reset clears the history once it may: `may_forget`.
    """

    def __init__(self, services, voice):
        self.services = services
        self.voice = voice
        self.conversation = None
        self.completed = []
        self.may_forget = asyncio.Event()
        self.may_forget.set()
        self.forgetting = asyncio.Event()
        self.forget_failure = None
        self.heard = []
        self.times = []
        self.may_listen = asyncio.Event()
        self.may_listen.set()
        self._came = asyncio.Condition()
        self._listening = None

    def converse(self, listen=None, **options):
        """Begins the conversation and listens to it, or lets `listen` do that."""
        usual = {"ask": self._ask, "completed": self._event, "forget": self._forget}
        options = {"surface": "omni", "speech": SpeechOptions(), **usual, **options}
        self.conversation = self.voice.converse(ConversationOptions(**options))
        self._listening = asyncio.create_task(listen(self.conversation) if listen else self._listen())

    def _ask(self, text, language):
        return Ask(MAYA, text, session_id=SESSION, language=language, kept_by_caller=True)

    def _event(self, text, took_s):
        self.completed.append((text, took_s))
        return Event(type="response.completed", data="{}")

    async def _forget(self):
        self.forgetting.set()
        await self.may_forget.wait()
        if self.forget_failure:
            raise self.forget_failure
        self.services.session.messages[SESSION].clear()

    async def _listen(self):
        async for event in self.conversation.events():
            async with self._came:
                self.heard.append(event)
                self.times.append(time.monotonic())
                self._came.notify_all()
            await self.may_listen.wait()

    def of(self, *kinds):
        return [event for event in self.heard if isinstance(event, kinds)]

    async def until(self, kind, count=1):
        """Waits for so many events of a kind in all; returns the last one."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def until_sound(self, end_s):
        """Waits until so much of an answer's sound has come; none but the last answer may be as long."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: any(event.end_s >= end_s for event in self.of(AnswerSound)))

    async def speaker(self, number=1):
        """Sends audio until a stream of the stt service is open, and returns it."""

        async def opened():
            if len(self.services.stt.streams) < number:
                await self.conversation.hear(CHUNK)
            return len(self.services.stt.streams) >= number

        await eventually(opened)
        return self.services.stt.streams[number - 1]

    async def stored(self, count):
        """Waits for so many messages in the history, and returns their texts."""

        async def enough():
            return len(self.services.session.messages[SESSION]) >= count

        await eventually(enough)
        return self.texts()

    def texts(self):
        return [message.content for message in self.services.session.messages[SESSION]]

    async def leave(self):
        """Closes the conversation; its events end, and what a listener met is raised."""
        await self.conversation.close()
        async with asyncio.timeout(20):
            await self._listening


@asynccontextmanager
async def set_stage():
    """Gives a stage whose services are up."""
    services = ScriptedServices()
    services.session.put(SESSION, "maya", "omni")
    async with serve(services.register) as channel:
        chat, usage = ChatClient(channel), Usage(UsageClient(channel))
        models = ChatModels(chat)
        meter = Meter(models, ScriptedPrices(), usage)
        turns = ChatTurns(chat, History(SessionClient(channel)), models, ScriptedPassages(), meter)
        stt = SttClient(channel)
        stage = Stage(services, Voice(turns, Hearing(stt), Speech(TtsClient(channel)), stt))
        yield stage
        if stage.conversation is not None:
            await stage.leave()
        await turns.close()
        await meter.close(5)
        await usage.close(5)


def names(events):
    """Returns the names of events, but for those that come with every piece of audio."""
    return [type(event).__name__ for event in events if not isinstance(event, Activity)]
