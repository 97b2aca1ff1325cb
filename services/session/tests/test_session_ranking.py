"""How chunks are ranked, against the plainest way to do the same."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_session.ranking import Occurrences, fuse, match_words

# Few different values, so that many are level.
values = st.sampled_from([None, -0.5, 0.0, 0.1, 0.2, 0.9])
chunks = st.lists(st.tuples(values, st.sampled_from([0.0, 0.0, 1.0, 2.5]), st.booleans()), max_size=400)


def worth(value: float | None, others: list[float | None]) -> float:
    ranked = [other for other in others if other is not None]
    return 0.0 if value is None else 6 / (6 + sum(other > value for other in ranked))


@given(chunks, st.integers(1, 100))
def test_the_best_of_both_orders_come_first(given_chunks: list[tuple[float | None, float, bool]], top_k: int) -> None:
    nearness = [near if allowed else None for near, _, allowed in given_chunks]
    words = [word if allowed and word else None for _, word, allowed in given_chunks]
    expected = [
        0.5 * worth(near, nearness) + (1.0 if given[0] is None else 0.5) * worth(word, words)
        for near, word, given in zip(nearness, words, given_chunks, strict=True)
    ]
    found = fuse(
        np.array([math.nan if near is None else near for near, _, _ in given_chunks], np.float32),
        np.array([word for _, word, _ in given_chunks], np.float32),
        np.array([allowed for _, _, allowed in given_chunks], np.bool_),
        top_k,
    )
    scores = [ranked.score for ranked in found]
    assert scores == pytest.approx(sorted((score for score in expected if score), reverse=True)[:top_k])
    assert scores == pytest.approx([expected[ranked.position] for ranked in found])
    assert len({ranked.position for ranked in found}) == len(found)
    assert all(0 < score <= 1 for score in scores)


def occurrences(*positions: int, heading: bool = False) -> Occurrences:
    return Occurrences(np.array(positions, np.int64), np.full(len(positions), heading))


def test_rare_words_repetition_headings_and_short_texts_raise_the_score() -> None:
    lengths = np.array([100, 100, 100, 100, 400], np.float32)
    rare, common = occurrences(0), occurrences(1, 2, 2, 3, 4)
    match = match_words([rare, common], lengths)
    assert match.scores[0] > match.scores[2] > match.scores[1] == match.scores[3] > match.scores[4] > 0
    assert match.shares.tolist() == [0.5] * 5
    in_heading = match_words([occurrences(0, heading=True), occurrences(1)], lengths)
    assert in_heading.scores[0] > in_heading.scores[1]


def test_no_words_and_no_chunks_have_no_scores() -> None:
    assert match_words([], np.ones(2, np.float32)).shares.tolist() == [0, 0]
    assert match_words([occurrences()], np.zeros(0, np.float32)).scores.tolist() == []
    nothing = np.zeros(0, np.float32)
    assert fuse(nothing, nothing, np.zeros(0, np.bool_), 5) == []
