"""Texts to speech: a whole text at once, or clauses one behind the other while they are still written."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_PCM_S16LE, AudioEncoding, AudioFormat
from quintet.tts.v1.tts_service_pb2 import (
    StreamingSynthesizeConfig,
    StreamingSynthesizeRequest,
    StreamingSynthesizeResponse,
    SynthesisStarted,
    SynthesizeRequest,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.clients.tts import TtsClient

_FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True)
class SpeechOptions:
    """How to speak: `language` is a BCP 47 tag (empty means `en`) and `voice` a name from the list of voices.

    `speed` is from 0.25 to 4.0. A rate of 0 means the voice's own, and a bit rate of 0 the service's default for MP3.
    """

    language: str = ""
    voice: str = ""
    speed: float = 1.0
    encoding: AudioEncoding.ValueType = AUDIO_ENCODING_PCM_S16LE
    sample_rate_hz: int = 0
    bit_rate_bps: int = 0


@dataclass(frozen=True)
class Spoken:
    """A text as sound: the file or the samples, their real format, and the language that is really spoken."""

    audio: bytes
    format: AudioFormat
    language: str
    limitations: tuple[str, ...]
    duration_s: float


@dataclass(frozen=True)
class SpeechStarted:
    """What the sound that follows really is."""

    format: AudioFormat
    language: str
    limitations: tuple[str, ...]


@dataclass(frozen=True)
class TextSpoken:
    """The sound of text number `index`, counted from 0, ends `end_s` seconds after the start of the sound."""

    index: int
    end_s: float


SpeechEvent = SpeechStarted | bytes | TextSpoken


class Speech:
    """Speaks. A language that has no voice is spoken by the English one: that beats silence."""

    def __init__(self, tts: TtsClient) -> None:
        self._tts = tts

    async def say(self, text: str, options: SpeechOptions) -> Spoken:
        """Returns a whole text as sound, 1 to 20000 characters that are not all blank.

        Raises:
            DomainError: whatever the tts service fails with.
        """
        try:
            return await self._say(text, options)
        except DomainError as error:
            english = _in_english(options, error)
        return await self._say(text, english)

    async def stream(self, texts: AsyncIterable[str], options: SpeechOptions) -> AsyncGenerator[SpeechEvent, None]:
        """Yields the sound of `texts`, none of them blank, as one stream; without texts there is none.

        Closing the generator stops the voice.

        Raises:
            DomainError: whatever the tts service fails with.
            Exception: whatever `texts` fails with.
        """
        written = _Texts(texts)
        try:
            if await written.at(0) is None:
                return
            async with aclosing(self._stream(written, options)) as events:
                async for event in events:
                    yield event
        finally:
            await written.close()

    async def _say(self, text: str, options: SpeechOptions) -> Spoken:
        started, duration_s = SynthesisStarted(), 0.0
        audio = bytearray()
        async with aclosing(self._tts.synthesize(_request(text, options))) as events:
            async for event in events:
                audio += event.audio
                if event.HasField("started"):
                    started = event.started
                elif event.HasField("finished"):
                    duration_s = event.finished.audio_duration.ToNanoseconds() / 1e9
        begun = _started(started)
        return Spoken(bytes(audio), begun.format, begun.language, begun.limitations, duration_s)

    async def _stream(self, texts: "_Texts", options: SpeechOptions) -> AsyncGenerator[SpeechEvent, None]:
        try:
            async with aclosing(self._spoken(texts, options)) as events:
                async for event in events:
                    yield event
                return
        except DomainError as error:
            # The service finds the voice before it says anything: no sound was heard yet.
            english = _in_english(options, error)
        async with aclosing(self._spoken(texts, english)) as events:
            async for event in events:
                yield event

    async def _spoken(self, texts: "_Texts", options: SpeechOptions) -> AsyncGenerator[SpeechEvent, None]:
        async with aclosing(self._tts.synthesize_texts(_messages(texts, options))) as events:
            async for event in events:
                understood = _understood(event)
                if understood is not None:
                    yield understood


class _Texts:
    """Texts that are read from their source when they are wanted, and that can be read again from the first one."""

    def __init__(self, source: AsyncIterable[str]) -> None:
        self._source: AsyncIterator[str] = aiter(source)
        self._read: list[str] = []
        self._reading: asyncio.Task[bool] | None = None

    async def at(self, index: int) -> str | None:
        """Waits for a text; None behind the last one. Raises what the source fails with."""
        while index >= len(self._read):
            reading = self._reading = self._reading or asyncio.create_task(self._read_next())
            # A caller that gives up must not take the source with it: another one may come.
            await asyncio.wait({reading})
            if not reading.result():
                return None
            if self._reading is reading:
                self._reading = None
        return self._read[index]

    async def close(self) -> None:
        """Ends the source."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()

    async def _read_next(self) -> bool:
        try:
            self._read.append(await anext(self._source))
        except StopAsyncIteration:
            return False
        return True


async def _messages(texts: _Texts, options: SpeechOptions) -> AsyncIterator[StreamingSynthesizeRequest]:
    yield StreamingSynthesizeRequest(config=_config(options))
    index = 0
    while (text := await texts.at(index)) is not None:
        yield StreamingSynthesizeRequest(text=text)
        index += 1


def _in_english(options: SpeechOptions, error: DomainError) -> SpeechOptions:
    """Returns how to say it in English; raises `error` if that is no way out."""
    if error.reason is not Reason.UNSUPPORTED_LANGUAGE or options.language == _FALLBACK_LANGUAGE:
        raise error
    return replace(options, language=_FALLBACK_LANGUAGE)


def _request(text: str, options: SpeechOptions) -> SynthesizeRequest:
    return SynthesizeRequest(text=text, **_fields(options))


def _config(options: SpeechOptions) -> StreamingSynthesizeConfig:
    return StreamingSynthesizeConfig(**_fields(options))


def _fields(options: SpeechOptions) -> dict[str, Any]:
    """Returns the fields that both ways to speak have under the same names."""
    return {
        "language": options.language,
        "voice": options.voice,
        "speaking_rate": options.speed,
        "encoding": options.encoding,
        "sample_rate_hz": options.sample_rate_hz,
        "bit_rate_bps": options.bit_rate_bps,
    }


def _understood(event: StreamingSynthesizeResponse) -> SpeechEvent | None:
    match event.WhichOneof("event"):
        case "started":
            return _started(event.started)
        case "audio":
            return event.audio
        case "spoken":
            return TextSpoken(event.spoken.index, event.spoken.end_offset.ToNanoseconds() / 1e9)
    return None


def _started(started: SynthesisStarted) -> SpeechStarted:
    limitations = tuple(limit.explanation for limit in started.limitations)
    return SpeechStarted(started.format, started.language, limitations)
