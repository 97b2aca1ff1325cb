"""A spoken conversation on one connection: audio goes in, what was said and the answers come out.

One answer at a time. An answer that speech has cut short stays cut, also if the speech turns out to be none: sound that
starts again after a second of silence is worse to listen to than a question asked twice.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from quintet.stt.v1.stt_service_pb2 import (
    STREAMING_COMMAND_END_UTTERANCE,
    STREAMING_COMMAND_RESET,
    StreamingAudio,
    StreamingTranscribeResponse,
    Utterance,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.voice.bounded_queue import BoundedQueue
from quintet_gateway.assistant.voice.conversation_events import (
    Activity,
    AnswerSound,
    AnswerText,
    ConversationEvent,
    ConversationOptions,
    Failed,
    Heard,
    Interim,
    Interrupted,
    NothingToStop,
    Processing,
    ResetDone,
    SpeechBegan,
)
from quintet_gateway.assistant.voice.ear import Ear, HeardEvent, Lost
from quintet_gateway.assistant.voice.floor import Floor
from quintet_gateway.assistant.voice.replying import MakeReply, Outgoing, Replying
from quintet_gateway.assistant.voice.states import Action, Happening, Machine
from quintet_gateway.clients.stt import SttClient
from quintet_observability import metrics

_MOST_OUTGOING = 64
_MOST_INCOMING = 64

_Incoming = HeardEvent | Replying | Happening

_HAPPENINGS: Mapping[str, Happening] = {
    "activity": Happening.ACTIVITY,
    "speech_started": Happening.SPEECH_STARTED,
    "speech_ended": Happening.SPEECH_ENDED,
    "interim": Happening.INTERIM,
    "command_done": Happening.RESET_DONE,
}
"""What the events of the stt service mean, if nothing else makes them mean more."""


class Conversation:
    """One conversation; it works from the moment it is made, in the running loop, until it is closed."""

    def __init__(self, options: ConversationOptions, stt: SttClient, make_reply: MakeReply) -> None:
        self._options = options
        self._make_reply = make_reply
        self._machine = Machine()
        self._floor = Floor(joins=options.streamed)
        self._replying: Replying | None = None
        self._out: BoundedQueue[Outgoing] = BoundedQueue(_MOST_OUTGOING)
        self._in: BoundedQueue[_Incoming] = BoundedQueue(_MOST_INCOMING)
        self._ear = Ear(stt, options.language, interim=options.interim, report=self._in.put)
        self._driving = asyncio.create_task(self._drive(), name="conversation")
        self._closing: asyncio.Task[None] | None = None
        for task in (self._ear.task, self._driving):
            task.add_done_callback(lambda _: self._out.close())

    @property
    def is_answering(self) -> bool:
        """Whether something that was said still waits for the end of its answer."""
        return self._floor.is_waiting or (self._replying is not None and not self._replying.is_cut)

    async def hear(self, audio: StreamingAudio) -> None:
        """Takes the next audio; waits while too much of it is queued.

        Audio is dropped while the stt service is away, and once the conversation is closed.
        """
        await self._ear.hear(audio)

    async def end_utterance(self) -> None:
        """Ends what is being said, as if silence had followed it, and cuts short an answer that is made or sent.

        What was said before and waits for its text or its answer is given up. `Interrupted` for each answer that will
        not come, the events of the utterance, or `NothingToStop` follow.
        """
        await self._in.put(Happening.STOP)
        await self._ear.command(STREAMING_COMMAND_END_UTTERANCE)

    async def reset(self) -> None:
        """Forgets what was heard and is not answered; `ResetDone` follows, and nothing from before behind it.

        Of an answer that is made or sent nothing is kept; one that was cut before is kept before the options' `forget`
        is run. If that fails, `Failed` follows instead.
        """
        await self._in.put(Happening.RESET)
        await self._ear.command(STREAMING_COMMAND_RESET)

    async def events(self) -> AsyncGenerator[ConversationEvent, None]:
        """Yields what happens until the conversation is closed, once; sound counts as sent when it is yielded.

        Whoever stops reading stops the conversation: nothing more is heard.
        """
        while (outgoing := await self._out.get()) is not None:
            if outgoing.is_stale():
                continue
            if outgoing.taken is not None:
                outgoing.taken()
            yield outgoing.event
        for task in (self._ear.task, self._driving):
            if task.done() and not task.cancelled():
                task.result()

    async def close(self) -> None:
        """Ends the conversation and its engines; returns when what was said of an answer is kept.

        Questions that still wait for their answers are dropped: nobody is there to hear them.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._driving.cancel()
        await asyncio.wait([self._driving])
        await self._do(Happening.CLOSE, None)

    async def _drive(self) -> None:
        while (incoming := await self._in.get()) is not None:
            happening = self._happening(incoming)
            if happening is not None:
                await self._do(happening, incoming)
            if self._floor.has_question:
                await self._do(Happening.QUESTION, None)

    async def _do(self, happening: Happening, incoming: _Incoming | None) -> None:
        action = self._machine.on(happening)
        if action is not Action.NONE:
            await self._actions[action](self, incoming)

    def _happening(self, incoming: _Incoming) -> Happening | None:
        match incoming:
            case Happening.STOP if self._floor.can_give_up:
                return Happening.STOP_OF_QUESTION
            case Happening():
                return incoming
            case Lost():
                return Happening.EAR_LOST
            case Replying():
                return Happening.REPLY_ENDED if incoming is self._replying else None
            case _:
                return self._happening_heard(incoming)

    def _happening_heard(self, heard: StreamingTranscribeResponse) -> Happening | None:
        match heard.WhichOneof("event"):
            case "speech_started" if self._options.streamed:
                return Happening.BARGE_IN
            case "speech_ended" if not heard.speech_ended.is_utterance:
                return Happening.FALSE_START
            case "utterance":
                return self._happening_of_text(heard.utterance)
            case "command_done" if heard.command_done == STREAMING_COMMAND_END_UTTERANCE:
                return Happening.STOP_DONE
            case "command_done" if not self._floor.has_last_reset:
                return Happening.RESET_PASSED
            case event:
                return _HAPPENINGS.get(event or "")

    def _happening_of_text(self, utterance: Utterance) -> Happening:
        if self._floor.has_text_in_vain:
            return Happening.TEXT_IN_VAIN
        return Happening.TEXT if utterance.text.strip() else Happening.NO_TEXT

    async def _tell(self, event: ConversationEvent) -> None:
        await self._out.put(Outgoing(event))

    async def _tell_activity(self, heard: StreamingTranscribeResponse) -> None:
        await self._tell(Activity(heard.activity.probability, heard.activity.in_speech))

    async def _begin_speech(self, _heard: StreamingTranscribeResponse) -> None:
        self._floor.begin_speech()
        await self._tell(SpeechBegan())

    async def _end_speech(self, _heard: StreamingTranscribeResponse) -> None:
        self._floor.end_speech(time.monotonic())
        await self._tell(Processing())

    async def _drop_speech(self, _heard: StreamingTranscribeResponse) -> None:
        self._floor.drop_speech()

    async def _tell_interim(self, heard: StreamingTranscribeResponse) -> None:
        await self._tell(Interim(heard.interim.text, heard.interim.language))

    async def _take_text(self, heard: StreamingTranscribeResponse) -> None:
        question = self._floor.understood(heard.utterance.text.strip(), heard.utterance.language)
        transcript = metrics.VOICE_STAGE_SECONDS.labels(self._options.surface, "transcript")
        transcript.observe(time.monotonic() - question.ended_at)
        await self._tell(Heard(question.text, question.language))
        if self._floor.drop_oldest():
            sentence = "Too many questions wait for an answer; the oldest one was dropped."
            await self._tell(Failed(DomainError(Reason.ENGINE_BUSY, sentence)))

    async def _tell_no_text(self, heard: StreamingTranscribeResponse) -> None:
        self._floor.not_understood()
        await self._tell(Failed(_why_no_text(heard.utterance)))

    async def _skip_text(self, _heard: StreamingTranscribeResponse) -> None:
        self._floor.skip_text()

    async def _begin_reply(self, _nothing: None) -> None:
        question = self._floor.next_question()
        self._replying = Replying(question, self._options, self._make_reply, self._out)
        self._replying.when_ended(self._in.put_now)

    async def _end_reply(self, replying: Replying) -> None:
        self._replying = None
        for event in await replying.results():
            await self._tell(event)

    async def _cut_for_speech(self, _heard: StreamingTranscribeResponse) -> None:
        self._floor.begin_speech()
        said = self._cut("speech")
        await self._tell(SpeechBegan())
        if said is not None:
            await self._tell(Interrupted(said))

    async def _cut_for_stop(self, happening: Happening) -> None:
        said = self._cut("stop")
        if said is not None:
            await self._tell(Interrupted(said))
        # An answer that was whole already is told a moment later, and that is what the stop has led to.
        await self._give_up_questions(happening)

    async def _give_up_questions(self, _happening: Happening) -> None:
        given_up = self._floor.give_up()
        self._floor.note_stop(did_something=True)
        for _ in range(given_up):
            await self._tell(Interrupted(""))

    def _cut(self, why: str) -> str | None:
        said = self._replying.cut() if self._replying else None
        if said is not None:
            metrics.BARGE_INS.labels(self._options.surface, why).inc()
            self._out.drop(_is_answer)
        return said

    async def _note_stop(self, _happening: Happening) -> None:
        self._floor.note_stop(did_something=False)

    async def _answer_stop(self, _heard: StreamingTranscribeResponse) -> None:
        if not self._floor.end_stop():
            await self._tell(NothingToStop())

    async def _forget(self, _happening: Happening) -> None:
        self._floor.forget()
        if self._replying is not None:
            self._replying.forget()
            self._out.drop(_is_answer)
            # The history is cleared when the reset is done, so that nothing may be kept behind it.
            await self._replying.results()
            self._replying = None

    async def _tell_reset(self, _heard: StreamingTranscribeResponse) -> None:
        self._floor.end_reset()
        # New speech waits here, so that its question sees nothing from before.
        await self._tell(await self._forget_kept())

    async def _forget_kept(self) -> ConversationEvent:
        try:
            await self._options.forget()
        except DomainError as error:
            return Failed(error)
        return ResetDone()

    async def _tell_lost(self, lost: Lost) -> None:
        unanswered = self._floor.lose()
        if lost.error is not None:
            for _ in range(max(1, unanswered)):
                await self._tell(Failed(lost.error))

    async def _end(self, _nothing: None) -> None:
        if self._replying is not None:
            self._replying.cut()
        self._out.drop(_is_answer)
        self._in.close()
        self._out.close()
        await self._ear.close()
        if self._replying is not None:
            await self._replying.results()

    _actions: Mapping[Action, Callable[["Conversation", Any], Awaitable[None]]] = {
        Action.TELL_ACTIVITY: _tell_activity,
        Action.BEGIN_SPEECH: _begin_speech,
        Action.CUT_FOR_SPEECH: _cut_for_speech,
        Action.END_SPEECH: _end_speech,
        Action.DROP_SPEECH: _drop_speech,
        Action.TELL_INTERIM: _tell_interim,
        Action.TAKE_TEXT: _take_text,
        Action.TELL_NO_TEXT: _tell_no_text,
        Action.SKIP_TEXT: _skip_text,
        Action.BEGIN_REPLY: _begin_reply,
        Action.END_REPLY: _end_reply,
        Action.NOTE_STOP: _note_stop,
        Action.CUT_FOR_STOP: _cut_for_stop,
        Action.GIVE_UP_QUESTIONS: _give_up_questions,
        Action.ANSWER_STOP: _answer_stop,
        Action.FORGET: _forget,
        Action.TELL_RESET: _tell_reset,
        Action.TELL_LOST: _tell_lost,
        Action.END: _end,
    }


def _is_answer(outgoing: Outgoing) -> bool:
    return isinstance(outgoing.event, AnswerText | AnswerSound)


def _why_no_text(utterance: Utterance) -> DomainError:
    reason = utterance.error_reason
    if not reason:
        return DomainError(Reason.NO_SPEECH, "No words were understood.")
    known = Reason(reason) if reason in Reason.__members__ else Reason.INTERNAL
    return DomainError(known, "The speech could not be transcribed.")
