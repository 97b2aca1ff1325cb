"""Answers in the words of the documents that were found for a question, with their source named; it words nothing."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from quintet_llm.conversation import Passage
from quintet_llm.skills.passage_units import Unit, units_of
from quintet_llm.skills.passage_words import Terms, keys_of, terms_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.quotation import quoted
from quintet_llm.skills.skill import Intent, say

NAME = "documents"
SCORE = 0.65
"""Any skill that computes or looks up is more exact; an acknowledgement is less than what a document says."""

_MOST_SEARCHED = 40_000
"""In characters of all passages together; of larger ones only the likeliest paragraphs are parted and weighed."""
_LEAST_SEARCHED = 2_000
_MOST_SOURCES = 3
_ENOUGH = 0.5
"""Share of the question's weight that must be found, and of what is asked about its names."""
_NEARLY_AS_GOOD = 0.75
_ELSEWHERE = 0.7
"""Worth of a word that stands in the passage or its titles and not in the sentence."""
_EXPECTED = 0.25

_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|hundred|"
    r"thousand|million|half|quarter|dozen|once|twice|every|each|daily|weekly|monthly)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    _NUMBER.pattern + r"|\b(?:morning|noon|evening|night|dawn|sunset|until|before|after|when|january|february|march|"
    r"april|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|"
    r"sunday|spring|summer|autumn|winter|easter)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+|^[A-Z][a-z]+ [A-Z][a-z]+")
_PLACE = re.compile(r"\b(?:in|at|on|near|from|under|beside|behind|between|north|south|east|west)\b", re.IGNORECASE)
_CAUSE = re.compile(r"\b(?:because|since|for|so that|in order|prevents?|reason|due|therefore|so)\b", re.IGNORECASE)
_FOCUS = re.compile(r"\b(?:which|what) (\w+)", re.IGNORECASE)
_KINDS = (
    (
        re.compile(
            r"\bhow (?:many|much|long|far|tall|high|old|often|big|deep|fast|heavy|wide|large)\b|\bwhat "
            r"(?:\w+ ){0,2}(?:price|cost|size|number|temperature|percentage|age|height|length)\b",
            re.IGNORECASE,
        ),
        _NUMBER,
    ),
    (re.compile(r"\bwhen\b|\b(?:what|which) (?:year|day|date|time)\b", re.IGNORECASE), _TIME),
    (re.compile(r"\bwho\b|\bwhom\b|\bwhose\b", re.IGNORECASE), _PERSON),
    (re.compile(r"\bwhere\b", re.IGNORECASE), _PLACE),
    (re.compile(r"\bwhy\b", re.IGNORECASE), _CAUSE),
)


@dataclass(frozen=True)
class _Text:
    """A passage in units, with the words of each and of the titles above."""

    passage: Passage
    units: Sequence[Unit]

    @cached_property
    def keys(self) -> list[set[str]]:
        return [keys_of(unit.text) for unit in self.units]

    @cached_property
    def titles(self) -> set[str]:
        return keys_of(f"{self.passage.source} {self.passage.heading} {' '.join({one.heading for one in self.units})}")

    @cached_property
    def everything(self) -> set[str]:
        return self.titles.union(*self.keys)


@dataclass(frozen=True)
class _Found:
    """The best unit of a passage, with the units that complete it."""

    text: _Text
    chosen: tuple[int, ...]
    score: float


class DocumentsSkill:
    """Quotes one to three sentences of what was found, and nothing where that does not fit the question."""

    name = NAME

    def match(self, question: Question) -> Intent | None:
        """Returns the quotation as an answer that most other skills are surer of; takes up to 20 ms."""
        if not question.passages:
            return None
        terms = terms_of(question)
        if not terms.weights.keys() - terms.light:
            return None
        texts = [_Text(passage, units) for passage, units in _parted(question.passages, terms)]
        found = _Search(question, terms, texts).run()
        return say(self.name, SCORE, *_pieces(found)) if found else None


def _pieces(found: Sequence[_Found]) -> Iterator[str]:
    for number, one in enumerate(found):
        gap = "\n\n" if number else ""
        yield f"{gap}{quoted(one.text.units, one.chosen)}\n\nSource: {_place(one)}"


def _place(found: _Found) -> str:
    passage = found.text.passage
    section = passage.heading.strip() or found.text.units[found.chosen[0]].heading
    place = f"{passage.source}, section {section}" if section else passage.source
    return " ".join(place.split())


class _Search:
    """Weighs the units of all passages against one question."""

    def __init__(self, question: Question, terms: Terms, texts: Sequence[_Text]) -> None:
        self._texts = texts
        self._terms = terms
        self._expected = next((form for asks, form in _KINDS if asks.search(question.original)), None)
        # Of "which oil" every sentence that speaks of oil may be the answer.
        self._focus = keys_of(" ".join(_FOCUS.findall(question.original))) & terms.weights.keys() - terms.light
        seen = Counter(key for text in texts for keys in text.keys for key in keys & terms.weights.keys())
        units = sum(len(text.units) for text in texts)
        self._weights = {key: weight * _rarity(seen[key], units) for key, weight in terms.weights.items()}
        self._total = sum(self._weights.values())

    def run(self) -> list[_Found]:
        """Returns what fits, the best first, once for each source."""
        every = [found for text in self._texts if (found := self._best(text))]
        every.sort(key=lambda found: -found.score)
        sources: dict[str, _Found] = {}
        for found in every:
            if found.score >= _NEARLY_AS_GOOD * every[0].score:
                sources.setdefault(found.text.passage.source, found)
        return _distinct(list(sources.values()))[:_MOST_SOURCES]

    def _best(self, text: _Text) -> _Found | None:
        if not self._terms.names <= text.everything:
            return None
        scores = [self._score(text, index) for index in range(len(text.units))]
        best = max(range(len(scores)), key=scores.__getitem__, default=None)
        if best is None or not scores[best]:
            return None
        chosen = self._completed(text, best)
        if not self._fits(text, chosen):
            return None
        return _Found(text, chosen, scores[best] + 0.05 * text.passage.score)

    def _score(self, text: _Text, index: int) -> float:
        """Weighs one unit, 0 if it holds no word of what is asked for."""
        held = text.keys[index] & self._weights.keys()
        if not held - self._terms.light:
            return 0.0
        weight = self._sum(held) + 0.5 * self._sum((text.titles & self._weights.keys()) - held)
        # Of two that hold the same, the shorter one says it more plainly.
        length = 0.02 * math.log(1 + len(text.keys[index]))
        return weight / self._total + _EXPECTED * self._is_expected(text.units[index]) - length

    def _completed(self, text: _Text, best: int) -> tuple[int, ...]:
        """Adds at most two neighbours that say what the best unit leaves open."""
        chosen = [best]
        near = [index for index in (best - 1, best + 1, best - 2, best + 2) if self._is_near(text, best, index)]
        for index in near:
            held = set[str]().union(*(text.keys[one] for one in chosen))
            new = self._sum((text.keys[index] & self._weights.keys()) - held - self._terms.light)
            lacks = self._expected is not None and not any(self._is_expected(text.units[one]) for one in chosen)
            answers = lacks and self._is_expected(text.units[index]) and bool(text.keys[index] & self._weights.keys())
            focused = not self._focus.isdisjoint(text.keys[index])
            if len(chosen) < 3 and (new >= 0.2 * self._total or answers or focused):
                chosen.append(index)
        return tuple(sorted(chosen))

    def _is_near(self, text: _Text, best: int, index: int) -> bool:
        units = text.units
        return 0 <= index < len(units) and units[index].block == units[best].block

    def _fits(self, text: _Text, chosen: Sequence[int]) -> bool:
        held = set[str]().union(*(text.keys[index] for index in chosen))
        asked = self._weights.keys() - self._terms.names - self._terms.light
        shares = [self._share(held, text, set(self._weights))]
        if asked:
            shares.append(self._share(held, text, asked))
        return min(shares) >= _ENOUGH

    def _share(self, held: set[str], text: _Text, keys: set[str]) -> float:
        worth = self._sum(keys & held) + _ELSEWHERE * self._sum((keys & text.everything) - held)
        return worth / self._sum(keys)

    def _is_expected(self, unit: Unit) -> bool:
        return self._expected is not None and bool(self._expected.search(unit.text))

    def _sum(self, keys: set[str]) -> float:
        return sum(self._weights[key] for key in keys)


def _rarity(seen: int, units: int) -> float:
    return 1.0 - 0.5 * math.log(1 + seen) / math.log(1 + max(units, 1)) if seen else 1.0


def _distinct(found: Sequence[_Found]) -> list[_Found]:
    """Leaves out what an earlier source says in the same words."""
    said: set[str] = set()
    kept = []
    for one in found:
        text = quoted(one.text.units, one.chosen)
        if text not in said:
            kept.append(one)
        said.add(text)
    return kept


def _parted(passages: Sequence[Passage], terms: Terms) -> Iterator[tuple[Passage, Sequence[Unit]]]:
    room = max(_LEAST_SEARCHED, _MOST_SEARCHED // len(passages))
    for passage in passages:
        text = passage.text if len(passage.text) <= room else _likeliest(passage.text, terms, room)
        yield passage, units_of(text)


def _likeliest(text: str, terms: Terms, room: int) -> str:
    """Returns the paragraphs that hold most of the words, in their order: a look is much faster than parting."""
    paragraphs = [
        part[start : start + room] for part in re.split(r"\n\s*\n", text) for start in range(0, len(part), room)
    ]
    folded = [paragraph.casefold() for paragraph in paragraphs]
    counts = [sum(weight for key, weight in terms.weights.items() if key in one) for one in folded]
    kept: set[int] = set()
    for index in sorted(range(len(paragraphs)), key=lambda one: -counts[one]):
        room -= len(paragraphs[index])
        if room < 0 or not counts[index]:
            break
        kept.add(index)
    return "\n\n".join(paragraphs[index] for index in sorted(kept))
