"""How chunks are ranked: by words, by meaning, and by both together. Pure functions over arrays of all chunks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]

# The usual constants of BM25: how fast repetition stops to count, and how much long texts are held back.
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
# How many occurrences in the text one in the heading is worth.
_HEADING_WEIGHT = 2.0
# The larger, the less the very first ranks stand out from the ones behind them. Of 1 to 60, and of sums of the values
# themselves, this found most of 700 docstrings by their first lines among the first five (76 of 100; meaning alone 70,
# words alone 68).
_RANK_OFFSET = 5


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Where one word of the query stands: positions of chunks, one entry for each occurrence."""

    positions: Positions
    in_heading: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WordMatch:
    """How well each chunk fits by words, and the share of the query's words that it holds."""

    scores: Floats
    shares: Floats


@dataclass(frozen=True)
class Ranked:
    """One chunk of the result."""

    position: int
    score: float


def match_words(words: Sequence[Occurrences], lengths: Floats) -> WordMatch:
    """Scores all chunks by BM25; `lengths` are those of their texts. Rare words count more than common ones."""
    scores = np.zeros(len(lengths), np.float32)
    held = np.zeros(len(lengths), np.float32)
    penalties = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * lengths / _mean(lengths))
    for word in words:
        weights = np.where(word.in_heading, np.float32(_HEADING_WEIGHT), np.float32(1))
        weights = np.bincount(word.positions, weights, minlength=len(lengths)).astype(np.float32)
        holders = np.count_nonzero(weights)
        rarity = np.float32(np.log1p((len(lengths) - holders + 0.5) / (holders + 0.5)))
        scores += rarity * weights * np.float32(_SATURATION + 1) / (weights + penalties)
        held += weights > 0
    return WordMatch(scores, held / np.float32(max(len(words), 1)))


def fuse(similarities: Floats, word_scores: Floats, allowed: NDArray[np.bool_], top_k: int) -> list[Ranked]:
    """Returns the best chunks, the best first.

    A chunk that is first by meaning and first by words has the score 1. Each of the two ranks gives half of it, and
    less the further behind it is: 6 / (5 + rank). Without a similarity (NaN) the rank by words gives all of it.
    A chunk that holds no word of the query has no rank by words. Chunks that fit alike share a rank.
    """
    by_meaning = _Order(np.where(allowed, similarities, np.nan))
    by_words = _Order(np.where(allowed & (word_scores > 0), word_scores, np.nan))
    # Whoever is behind these in both orders has a lower score than the first `top_k` of one order.
    contenders = _RANK_OFFSET + 2 * top_k + 8
    found = np.union1d(by_meaning.first(contenders), by_words.first(contenders))
    halves = np.where(np.isnan(similarities[found]), 1.0, 0.5)
    scores = 0.5 * by_meaning.worth(found) + halves * by_words.worth(found)
    meant = np.nan_to_num(similarities[found], nan=-2.0)
    best = np.lexsort((found, -word_scores[found], -meant, -scores))[:top_k]
    return [Ranked(int(found[entry]), float(scores[entry])) for entry in best]


class _Order:
    """The order of all chunks by one value; NaN means that a chunk has no place in it."""

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._sorted = np.sort(values[~np.isnan(values)])

    def first(self, count: int) -> Positions:
        """Returns the positions of the first chunks, and of all that are level with the last one of them."""
        if not len(self._sorted):
            return np.zeros(0, np.int64)
        return np.flatnonzero(self._values >= self._sorted[-min(count, len(self._sorted))])

    def worth(self, positions: Positions) -> NDArray[np.float64]:
        """Returns what the ranks of chunks are worth: 1 for the first one, 0 without a rank."""
        values = self._values[positions]
        ranks = 1 + len(self._sorted) - np.searchsorted(self._sorted, values, side="right")
        return np.where(np.isnan(values), 0.0, (_RANK_OFFSET + 1) / (_RANK_OFFSET + ranks))


def _mean(lengths: Floats) -> float:
    return max(float(lengths.mean(dtype=np.float64)), 1.0) if len(lengths) else 1.0
