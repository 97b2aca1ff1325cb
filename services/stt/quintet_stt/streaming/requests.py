"""Messages of a caller to what a conversation understands, and the waiting for them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from quintet.media.v1 import audio_pb2
from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_rpc.request_context import shutting_down
from quintet_rpc.uploads import too_large
from quintet_stt.streaming.conversation import Conversation
from quintet_stt.streaming.events import Command
from quintet_stt.streaming.intake import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, MOST_BYTES, Piece, PieceEncoding
from quintet_stt.windows import RATE_HZ

# Part of the pause between two pieces of sound after which an utterance may be transcribed ahead.
_PAUSE_SHARE = 0.5
_ENCODINGS = {
    audio_pb2.AUDIO_ENCODING_UNSPECIFIED: PieceEncoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: PieceEncoding.PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_F32LE: PieceEncoding.PCM_F32LE,
    audio_pb2.AUDIO_ENCODING_FILE: PieceEncoding.FILE,
}
_COMMANDS = {
    pb.STREAMING_COMMAND_END_UTTERANCE: Command.END_UTTERANCE,
    pb.STREAMING_COMMAND_RESET: Command.RESET,
}


async def config_of(requests: AsyncIterator[pb.StreamingTranscribeRequest]) -> pb.StreamingTranscribeConfig:
    """Reads the first message.

    Raises:
        DomainError: STREAM_OUT_OF_ORDER if it is no config, or if there is none.
    """
    request = await anext(requests, None)
    if request is None or request.WhichOneof("payload") != "config":
        raise _out_of_order()
    return request.config


class Follower:
    """Hands a caller's messages to a conversation, one by one, and notices when none comes."""

    def __init__(
        self, requests: AsyncIterator[pb.StreamingTranscribeRequest], conversation: Conversation, pause_s: float
    ) -> None:
        self._requests = requests
        self._conversation = conversation
        self._pause_s = pause_s

    async def follow(self) -> None:
        """Returns when the caller has half-closed and all is told.

        Raises:
            DomainError: for a message that is wrong; SERVICE_UNAVAILABLE when the process drains.
        """
        draining = asyncio.create_task(shutting_down.wait())
        try:
            while (request := await self._next(draining)) is not None:
                await self._take(request)
            await self._conversation.finish()
            if draining.done():
                raise DomainError(Reason.SERVICE_UNAVAILABLE, "The service is shutting down. Open the stream again.")
        finally:
            draining.cancel()

    async def _next(self, draining: asyncio.Task[None]) -> pb.StreamingTranscribeRequest | None:
        """Waits for the next message; a read that was given up would take its message with it."""
        reading = asyncio.create_task(self._read())
        try:
            if self._conversation.in_speech:
                await self._watch_pause({reading, draining})
            await _first({reading, draining})
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()

    async def _read(self) -> pb.StreamingTranscribeRequest | None:
        return await anext(self._requests, None)

    async def _watch_pause(self, waiting: set[asyncio.Task[Any]]) -> None:
        first_s = self._pause_s * _PAUSE_SHARE
        if not await _first(waiting, first_s):
            self._conversation.pause()
            if not await _first(waiting, self._pause_s - first_s):
                self._conversation.end_utterance()

    async def _take(self, request: pb.StreamingTranscribeRequest) -> None:
        match request.WhichOneof("payload"):
            case "audio":
                await self._conversation.hear(_piece(request.audio))
            case "command":
                self._conversation.carry_out(_command(request.command))
            case _:
                raise _out_of_order()


async def _first(waiting: set[asyncio.Task[Any]], timeout_s: float | None = None) -> bool:
    """Waits until one of the tasks is done, and tells whether one is."""
    done, _ = await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _piece(audio: pb.StreamingAudio) -> Piece:
    if not audio.data:
        raise DomainError(Reason.MISSING_FIELD, "A piece of sound is empty.", {"field": "audio.data"})
    if len(audio.data) > MOST_BYTES:
        raise too_large(MOST_BYTES, len(audio.data))
    if audio.encoding not in _ENCODINGS:
        sentence = "Sound in a stream is PCM_S16LE, PCM_F32LE or FILE."
        raise DomainError(Reason.INVALID_ARGUMENT, sentence, {"field": "audio.encoding"})
    rate_hz = audio.sample_rate_hz or RATE_HZ
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        sentence = f"The sample rate must be from {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz."
        raise DomainError(Reason.INVALID_ARGUMENT, sentence, {"field": "audio.sample_rate_hz"})
    return Piece(audio.data, _ENCODINGS[audio.encoding], rate_hz)


def _command(command: pb.StreamingCommand.ValueType) -> Command:
    if command not in _COMMANDS:
        raise DomainError(Reason.INVALID_ARGUMENT, "No such command.", {"field": "command"})
    return _COMMANDS[command]


def _out_of_order() -> DomainError:
    return DomainError(
        Reason.STREAM_OUT_OF_ORDER,
        "The first message must hold `config`, and every later one `audio` or `command`.",
    )
