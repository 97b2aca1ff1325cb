"""Turns the samples of an engine into the rate and the encoding that were asked for."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from quintet_audio.encode import AudioEncoder, AudioEncoding, mp3_bit_rates
from quintet_audio.resample import Resampler
from quintet_errors import DomainError, Reason
from quintet_tts.engine import Finished, Started
from quintet_tts.narration import NarrationEvent

_LARGEST_PIECE = 64 << 10
# What costs more than a copy begins with short pieces, so that their sound leaves early.
_FIRST_PIECE = 4 << 10
_SAMPLE_BYTES = 2
_T = TypeVar("_T")


@dataclass(frozen=True)
class Sound:
    """How to store sound: samples per second (0: the voice's own) and, of MP3, bits per second (0: 48000)."""

    encoding: AudioEncoding
    sample_rate_hz: int = 0
    bit_rate_bps: int = 0

    def of_voice(self, sample_rate_hz: int) -> "Sound":
        """Fills the voice's own sample rate in.

        Raises:
            DomainError: INVALID_ARGUMENT for a bit rate that MP3 does not have at the sample rate.
        """
        rate = self.sample_rate_hz or sample_rate_hz
        if self.encoding is AudioEncoding.MP3 and self.bit_rate_bps:
            known = mp3_bit_rates(rate)
            if self.bit_rate_bps not in known:
                allowed = ", ".join(map(str, known))
                message = f"MP3 at {rate} Hz has no bit rate of {self.bit_rate_bps}. It has {allowed} bits per second."
                raise DomainError(Reason.INVALID_ARGUMENT, message, {"field": "bit_rate_bps"})
        return replace(self, sample_rate_hz=rate)


class _Converter:
    """Resamples and encodes one sound; one thread at a time."""

    def __init__(self, from_hz: int, sound: Sound) -> None:
        self._rate_hz = sound.sample_rate_hz
        self._resampler = None if from_hz == sound.sample_rate_hz else Resampler(from_hz, sound.sample_rate_hz)
        self._encoder = AudioEncoder(sound.encoding, sound.sample_rate_hz, sound.bit_rate_bps)
        self._made_bytes = 0
        self._next_bytes = _FIRST_PIECE
        # Resampling 64 KiB takes a millisecond, MP3 of them twenty: only that is too long for the loop.
        self.is_slow = sound.encoding is AudioEncoding.MP3
        self._is_copy = self._resampler is None and not self.is_slow

    @property
    def duration_s(self) -> float:
        return self._made_bytes / _SAMPLE_BYTES / self._rate_hz

    def steps(self, pcm: bytes) -> Iterator[Callable[[], bytes]]:
        """Cuts samples into pieces of growing length and yields what encodes each of them."""
        start = 0
        while start < len(pcm):
            end = start + (_LARGEST_PIECE if self._is_copy else self._next_bytes)
            yield partial(self.feed, pcm[start:end])
            start, self._next_bytes = end, min(_LARGEST_PIECE, 2 * self._next_bytes)

    def feed(self, pcm: bytes) -> bytes:
        return self._encode(self._resampler.feed(pcm) if self._resampler else pcm)

    def finish(self) -> bytes:
        rest = self._encode(self._resampler.finish()) if self._resampler else b""
        return rest + self._encoder.finish()

    def _encode(self, pcm: bytes) -> bytes:
        self._made_bytes += len(pcm)
        return self._encoder.feed(pcm)


async def encoded(
    events: AsyncIterator[NarrationEvent], sound: Sound, executor: Executor
) -> AsyncGenerator[NarrationEvent, None]:
    """Yields the events with their sound resampled and encoded, in pieces of 1 byte to 64 KiB, and its real length.

    MP3 is made on `executor`. `sound` names its sample rate.
    """
    converter: _Converter | None = None
    async for event in events:
        if isinstance(event, Started):
            yield replace(event, sample_rate_hz=sound.sample_rate_hz)
            # To open an MP3 encoder takes longer than the loop may stand still.
            converter = await _on(executor, partial(_Converter, event.sample_rate_hz, sound))
            continue
        assert converter is not None  # noqa: S101 - Started comes first
        if isinstance(event, bytes | Finished):
            steps = iter([converter.finish]) if isinstance(event, Finished) else converter.steps(event)
            for step in steps:
                for piece in _pieces(await _on(executor, step) if converter.is_slow else step()):
                    yield piece
        if isinstance(event, Finished):
            yield Finished(converter.duration_s)
        elif not isinstance(event, bytes):
            yield event


def load_codecs() -> None:
    """Makes MP3 of a short silence: the first use of the codecs is slow, and no caller should wait for it."""
    converter = _Converter(22050, Sound(AudioEncoding.MP3, 24000))
    converter.feed(bytes(4410))
    converter.finish()


async def _on(executor: Executor, step: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(executor, step)


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _LARGEST_PIECE] for start in range(0, len(data), _LARGEST_PIECE))
