"""One answer on its way to a person: made, paced, cut short, and kept as far as it was said."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from quintet.media.v1.audio_pb2 import AudioFormat
from quintet_errors import DomainError
from quintet_gateway.assistant.turn import Ask
from quintet_gateway.assistant.voice.bounded_queue import BoundedQueue
from quintet_gateway.assistant.voice.conversation_events import (
    Answered,
    AnswerSound,
    AnswerText,
    ConversationEvent,
    ConversationOptions,
    Failed,
)
from quintet_gateway.assistant.voice.floor import Question
from quintet_gateway.assistant.voice.pacing import Playout, bytes_per_second, pieces
from quintet_gateway.assistant.voice.reply import Reply, ReplySound, ReplyText
from quintet_gateway.assistant.voice.speech import SpeechOptions
from quintet_observability import metrics

MakeReply = Callable[[Ask, SpeechOptions], Awaitable[Reply]]

# A client can play through a short pause of the network, and little was sent in vain when it interrupts.
_MOST_AHEAD_S = 1.0
# A minute and a half of PCM: engines are done with an answer long before it was heard, and free for others.
_MOST_SOUND_BYTES = 4 << 20


@dataclass(frozen=True)
class Outgoing:
    """An event on its way out; `taken` is called when it goes. It does not go any more if `is_stale` says so then."""

    event: ConversationEvent
    taken: Callable[[], None] | None = None
    is_stale: Callable[[], bool] = lambda: False


class Replying:
    """The answer to one question; its task runs until what was said is kept."""

    def __init__(
        self,
        question: Question,
        options: ConversationOptions,
        make_reply: MakeReply,
        out: BoundedQueue[Outgoing],
    ) -> None:
        self._question = question
        self._options = options
        self._make_reply = make_reply
        self._out = out
        self._reply: Reply | None = None
        self._making: asyncio.Task[Answered] | None = None
        self._is_cut = False
        self._is_forgotten = False
        self._said = ""
        self._playout = Playout()
        self._taken = asyncio.Event()
        self._stages: set[str] = set()
        self._task = asyncio.create_task(self._run(), name="reply")

    def when_ended(self, tell: Callable[["Replying"], None]) -> None:
        """Lets `tell` know when `results` can be had."""
        self._task.add_done_callback(lambda _: tell(self))

    @property
    def is_cut(self) -> bool:
        """Whether the answer was stopped before it was whole."""
        return self._is_cut

    def cut(self) -> str | None:
        """Stops the answer; returns what was said of it, None if it is whole or was cut before."""
        if self._is_cut or (self._making is not None and self._making.done()):
            return None
        self._is_cut = True
        self._said = self._heard_so_far()
        if self._making is not None:
            self._making.cancel()
        return self._said

    def forget(self) -> None:
        """Stops the answer; nothing is kept, unless it was whole or cut before."""
        if self.cut() is not None:
            self._is_forgotten = True
            if self._reply is None:
                self._task.cancel()

    async def results(self) -> list[ConversationEvent]:
        """Waits for the end; returns what is left to tell.

        Raises:
            Exception: if something failed that is no `DomainError`.
        """
        await asyncio.wait([self._task])
        return [] if self._task.cancelled() else self._task.result()

    async def _run(self) -> list[ConversationEvent]:
        try:
            return await self._answer()
        except DomainError as error:
            return [Failed(error)]

    async def _answer(self) -> list[ConversationEvent]:
        """Begins the turn, makes the answer and keeps it; a cut does not keep the question from being kept."""
        ask = self._options.ask(self._question.text, self._question.language)
        self._reply = reply = await self._make_reply(ask, self._speech(ask))
        if self._is_cut:
            return await self._keep_said(reply)
        self._making = asyncio.create_task(self._make(reply), name="answer")
        await asyncio.wait([self._making])
        if self._making.cancelled():
            return await self._keep_said(reply)
        try:
            answered = self._making.result()
        except DomainError as error:
            self._said = self._heard_so_far()
            return [Failed(error), *await self._keep_said(reply)]
        await reply.turn.keep(answered.text, self._options.completed(answered.text, answered.took_s))
        return [answered]

    def _speech(self, ask: Ask) -> SpeechOptions:
        speech = self._options.speech
        return replace(speech, language=speech.language or ask.language or self._question.language)

    async def _keep_said(self, reply: Reply) -> list[ConversationEvent]:
        try:
            if not self._is_forgotten:
                await reply.turn.keep(self._said)
        except DomainError as error:
            return [Failed(error)]
        return []

    def _heard_so_far(self) -> str:
        if self._reply is None or not self._playout.sent_s:
            return ""
        return self._reply.said_by(self._playout.played_s)

    async def _make(self, reply: Reply) -> Answered:
        if self._options.streamed:
            return await self._stream(reply)
        return await self._collect(reply)

    async def _collect(self, reply: Reply) -> Answered:
        audio, form = bytearray(), AudioFormat()
        async with aclosing(self._events(reply)) as events:
            async for event in events:
                if isinstance(event, ReplySound):
                    self._note_stage("first_sound")
                    audio += event.audio
                    form = event.format
        return Answered(reply.text, bytes(audio), form, self._since_question())

    async def _stream(self, reply: Reply) -> Answered:
        sounds: BoundedQueue[ReplySound] = BoundedQueue(_MOST_SOUND_BYTES)
        reading = asyncio.create_task(self._read(reply, sounds), name="reply_events")
        form = AudioFormat()
        try:
            while (sound := await sounds.get()) is not None:
                form = sound.format
                await self._send(sound)
            took_s = self._since_question()
            # Whoever interrupts while the end is still being played has not heard it.
            await self._wait_until_ahead(0.0)
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return Answered(reply.text, b"", form, took_s)

    async def _read(self, reply: Reply, sounds: BoundedQueue[ReplySound]) -> None:
        try:
            async with aclosing(self._events(reply)) as events:
                async for event in events:
                    if isinstance(event, ReplySound):
                        await sounds.put(event, len(event.audio))
                    else:
                        await self._out.put(Outgoing(AnswerText(event.text), is_stale=self._was_cut))
        finally:
            sounds.close()

    async def _events(self, reply: Reply) -> AsyncGenerator[ReplyText | ReplySound, None]:
        async with aclosing(reply.events()) as events:
            async for event in events:
                self._note_stage("first_token")
                yield event

    async def _send(self, sound: ReplySound) -> None:
        bit_rate_bps = self._options.speech.bit_rate_bps
        for piece in pieces(sound.audio, sound.format, bit_rate_bps):
            seconds = len(piece) / bytes_per_second(sound.format, bit_rate_bps)
            await self._wait_until_ahead(_MOST_AHEAD_S)
            event = AnswerSound(piece, sound.format, self._playout.sent_s + seconds)
            self._taken.clear()
            await self._out.put(Outgoing(event, partial(self._note_sent, seconds), self._was_cut))
            await self._taken.wait()

    def _was_cut(self) -> bool:
        # What is being made when the answer is cut comes behind the word about it.
        return self._is_cut

    def _note_sent(self, seconds: float) -> None:
        self._note_stage("first_sound")
        self._playout.sent(seconds)
        self._taken.set()

    async def _wait_until_ahead(self, most_s: float) -> None:
        excess = self._playout.ahead_s - most_s
        if excess > 0:
            await asyncio.sleep(excess)

    def _since_question(self) -> float:
        return time.monotonic() - self._question.ended_at

    def _note_stage(self, stage: str) -> None:
        if stage not in self._stages:
            self._stages.add(stage)
            metrics.VOICE_STAGE_SECONDS.labels(self._options.surface, stage).observe(self._since_question())
