"""What hears a conversation: audio goes to the stt service, over a new stream whenever one has broken."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from quintet.stt.v1.stt_service_pb2 import (
    STREAMING_COMMAND_RESET,
    StreamingAudio,
    StreamingCommand,
    StreamingTranscribeConfig,
    StreamingTranscribeRequest,
    StreamingTranscribeResponse,
    Utterance,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.voice.bounded_queue import BoundedQueue
from quintet_gateway.assistant.voice.hearing import LIKELY_LANGUAGE
from quintet_gateway.clients.stt import SttClient

# Some seconds of speech; whoever sends faster than it is heard waits.
_MOST_QUEUED_BYTES = 1 << 20
# A command has no length, but must not be free.
_COMMAND_BYTES = 64
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
# How long the end of a stream on which nothing is at work may take.
_ENDING_S = 0.5
# Below this the language was a guess, and the next stream may guess again.
_SURE_OF_LANGUAGE = 0.5

# What the sender of the audio can mend; everything else says that the service is away.
_FAULTS_OF_AUDIO = frozenset(
    {
        Reason.INVALID_ARGUMENT,
        Reason.MISSING_FIELD,
        Reason.PAYLOAD_TOO_LARGE,
        Reason.UNSUPPORTED_FORMAT,
        Reason.UNDECODABLE_MEDIA,
        Reason.MEDIA_TOO_LONG,
        Reason.IMAGE_TOO_LARGE,
    }
)


@dataclass(frozen=True)
class Lost:
    """The stream broke, and with it what was being heard.

    `error` is None if the service had not come back since the last time that it was told.
    """

    error: DomainError | None


HeardEvent = StreamingTranscribeResponse | Lost
Report = Callable[[HeardEvent], Awaitable[object]]


class Ear:
    """Carries audio and commands of one conversation in order; `report` is told what was heard, one by one.

    While the service is away audio is dropped, and commands are carried out at once: nothing is there to be forgotten.
    """

    def __init__(self, stt: SttClient, language: str, *, interim: bool, report: Report) -> None:
        self._stt = stt
        self._language = language
        self._likely_language = LIKELY_LANGUAGE
        self._interim = interim
        self._report = report
        self._queue: BoundedQueue[StreamingAudio | StreamingCommand.ValueType] = BoundedQueue(_MOST_QUEUED_BYTES)
        self._stream: _Stream | None = None
        self._away = _Away()
        self._task = asyncio.create_task(self._carry(), name="ear")

    async def hear(self, audio: StreamingAudio) -> None:
        """Takes audio, once there is room for it."""
        await self._queue.put(audio, len(audio.data))

    async def command(self, command: StreamingCommand.ValueType) -> None:
        """Takes a command, behind the audio before it; `command_done` is reported for each."""
        await self._queue.put(command, _COMMAND_BYTES)

    @property
    def task(self) -> asyncio.Task[None]:
        """The work; it ends by itself only when it fails."""
        return self._task

    async def close(self) -> None:
        """Stops hearing, and the engine with it; what is queued is dropped."""
        self._queue.close()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _carry(self) -> None:
        try:
            while (item := await self._queue.get()) is not None:
                await self._pass_on(item)
        finally:
            if self._stream is not None:
                await self._stream.close()

    async def _pass_on(self, item: StreamingAudio | StreamingCommand.ValueType) -> None:
        if self._stream is not None and self._stream.has_ended:
            # What is left to tell of it comes before anything of the next one.
            await self._stream.told()
            self._stream = None
        if isinstance(item, StreamingAudio):
            await self._send_audio(item)
        elif self._stream is None:
            await self._report(StreamingTranscribeResponse(command_done=item))
        else:
            await self._stream.send_command(item)

    async def _send_audio(self, audio: StreamingAudio) -> None:
        if self._stream is None:
            if self._away.is_waiting:
                return
            self._stream = _Stream(self._follow)
        await self._stream.send_audio(audio)

    async def _follow(self, stream: "_Stream") -> None:
        """Reports what is heard on one stream until it breaks."""
        error = DomainError(Reason.SERVICE_UNAVAILABLE, "The speech service ended the conversation.")
        try:
            async with aclosing(self._stt.follow(stream.messages(self._config()))) as responses:
                async for response in responses:
                    self._away.end()
                    stream.answered(response)
                    self._learn_language(response.utterance)
                    await self._report(response)
        except DomainError as broken:
            error = broken
        stream.end()
        is_news = self._away.begin() or error.reason in _FAULTS_OF_AUDIO
        await self._report(Lost(error if is_news else None))
        while stream.unanswered:
            await self._report(StreamingTranscribeResponse(command_done=stream.unanswered.popleft()))

    def _config(self) -> StreamingTranscribeRequest:
        config = StreamingTranscribeConfig(
            language=self._language, likely_language=self._likely_language, interim=self._interim
        )
        return StreamingTranscribeRequest(config=config)

    def _learn_language(self, utterance: Utterance) -> None:
        if utterance.text and utterance.language_probability >= _SURE_OF_LANGUAGE:
            self._likely_language = utterance.language


class _Stream:
    """One call of the stt service, and what is on its way there.

    Audio is sent when the piece before it was answered. A call that fails while its client is still sending may tell
    that the sending failed and not why.
    """

    def __init__(self, follow: Callable[["_Stream"], Awaitable[None]]) -> None:
        self._outgoing: BoundedQueue[StreamingTranscribeRequest] = BoundedQueue(1)
        self.unanswered: deque[StreamingCommand.ValueType] = deque()
        self._heard = asyncio.Event()
        self._in_speech = False
        self._awaited_texts = 0
        self._following = asyncio.ensure_future(follow(self))

    @property
    def has_ended(self) -> bool:
        """Whether the stream takes nothing more."""
        return self._outgoing.is_closed

    async def send_audio(self, audio: StreamingAudio) -> None:
        """Sends audio; what a broken stream does not take is lost with it."""
        await self._outgoing.put(StreamingTranscribeRequest(audio=audio))

    async def send_command(self, command: StreamingCommand.ValueType) -> None:
        """Sends a command; what follows the stream answers it if the service does not."""
        self.unanswered.append(command)
        await self._outgoing.put(StreamingTranscribeRequest(command=command))

    def answered(self, response: StreamingTranscribeResponse) -> None:
        """Notes what the service has answered."""
        match response.WhichOneof("event"):
            case "activity":
                self._heard.set()
            case "speech_started":
                self._in_speech = True
            case "speech_ended":
                self._in_speech = False
                self._awaited_texts += response.speech_ended.is_utterance
            case "utterance":
                self._awaited_texts -= 1
            case "command_done":
                self.unanswered.popleft()
                if response.command_done == STREAMING_COMMAND_RESET:
                    self._in_speech, self._awaited_texts = False, 0

    async def messages(self, config: StreamingTranscribeRequest) -> AsyncGenerator[StreamingTranscribeRequest, None]:
        """Yields what is to be sent; it ends with the stream, as gRPC would wait for its next message for ever."""
        yield config
        while (message := await self._outgoing.get()) is not None:
            self._heard.clear()
            yield message
            if message.HasField("audio"):
                await self._heard.wait()

    def end(self) -> None:
        """Takes nothing more."""
        self._outgoing.close()
        self._heard.set()

    async def told(self) -> None:
        """Waits until everything about the stream was reported."""
        await self._following

    async def close(self) -> None:
        """Ends the call: in order if nothing is at work on it; otherwise it is cancelled, which stops the engine."""
        self.end()
        if not (self._in_speech or self._awaited_texts or self.unanswered):
            await asyncio.wait([self._following], timeout=_ENDING_S)
        self._following.cancel()
        await asyncio.wait([self._following])


class _Away:
    """Whether the service is away, and when to look for it again: each time after a longer pause."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._until = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to look again."""
        return time.monotonic() < self._until

    def begin(self) -> bool:
        """Notes a failure; tells whether the service was there before it."""
        was_there = not self._pause_s
        self._until = 0.0 if was_there else time.monotonic() + self._pause_s
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2) or _FIRST_PAUSE_S
        return was_there

    def end(self) -> None:
        """Notes that the service has answered."""
        self._pause_s = self._until = 0.0
