import io
import math
import struct

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quintet_audio.encode import MP3_SAMPLE_RATES_HZ, AudioEncoder, AudioEncoding, mp3_bit_rates

RATE = 22050


def tone(seconds, rate=RATE):
    return b"".join(
        struct.pack("<h", round(9000 * math.sin(2 * math.pi * 440 * n / rate))) for n in range(int(seconds * rate))
    )


def encode(encoding, pcm, rate=RATE, piece=4411):
    encoder = AudioEncoder(encoding, rate)
    return b"".join([encoder.feed(pcm[at : at + piece]) for at in range(0, len(pcm), piece)] + [encoder.finish()])


def decoded(data):
    """Returns the samples of a file as FFmpeg reads it, and their rate."""
    samples = []
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(audio=0):
            samples += frame.to_ndarray()[0].tolist()
            rate = frame.sample_rate
    return samples, rate


def test_pcm_passes_through():
    assert encode(AudioEncoding.PCM_S16LE, b"abcdef") == b"abcdef"


def test_streamed_wav_says_that_its_length_is_unknown_and_plays_to_its_end():
    pcm = tone(0.5)
    data = encode(AudioEncoding.WAV, pcm)
    assert struct.unpack_from("<I", data, 4) == struct.unpack_from("<I", data, 40) == (0xFFFFFFFF,)
    assert data[44:] == pcm
    samples, rate = decoded(data)
    assert (len(samples), rate) == (len(pcm) // 2, RATE)


def test_wav_without_sound_is_a_header():
    assert len(encode(AudioEncoding.WAV, b"")) == 44


@pytest.mark.parametrize("rate", MP3_SAMPLE_RATES_HZ)
def test_mp3_decodes_to_the_same_length_and_loudness(rate):
    samples, decoded_rate = decoded(encode(AudioEncoding.MP3, tone(1.5, rate), rate))
    assert decoded_rate == rate
    # An encoder begins with a delay and fills its last frame.
    assert 0 <= len(samples) - 1.5 * rate <= 2 * 1152
    assert max(samples) == pytest.approx(9000 / 32768, rel=0.25)


@pytest.mark.parametrize(
    ("rate", "bits"), [(rate, bits) for rate in MP3_SAMPLE_RATES_HZ for bits in mp3_bit_rates(rate)]
)
def test_mp3_has_the_bit_rate_that_was_asked_for(rate, bits):
    encoder = AudioEncoder(AudioEncoding.MP3, rate, bits)
    pcm = tone(0.5, rate)
    data = encoder.feed(pcm) + encoder.finish()
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.audio[0].bit_rate == bits
        assert container.streams.audio[0].rate == rate
    # A stream ends with whole frames of 1152 samples at most, of which three may be filled up.
    assert 0.5 <= len(data) * 8 / bits <= 0.5 + 3 * 1152 / rate + 0.01


@pytest.mark.parametrize(
    ("rate", "bits"),
    [(22050, 192_000), (22050, 320_000), (8000, 80_000), (44100, 144_000), (44100, 24_000), (44100, -1)],
)
def test_bit_rate_that_mpeg_does_not_have_is_refused(rate, bits):
    with pytest.raises(ValueError, match=str(bits)):
        AudioEncoder(AudioEncoding.MP3, rate, bits)


def test_mp3_is_small_and_leaves_while_it_is_made():
    encoder = AudioEncoder(AudioEncoding.MP3, RATE)
    sent = [len(encoder.feed(tone(0.1))) for _ in range(40)]
    assert sum(1 for size in sent if size) >= 30
    assert sum(sent[:10]) > 3000
    total = sum(sent) + len(encoder.finish())
    assert total / 4 * 8 == pytest.approx(48_000, rel=0.1)


def test_odd_pieces_make_the_same_mp3_as_whole_ones():
    pcm = tone(0.7)
    whole = decoded(encode(AudioEncoding.MP3, pcm, piece=len(pcm)))[0]
    odd = decoded(encode(AudioEncoding.MP3, pcm, piece=333))[0]
    assert len(odd) == len(whole)
    assert max(abs(a - b) for a, b in zip(odd, whole, strict=True)) < 0.01


def test_mp3_without_sound_is_no_failure():
    assert isinstance(encode(AudioEncoding.MP3, b""), bytes)


@pytest.mark.parametrize(
    ("encoding", "rate"), [(AudioEncoding.MP3, 12345), (AudioEncoding.WAV, 0), (AudioEncoding.PCM_S16LE, -1)]
)
def test_impossible_rate_is_refused(encoding, rate):
    with pytest.raises(ValueError, match=str(rate)):
        AudioEncoder(encoding, rate)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=500), max_size=12), st.sampled_from(list(AudioEncoding)))
def test_any_pieces_are_taken(pieces, encoding):
    encoder = AudioEncoder(encoding, RATE)
    data = b"".join([*map(encoder.feed, pieces), encoder.finish()])
    if encoding is not AudioEncoding.MP3:
        assert data.endswith(b"".join(pieces))
