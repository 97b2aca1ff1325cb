"""Answers as sound: MP3 while it is made, WAV as a whole, and sentences that are said when there is no answer."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass, replace

from aiohttp import web

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AUDIO_ENCODING_PCM_S16LE
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Assistant
from quintet_gateway.assistant.voice import Reply, ReplySound, SpeechOptions
from quintet_gateway.dialects.sight import translate
from quintet_gateway.dialects.sight.wording import Sentence, worded
from quintet_gateway.http.sound import wav_file

_ENOUGH_FOR_PREVIEW = 400
_LARGE_BYTES = 256 << 10
_PIECE_BYTES = 64 << 10


@dataclass(frozen=True)
class SoundFile:
    """A way to send sound: how it is spoken, its type, and the name that it is saved under."""

    options: SpeechOptions
    content_type: str
    name: str

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of a response that carries it."""
        return {"Content-Type": self.content_type, "Content-Disposition": f"attachment; filename={self.name}"}


MP3 = SoundFile(
    SpeechOptions(encoding=AUDIO_ENCODING_MP3, sample_rate_hz=44_100, bit_rate_bps=128_000),
    "audio/mpeg",
    "response.mp3",
)
WAV = SoundFile(SpeechOptions(encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000), "audio/wav", "response.wav")


class SpokenAnswer:
    """Sends one reply. Of a client that does not read for `write_s` seconds the connection is ended."""

    def __init__(self, request: web.Request, reply: Reply, language: str, write_s: float) -> None:
        self._request = request
        self._reply = reply
        self._language = language
        self._write_s = write_s
        self._response: web.StreamResponse | None = None

    async def send(self, file: SoundFile) -> web.StreamResponse:
        """Sends the reply and keeps its turn before the response ends.

        Raises:
            DomainError: if a service fails.
        """
        try:
            return await (self._send_whole(file) if file is WAV else self._send_stream(file))
        except ConnectionError:
            if self._response is None:
                raise
            # He does not read, or has left. What is still to be sent would be kept for as long as he likes.
            if self._request.transport is not None:
                self._request.transport.abort()
            return self._response

    async def _send_stream(self, file: SoundFile) -> web.StreamResponse:
        pending = bytearray()
        async with aclosing(self._reply.events()) as events:
            async for event in events:
                if isinstance(event, ReplySound):
                    pending += event.audio
                # The header holds the beginning of the text, and no header can follow the sound.
                if pending and (self._reply.is_written or len(self._reply.text) > _ENOUGH_FOR_PREVIEW):
                    await self._write(file, pending)
        await self._keep()
        return await self._end(await self._write(file, pending))

    async def _send_whole(self, file: SoundFile) -> web.StreamResponse:
        samples = bytearray()
        async with aclosing(self._reply.events()) as events:
            async for event in events:
                if isinstance(event, ReplySound):
                    samples += event.audio
        await self._keep()
        sound = memoryview(await _wav_file(bytes(samples), file.options.sample_rate_hz))
        response = await self._begun(file, len(sound))
        for start in range(0, len(sound), _PIECE_BYTES):
            await self._within(response.write(sound[start : start + _PIECE_BYTES]))
        return await self._end(response)

    async def _write(self, file: SoundFile, pending: bytearray) -> web.StreamResponse:
        response = await self._begun(file)
        await self._within(response.write(bytes(pending)))
        pending.clear()
        return response

    async def _begun(self, file: SoundFile, length: int | None = None) -> web.StreamResponse:
        if self._response is None:
            self._response = web.StreamResponse(headers=self._headers(file))
            self._response.content_length = length
            await self._response.prepare(self._request)
        return self._response

    async def _end(self, response: web.StreamResponse) -> web.StreamResponse:
        await self._within(response.write_eof())
        return response

    async def _within(self, writing: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._write_s):
                await writing
        except TimeoutError:
            raise ConnectionResetError("The client does not read.") from None

    async def _keep(self) -> None:
        if not self._reply.text.strip():
            raise DomainError(Reason.ENGINE_FAILED, "The language model has answered nothing.", {"service": "llm"})
        await self._reply.turn.keep(self._reply.text, attributes={translate.LANGUAGE: self._language})

    def _headers(self, file: SoundFile) -> Mapping[str, str]:
        return {
            **file.headers,
            "X-Response-Text": translate.preview(self._reply.text),
            "X-Detected-Language": self._language,
        }


_Key = tuple[Sentence, str, str]


class SpokenSentences:
    """Says sentences that are needed again and again; each is made once for each language and kind of file."""

    def __init__(self) -> None:
        self._made: dict[_Key, bytes] = {}
        self._making: dict[_Key, asyncio.Task[bytes]] = {}

    async def say(self, assistant: Assistant, sentence: Sentence, language: str, file: SoundFile) -> bytes:
        """Returns a sentence as a file; all who want it while it is made wait for the same one.

        Raises:
            DomainError: if it was never made and cannot be made now.
        """
        key = sentence, language, file.name
        if key in self._made:
            return self._made[key]
        making = self._making.get(key)
        if making is None:
            # In a context of its own: what belongs to the request that happens to be the first is not for the others.
            making = asyncio.create_task(self._make(assistant, sentence, language, file), context=Context())
            self._making[key] = making
            making.add_done_callback(lambda made: self._keep(key, made))
        # One who leaves does not take the sentence from the others.
        return await asyncio.shield(making)

    async def _make(self, assistant: Assistant, sentence: Sentence, language: str, file: SoundFile) -> bytes:
        options = replace(file.options, language=language)
        audio = (await assistant.voice.speech.say(worded(sentence, language), options)).audio
        return await _wav_file(audio, options.sample_rate_hz) if file is WAV else audio

    def _keep(self, key: _Key, made: asyncio.Task[bytes]) -> None:
        del self._making[key]
        if not made.cancelled() and made.exception() is None:
            self._made[key] = made.result()


async def _wav_file(samples: bytes, sample_rate_hz: int) -> bytes:
    if len(samples) < _LARGE_BYTES:
        return wav_file(samples, sample_rate_hz)
    return await asyncio.to_thread(wav_file, samples, sample_rate_hz)
