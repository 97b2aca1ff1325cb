"""Turns the samples of an engine into the encoding that was asked for."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from functools import partial

from quintet_audio.encode import AudioEncoder, AudioEncoding
from quintet_tts.engine import Finished, SpeechEvent, Started

_LARGEST_PIECE = 64 << 10


async def encoded(
    events: AsyncIterator[SpeechEvent], encoding: AudioEncoding, executor: Executor
) -> AsyncGenerator[SpeechEvent, None]:
    """Yields the events of an engine with their sound encoded, in pieces of 1 byte to 64 KiB.

    MP3 is made on `executor`; the other encodings cost no more than a copy.
    """
    encoder: AudioEncoder | None = None

    async def work(step: Callable[[], bytes]) -> bytes:
        if encoding is not AudioEncoding.MP3:
            return step()
        return await asyncio.get_running_loop().run_in_executor(executor, step)

    async for event in events:
        if isinstance(event, Started):
            yield event
            encoder = await _encoder(encoding, event.sample_rate_hz, executor)
            continue
        assert encoder is not None  # noqa: S101 - Started comes first
        step = encoder.finish if isinstance(event, Finished) else partial(encoder.feed, event)
        for piece in _pieces(await work(step)):
            yield piece
        if isinstance(event, Finished):
            yield event


async def _encoder(encoding: AudioEncoding, sample_rate_hz: int, executor: Executor) -> AudioEncoder:
    # The first MP3 encoder loads FFmpeg's libraries, which takes longer than the loop may stand still.
    return await asyncio.get_running_loop().run_in_executor(executor, AudioEncoder, encoding, sample_rate_hz)


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _LARGEST_PIECE] for start in range(0, len(data), _LARGEST_PIECE))
