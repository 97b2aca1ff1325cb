"""Where speech begins, pauses and ends, driven by probabilities alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_stt.streaming.endpointing import Began, Ended, Endpointer, EndpointRules, Paused, Resumed

VOICE, BREATH, SILENCE = 0.9, 0.4, 0.1


def decisions(*runs: tuple[float, int], end_silence_s: float = 0.8) -> list[tuple[int, object]]:
    """Returns the decisions about runs of windows of one probability, each with the number of windows before it."""
    endpointer = Endpointer(EndpointRules.of(end_silence_s))
    made = []
    for probability, windows in runs:
        for _ in range(windows):
            if decision := endpointer.step(probability):
                made.append((endpointer.windows, decision))
    return made


def test_utterance_with_a_pause_before_its_end():
    assert decisions((SILENCE, 10), (VOICE, 20), (SILENCE, 40)) == [
        (13, Began(10)),
        (38, Paused(30)),
        (55, Ended(10, 30, is_speech=True)),
    ]


def test_silence_of_800_ms_is_25_windows():
    assert decisions((VOICE, 20), (SILENCE, 24), (VOICE, 1))[1:] == [(28, Paused(20)), (45, Resumed())]


def test_speech_goes_on_behind_a_short_pause_and_nothing_is_said_of_it():
    assert decisions((VOICE, 20), (SILENCE, 7), (VOICE, 20)) == [(3, Began(0))]


def test_two_loud_windows_are_no_start():
    assert decisions(*[(VOICE, 2), (SILENCE, 1)] * 20) == []


def test_short_sound_ends_without_a_pause_and_is_no_speech():
    assert decisions((VOICE, 7), (SILENCE, 40)) == [(3, Began(0)), (32, Ended(0, 7, is_speech=False))]


def test_echo_behind_speech_does_not_hold_off_the_end():
    assert decisions((VOICE, 20), (SILENCE, 1), (BREATH, 24))[-1] == (45, Ended(0, 20, is_speech=True))


def test_soft_speech_goes_on():
    assert decisions((VOICE, 20), (BREATH, 100)) == [(3, Began(0))]


@pytest.mark.parametrize(("end_silence_s", "ended_at", "paused_at"), [(0.2, 27, 23), (2.0, 83, 28)])
def test_other_silences(end_silence_s, ended_at, paused_at):
    made = dict(decisions((VOICE, 20), (SILENCE, 100), end_silence_s=end_silence_s))
    assert made[paused_at] == Paused(20)
    assert made[ended_at] == Ended(0, 20, is_speech=True)


def test_lack_of_sound_is_a_pause_and_then_an_end():
    endpointer = Endpointer(EndpointRules())
    assert endpointer.pause() is None
    for _ in range(10):
        endpointer.step(VOICE)
    assert endpointer.pause() == Paused(10)
    assert endpointer.pause() is None
    assert endpointer.step(VOICE) == Resumed()
    assert endpointer.pause() == Paused(11)
    assert endpointer.finish() == Ended(0, 11, is_speech=True)
    assert endpointer.finish() is None
    assert not endpointer.in_speech


ORDER = {
    Began: {Paused, Ended},
    Paused: {Resumed, Ended},
    Resumed: {Paused, Ended},
    Ended: {Began},
}


@given(st.lists(st.tuples(st.sampled_from([VOICE, BREATH, SILENCE, 0.5, 0.35]), st.integers(1, 30)), max_size=20))
def test_decisions_follow_their_order(runs):
    made = [decision for _, decision in decisions(*runs)]
    assert all(type(first) is Began for first in made[:1])
    assert all(type(second) in ORDER[type(first)] for first, second in pairwise(made))
    ended = [one for one in made if isinstance(one, Ended)]
    assert all(one.start + 3 <= one.end for one in ended)
    assert all(first.end + 25 <= second.start for first, second in pairwise(ended))


@given(st.lists(st.sampled_from([VOICE, BREATH, SILENCE]), max_size=200), st.integers(0, 200))
def test_reset_leaves_nothing_behind(probabilities, at):
    used, fresh = Endpointer(EndpointRules()), Endpointer(EndpointRules())
    for probability in probabilities[:at]:
        used.step(probability)
    used.reset()
    assert not used.in_speech
    shift = used.windows
    for probability in probabilities[at:]:
        got, wanted = used.step(probability), fresh.step(probability)
        if isinstance(got, Began):
            got = Began(got.start - shift)
        elif isinstance(got, Paused):
            got = Paused(got.end - shift)
        elif isinstance(got, Ended):
            got = Ended(got.start - shift, got.end - shift, got.is_speech)
        assert got == wanted
