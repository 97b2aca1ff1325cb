"""How the sound of a chunk is told: raw samples of two kinds, and whole files."""

import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_FILE, AUDIO_ENCODING_PCM_F32LE, AUDIO_ENCODING_PCM_S16LE
from quintet_gateway.dialects.omni.chunk_format import Chunk, ChunkFormats, guess_encoding, is_file
from quintet_gateway.dialects.omni.errors import OmniError

FLOAT, INT, FILE = AUDIO_ENCODING_PCM_F32LE, AUDIO_ENCODING_PCM_S16LE, AUDIO_ENCODING_FILE


def tone(level, samples=512, noise=0.0):
    dice = random.Random(7)
    return [level * math.sin(0.07 * number) + noise * dice.uniform(-1, 1) for number in range(samples)]


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def integers(values):
    return struct.pack(f"<{len(values)}h", *(round(32767 * max(-1, min(1, value))) for value in values))


@pytest.mark.parametrize("level", [0.001, 0.01, 0.1, 0.5, 1.0, 1.4])
@pytest.mark.parametrize("noise", [0.0, 0.001, 0.05])
def test_both_kinds_are_told_apart(level, noise):
    values = tone(level, noise=noise)
    assert guess_encoding(floats(values)) == FLOAT
    assert guess_encoding(integers(values)) == INT
    assert guess_encoding(bytes(4000) + floats(values)) == FLOAT
    assert guess_encoding(bytes(4000) + integers(values)) == INT


@pytest.mark.parametrize(
    "data",
    [
        integers(tone(0.5, samples=513)),
        b"\x00\x00\x00\x00\x80",
        struct.pack("<3f", 0.1, math.nan, 0.2),
        struct.pack("<3f", 0.1, math.inf, 0.2),
        struct.pack("<3f", 0.1, 3.0, 0.2),
        struct.pack("<4h", 1, -1, 2, -2),
    ],
)
def test_what_is_no_float_is_taken_as_integers(data):
    assert guess_encoding(data) == INT


@pytest.mark.parametrize("data", [bytes(2), bytes(640), bytes(1 << 20)])
def test_silence_says_nothing(data):
    assert guess_encoding(data) is None


def test_first_sound_decides_for_the_connection():
    formats = ChunkFormats()
    loud, click = floats(tone(0.3)), floats([0.1, 7.0] * 200)
    assert encoding(formats, bytes(640)) == INT
    assert encoding(formats, loud) == FLOAT
    assert guess_encoding(click) == INT
    assert encoding(formats, click) == FLOAT
    assert encoding(formats, bytes(640)) == FLOAT


def test_sound_that_fades_in_decides_as_soon_as_it_is_heard():
    formats = ChunkFormats()
    faint, fading = floats([1e-12, 3e-11, -2e-10] * 100), floats([4e-5 * (number / 512) ** 6 for number in range(512)])
    assert (guess_encoding(faint), encoding(formats, faint)) == (None, FLOAT)
    assert (guess_encoding(fading), encoding(formats, fading)) == (FLOAT, FLOAT)
    assert encoding(formats, floats(tone(0.3))) == FLOAT


@pytest.mark.parametrize("offset", [0.02, 0.3, 0.9])
def test_integers_that_are_all_above_zero_are_integers(offset):
    values = [offset + value for value in tone(0.01)]
    assert guess_encoding(integers(values)) == INT
    assert guess_encoding(floats(values)) == FLOAT


def test_format_that_is_named_counts_for_its_chunk_alone():
    formats = ChunkFormats()
    data = integers(tone(0.3))
    assert encoding(formats, data, "pcm_f32le") == FLOAT
    assert encoding(formats, data, "wav") == FILE
    assert encoding(formats, data) == INT


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\0\0\0\0WAVEfmt ",
        b"OggS\0",
        b"fLaC",
        b"\x1a\x45\xdf\xa3....webm",
        b"ID3\x04\0\0\0\0\0\0",
        b"\0\0\0\x18ftypM4A ",
    ],
)
def test_file_names_itself(head):
    assert is_file(head + bytes(100))
    assert encoding(ChunkFormats(), head + bytes(101)) == FILE


def test_samples_that_look_like_the_mark_of_a_frame_are_samples():
    data = b"\xff\xfb\x90\x00" + integers(tone(0.2))
    assert not is_file(data)
    assert encoding(ChunkFormats(), data) == INT


@pytest.mark.parametrize(
    ("data", "rate", "kind", "words"),
    [
        (bytes((1 << 20) + 2), 16000, None, "at most 1048576 bytes"),
        (b"\x01\x02\x03", 16000, None, "middle of a sample"),
        (integers(tone(0.3, samples=3)), 16000, "pcm_f32le", "middle of a sample"),
        (bytes(2 * 8000 * 61), 8000, "pcm_s16le", "at most 60 seconds"),
    ],
)
def test_chunk_that_cannot_be_taken_is_refused(data, rate, kind, words):
    with pytest.raises(OmniError, match=words):
        ChunkFormats().audio(Chunk(data, rate, kind))


@given(st.lists(st.floats(-1, 1, width=32).filter(lambda value: not 0 < abs(value) < 1e-6), min_size=1, max_size=300))
def test_floats_of_any_sound_are_floats(values):
    assert guess_encoding(floats(values)) == (FLOAT if any(values) else None)


@given(st.binary(max_size=3000), st.integers(8000, 192_000))
def test_any_bytes_are_taken_as_they_are_or_refused(data, rate):
    formats = ChunkFormats()
    try:
        audio = formats.audio(Chunk(data, rate, None))
    except OmniError:
        assert len(data) % 2
        return
    assert (audio.data, audio.sample_rate_hz) == (data, rate)
    assert audio.encoding in {FLOAT, INT, FILE}
    if audio.encoding == FLOAT:
        assert len(data) % 4 == 0


def encoding(formats, data, kind=None):
    return formats.audio(Chunk(data, 16_000, kind)).encoding
