"""How the sound in a chunk is stored: the document says nothing, and clients send what is at hand.

A whole file names itself. Of raw samples, the browser's are 32-bit floats and most other programs' are 16-bit numbers;
the two look so different that the first sound of a connection tells.
"""

import math
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from quintet.media.v1.audio_pb2 import (
    AUDIO_ENCODING_FILE,
    AUDIO_ENCODING_PCM_F32LE,
    AUDIO_ENCODING_PCM_S16LE,
    AudioEncoding,
)
from quintet.stt.v1.stt_service_pb2 import StreamingAudio
from quintet_audio.sniff import HEAD_BYTES, sniff_audio
from quintet_gateway.dialects.omni.errors import invalid

Encoding: TypeAlias = AudioEncoding.ValueType

LONGEST_CHUNK_BYTES = 1 << 20
LONGEST_CHUNK_S = 60

NAMED_FORMATS: Mapping[str, Encoding] = {
    "pcm_f32le": AUDIO_ENCODING_PCM_F32LE,
    "pcm_s16le": AUDIO_ENCODING_PCM_S16LE,
    "wav": AUDIO_ENCODING_FILE,
}
"""What a chunk's `format` may say."""

_SAMPLE_BYTES = {AUDIO_ENCODING_PCM_F32LE: 4, AUDIO_ENCODING_PCM_S16LE: 2}

# So much of a chunk tells as well as all of it, and holds nobody up.
_JUDGED_BYTES = 32 << 10
# A little louder than full scale happens. Of 16-bit sound read as floats, what is below zero becomes enormous or no
# number at all, and what is above it next to nothing.
_LOUDEST = 1.5
_FAINTEST = 1e-9
# Recordings fade in from silence, so that the first sound may have many faint values.
_HEARD_SHARE = 0.5


@dataclass(frozen=True)
class Chunk:
    """A piece of sound; `format` is None if its sender did not say how it is stored."""

    data: bytes
    sample_rate_hz: int
    format: str | None


class ChunkFormats:
    """Knows how the raw sound of one connection is stored, once it has heard some."""

    def __init__(self) -> None:
        self._raw: Encoding | None = None

    def audio(self, chunk: Chunk) -> StreamingAudio:
        """Returns a chunk as the services take it.

        Raises:
            OmniError: if it is too long, or ends in the middle of a sample.
        """
        if len(chunk.data) > LONGEST_CHUNK_BYTES:
            raise invalid(f"A chunk may hold at most {LONGEST_CHUNK_BYTES} bytes of sound.")
        encoding = self._encoding(chunk)
        _check_length(chunk, _SAMPLE_BYTES.get(encoding))
        return StreamingAudio(data=chunk.data, encoding=encoding, sample_rate_hz=chunk.sample_rate_hz)

    def _encoding(self, chunk: Chunk) -> Encoding:
        if chunk.format is not None:
            return NAMED_FORMATS[chunk.format]
        if is_file(chunk.data):
            return AUDIO_ENCODING_FILE
        if self._raw is None:
            self._raw = guess_encoding(chunk.data)
        return self._raw or _harmless(chunk.data)


def is_file(data: bytes) -> bool:
    """Tells whether the bytes begin a file of a known container.

    Bare MPEG frames do not count: their mark is so short that samples look like it every few minutes.
    """
    return data[:1] != b"\xff" and sniff_audio(data[:HEAD_BYTES]) is not None


def guess_encoding(data: bytes) -> Encoding | None:
    """Tells how raw samples are stored; None for silence, which says nothing."""
    if not data.strip(b"\0"):
        return None
    if len(data) % 4:
        return AUDIO_ENCODING_PCM_S16LE
    values = _as_floats(data)
    if not all(map(math.isfinite, values)) or max(map(abs, values), default=0.0) > _LOUDEST:
        return AUDIO_ENCODING_PCM_S16LE
    if sum(abs(value) >= _FAINTEST for value in values) > _HEARD_SHARE * len(values):
        return AUDIO_ENCODING_PCM_F32LE
    # Faint floats swing around zero; numbers that look like them are all above it.
    return None if any(value < 0 for value in values) or not values else AUDIO_ENCODING_PCM_S16LE


def _harmless(data: bytes) -> Encoding:
    """Returns how to take sound that says nothing: as floats it stays next to nothing, as numbers it might be noise."""
    return AUDIO_ENCODING_PCM_F32LE if data.strip(b"\0") else AUDIO_ENCODING_PCM_S16LE


def _as_floats(data: bytes) -> list[float]:
    """Reads the first sound as floats; zeros are left out."""
    start = len(data) - len(data.lstrip(b"\0"))
    start -= start % 4
    values = array("f", data[start : start + _JUDGED_BYTES])
    if sys.byteorder == "big":
        values.byteswap()
    return [value for value in values if value]


def _check_length(chunk: Chunk, sample_bytes: int | None) -> None:
    if sample_bytes is None:
        return
    if len(chunk.data) % sample_bytes:
        raise invalid("The sound ends in the middle of a sample.")
    if len(chunk.data) > LONGEST_CHUNK_S * chunk.sample_rate_hz * sample_bytes:
        raise invalid(f"A chunk may last at most {LONGEST_CHUNK_S} seconds.")
