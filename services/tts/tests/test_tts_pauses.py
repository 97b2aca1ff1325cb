"""The silence between texts: how long, and that nothing but silence is cut."""

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_tts.pauses import QuietEnds, pause_after, silence

RATE = 22050


def tone(samples, height=8000):
    # A cosine: it begins and ends at full height.
    return array("h", (round(height * math.cos(at * 0.125)) for at in range(samples))).tobytes()


def trimmed(pcm, pieces):
    ends = QuietEnds(RATE)
    given_out, at = [], 0
    for piece in pieces:
        given_out.append(ends.feed(pcm[2 * at : 2 * (at + piece)]))
        at += piece
    given_out.append(ends.feed(pcm[2 * at :]))
    return b"".join(given_out) + ends.finish(), ends.heard


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [
        ("It is noon.", "It is noon,"),
        ("यह ठीक है।", "यह ठीक है,"),
        ('He said: "Go!" ', 'He said: "Go" '),
        ("Really?) ", "Really:"),
        ("A headline\n\n", "A headline "),
        ("first;", "first"),
        ("一。", "一，"),
    ],
)
def test_sentences_are_followed_by_more_silence_than_clauses_and_these_than_words(longer, shorter):
    assert 0.03 <= pause_after(shorter) < pause_after(longer) <= 0.25


def test_nothing_asks_for_negative_silence():
    assert silence(-1, RATE) == b""
    assert len(silence(0.1, RATE)) == 4410


@given(
    st.tuples(st.integers(0, 9000), st.integers(0, 9000), st.integers(0, 9000)),
    st.tuples(st.integers(500, 5000), st.integers(500, 5000)),
    st.lists(st.integers(1, 2000), max_size=12),
)
def test_only_the_ends_are_cut_however_the_sound_comes(quiet, sounding, pieces):
    (before, between, after), (first, second) = quiet, sounding
    pcm = bytes(2 * before) + tone(first) + bytes(2 * between) + tone(second) + bytes(2 * after)
    sound, heard = trimmed(pcm, pieces)
    assert heard
    samples, whole = array("h", sound), array("h", pcm)
    loud = [at for at, sample in enumerate(samples) if abs(sample) > 64]
    length = first + between + second
    # 10 ms stay at either end and a search for loud sound looks at 5 ms at a time.
    most = round(0.016 * RATE)
    assert loud[0] <= most
    assert len(samples) - loud[-1] <= most
    # The ramps take 2 ms at either end; all in between is as it was.
    ramp = 2 * round(0.002 * RATE)
    start = next(at for at in range(len(samples)) if samples[at : at + 60] == whole[before + ramp : before + ramp + 60])
    assert samples[start : start + length - 2 * ramp] == whole[before + ramp : before + length - ramp]


def test_sound_begins_and_ends_without_a_jump():
    sound, _ = trimmed(bytes(1000) + tone(4000) + bytes(9000), [700, 900])
    samples = array("h", bytes(2) + sound + bytes(2))
    steepest = max(abs(a - b) for a, b in pairwise(array("h", tone(4000))))
    assert max(abs(a - b) for a, b in pairwise(samples)) < steepest + 200


def test_silence_of_a_second_inside_of_a_text_is_not_held_back():
    ends = QuietEnds(RATE)
    ends.feed(tone(2000))
    given_out = b"".join(ends.feed(bytes(4410)) for _ in range(30))
    assert len(given_out) >= 2 * RATE


def test_silence_alone_is_nothing():
    assert trimmed(bytes(60000), [100, 3, 9000]) == (b"", False)
