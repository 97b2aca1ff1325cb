import itertools
import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quintet_audio.resample import SAMPLE_RATES_HZ, Resampler

PAIRS = list(itertools.product(SAMPLE_RATES_HZ, repeat=2))


def tone(seconds, rate, hertz=440, height=9000):
    count = round(seconds * rate)
    return array("h", (round(height * math.sin(2 * math.pi * hertz * at / rate)) for at in range(count))).tobytes()


def resample(pcm, from_hz, to_hz, piece=4411):
    resampler = Resampler(from_hz, to_hz)
    pieces = [resampler.feed(pcm[at : at + piece]) for at in range(0, len(pcm), piece)]
    return b"".join([*pieces, resampler.finish()])


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_every_pair_keeps_length_and_tone(from_hz, to_hz):
    sound = array("h", resample(tone(0.5, from_hz), from_hz, to_hz))
    assert len(sound) == pytest.approx(0.5 * to_hz, abs=2)
    ideal = array("h", tone(0.5, to_hz))
    # The first and last filter lengths hear the silence around the sound.
    inside = range(to_hz // 100, len(ideal) - to_hz // 100)
    assert max(abs(sound[at] - ideal[at]) for at in inside) < 60


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] != pair[1]])
def test_sound_leaves_within_3_ms(from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    made = fed = 0
    for _ in range(50):
        pcm = tone(0.01, from_hz)
        fed += len(pcm) / 2 / from_hz
        made += len(resampler.feed(pcm)) / 2 / to_hz
        assert fed - made < 0.003


def test_same_rate_passes_through():
    assert resample(b"abcdefg", 24000, 24000, piece=3) == b"abcdef"


@pytest.mark.parametrize("to_hz", [8000, 16000, 24000, 48000])
def test_pieces_of_any_size_make_the_same_sound(to_hz):
    pcm = tone(0.4, 22050)
    whole = resample(pcm, 22050, to_hz, piece=len(pcm))
    for piece in (1, 333, 1024, 4410):
        assert resample(pcm, 22050, to_hz, piece=piece) == whole


def test_what_the_new_rate_cannot_hold_is_left_out():
    """A tone of 5 kHz would come back as one of 3 kHz at 8000 samples a second."""
    sound = array("h", resample(tone(0.5, 22050, hertz=5000), 22050, 8000))
    assert max(map(abs, sound[800:-800])) < 90


def test_no_sound_is_none():
    assert resample(b"", 22050, 24000) == b""
    assert Resampler(22050, 24000).feed(b"x") == b""


@pytest.mark.parametrize(("from_hz", "to_hz"), [(0, 8000), (22050, 23000), (96000, 48000), (-8000, 8000)])
def test_unknown_rate_is_refused(from_hz, to_hz):
    with pytest.raises(ValueError, match="sample rates"):
        Resampler(from_hz, to_hz)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=500), max_size=12), st.sampled_from(PAIRS))
def test_any_pieces_are_taken(pieces, pair):
    resampler = Resampler(*pair)
    sound = b"".join([*map(resampler.feed, pieces), resampler.finish()])
    samples = sum(map(len, pieces)) // 2
    # A sound that is shorter than the filter may vanish in it.
    assert len(sound) / 2 == pytest.approx(samples * pair[1] / pair[0], abs=2 + 0.003 * pair[1])
