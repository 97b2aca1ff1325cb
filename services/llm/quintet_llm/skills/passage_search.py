"""Weighs the sentences of passages against a question: by their words and, where a model can tell, their meaning."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

from quintet_llm.conversation import Passage
from quintet_llm.skills.answer_forms import concerns_another, contradicts, counted_in, form_of
from quintet_llm.skills.definitions import definition_asked
from quintet_llm.skills.follow_up import topic_before
from quintet_llm.skills.passage_units import Unit, UnitKind, units_of
from quintet_llm.skills.passage_words import Terms, holds_name, keys_of, terms_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.quotation import quoted

_MOST_SEARCHED = 40_000
"""In characters of all passages together; of larger ones only the likeliest paragraphs are parted and weighed."""
_LEAST_SEARCHED = 2_000
_MOST_SOURCES = 3
_MOST_COMPARED = 20
_LONGEST_COMPARED = 200
"""In characters of a sentence: more would take the network longer and hardly change what it is about."""
_ENOUGH = 0.5
"""Share of the question's weight that must be found, and of what is asked about its names."""
_NEARLY_AS_GOOD = 0.85
_NEARLY_AS_NEAR = 0.9
_ELSEWHERE = 0.7
"""Worth of a word that stands in the passage or its titles and not in the sentence."""
_EXPECTED = 0.25
_WORDS = 0.5
"""Worth of all words of a question, beside the likeness of a sentence."""
_LIKE = 0.28
"""A sentence with enough of the question's words must be this near in meaning."""
_VERY_LIKE = 0.62
"""A sentence with fewer of them must be this near; what it holds of them counts as nearness."""
_HELD_IS_LIKE = 0.4
_FOCUS = re.compile(r"\b(?:which|what) (\w+)", re.IGNORECASE)
_TOPIC = re.compile(
    r"(?:please )?(?:tell me(?: more)? about|(?:what|how) about|what do you know about|anything about|"
    r"info(?:rmation)? (?:on|about)) (?:the |our )?(.+)",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(r"\bhow (?:do|can|to|should|does|is|are)\b|\bsteps?\b", re.IGNORECASE)
_STATES_A_VALUE = re.compile(r"\s*(?:[a-z]+ ){0,3}[\w.\"-]+\s*(?::[^=]+)?[:=]\s*[\"'\w.-]+[;,]?\s*$")


@dataclass(frozen=True)
class Text:
    """A passage in units, with the words of each and of the titles above."""

    passage: Passage
    units: Sequence[Unit]

    @cached_property
    def keys(self) -> list[set[str]]:
        """The words of each unit."""
        return [keys_of(unit.text) for unit in self.units]

    @cached_property
    def title_keys(self) -> list[set[str]]:
        """The words of the titles above each unit."""
        titles = {unit.title: keys_of(unit.title) for unit in self.units}
        above = keys_of(f"{self.passage.source} {self.passage.heading}")
        return [titles[unit.title] | above for unit in self.units]

    @cached_property
    def everything(self) -> set[str]:
        """All words of the passage."""
        return set[str]().union(*self.keys, *self.title_keys)


@dataclass(frozen=True)
class Found:
    """The best unit of a passage, with the units that complete it."""

    text: Text
    chosen: tuple[int, ...]
    score: float

    @property
    def section(self) -> str:
        """The nearest title above."""
        return self.text.units[self.chosen[0]].heading or self.text.passage.heading.strip()


class PassageSearch:
    """One question and the units of all its passages."""

    def __init__(self, question: Question) -> None:
        before = topic_before(question)
        self._asked = f"{before.original} {question.original}" if before else question.original
        self._terms = terms = terms_of(question)
        self._texts = [Text(passage, units) for passage, units in _parted(question.passages, terms)]
        self._likeness = question.likeness
        form, earlier = form_of(question.original), form_of(self._asked)
        # What the question before asked for is likely, and not all that this one can mean.
        self._form = form or (replace(earlier, needed=False) if earlier else None)
        self._definition = definition_asked(question.original)
        self._counted = keys_of(counted_in(self._asked)) & terms.weights.keys()
        # Of "which oil" every sentence that speaks of oil may be the answer.
        self._focus = keys_of(" ".join(_FOCUS.findall(question.original))) & terms.weights.keys() - terms.light
        seen = Counter(key for text in self._texts for keys in text.keys for key in keys & terms.weights.keys())
        units = sum(len(text.units) for text in self._texts)
        self._weights = {key: weight * _rarity(seen[key], units) for key, weight in terms.weights.items()}
        self._total = sum(self._weights.values()) or 1.0

    @property
    def asked(self) -> str:
        """The question with the one that it continues."""
        return self._asked

    def candidates(self) -> list[str]:
        """Returns the sentences whose meaning matters, those with the likeliest words first."""
        places = [(text, index) for text in self._texts for index in range(len(text.units))]
        places.sort(key=lambda place: -self._worded(*place) - 0.1 * place[0].passage.score)
        return list(dict.fromkeys(_compared(text.units[index]) for text, index in places))[:_MOST_COMPARED]

    def run(self) -> list[Found]:
        """Returns what fits, the best first, once for each source."""
        if not self._terms.weights.keys() - self._terms.light and self._likeness is None:
            return []
        every = [found for text in self._texts if (found := self._topic(text) or self._best(text))]
        every.sort(key=lambda found: -found.score)
        nearly = _NEARLY_AS_GOOD if self._likeness is None else _NEARLY_AS_NEAR
        sources: dict[str, Found] = {}
        for found in every:
            if found.score >= nearly * every[0].score:
                sources.setdefault(found.text.passage.source, found)
        return _distinct(list(sources.values()))[:_MOST_SOURCES]

    def _topic(self, text: Text) -> Found | None:
        """Returns the beginning of the section that a question names and asks nothing else about."""
        named = _TOPIC.fullmatch(self._asked.strip(" ?!."))
        wanted = keys_of(named[1]) if named else set()
        under = [index for index, unit in enumerate(text.units) if wanted and keys_of(unit.heading) == wanted]
        if not under:
            return None
        block = text.units[under[0]].block
        return Found(text, tuple(index for index in under[:3] if text.units[index].block == block), 2.0)

    def _best(self, text: Text) -> Found | None:
        if not all(holds_name(name, text.everything) for name in self._terms.names):
            return None
        if concerns_another(self._asked, text.passage.text):
            return None
        scores = [self._score(text, index) for index in range(len(text.units))]
        ranked = sorted((index for index, score in enumerate(scores) if score), key=lambda index: -scores[index])
        for best in ranked[:3]:
            chosen = self._completed(text, best)
            if self._fits(text, best, chosen):
                return Found(text, self._whole_list(text, chosen), scores[best] + 0.05 * text.passage.score)
        return None

    def _score(self, text: Text, index: int) -> float:
        """Weighs one unit, 0 if it can not be the answer."""
        unit = text.units[index]
        if contradicts(self._asked, unit.text) or not self._defines(text, index):
            return 0.0
        worded = self._worded(text, index)
        if self._likeness is None:
            held = text.keys[index] & self._weights.keys()
            return worded if held - self._terms.light else 0.0
        return max(_WORDS * worded + self._like(unit), 0.0)

    def _defines(self, text: Text, index: int) -> bool:
        if self._definition is None:
            return True
        first = index == 0 or text.units[index - 1].title != text.units[index].title
        heading = text.units[index].title if first else ""
        return self._definition.is_given_by(text.units[index].text, heading)

    def _worded(self, text: Text, index: int) -> float:
        held = text.keys[index] & self._weights.keys()
        weight = self._sum(held) + 0.5 * self._sum((text.title_keys[index] & self._weights.keys()) - held)
        # Of two that hold the same, the shorter one says it more plainly.
        length = 0.02 * math.log(1 + len(text.keys[index]))
        unit = text.units[index]
        value = 0.3 * (unit.kind is UnitKind.LINE and bool(_STATES_A_VALUE.match(unit.text)))
        return weight / self._total + _EXPECTED * self._is_expected(unit) + value - length

    def _like(self, unit: Unit) -> float:
        return (self._likeness or {}).get(_compared(unit), 0.0)

    def _completed(self, text: Text, best: int) -> tuple[int, ...]:
        """Adds at most two neighbours that say what the best unit leaves open."""
        chosen = [best]
        if text.units[best].kind in {UnitKind.ROW, UnitKind.LINE} or self._definition:
            return (best,)
        for index in (one for one in (best - 1, best + 1, best - 2, best + 2) if _is_near(text.units, best, one)):
            held = set[str]().union(*(text.keys[one] for one in chosen))
            new = self._sum((text.keys[index] & self._weights.keys()) - held - self._terms.light)
            lacks = self._form is not None and not any(self._is_expected(text.units[one]) for one in chosen)
            answers = lacks and self._is_expected(text.units[index]) and bool(text.keys[index] & self._weights.keys())
            focused = not self._focus.isdisjoint(text.keys[index])
            if len(chosen) < 3 and (new >= 0.2 * self._total or answers or focused):
                chosen.append(index)
        return tuple(sorted(chosen))

    def _whole_list(self, text: Text, chosen: tuple[int, ...]) -> tuple[int, ...]:
        """Adds the other steps to a step that is quoted of a procedure."""
        units = text.units
        if not _PROCEDURE.search(self._asked) or not all(_is_step(units[index]) for index in chosen):
            return chosen
        first = last = chosen[0]
        while first > 0 and _is_step(units[first - 1]) and units[first - 1].heading == units[first].heading:
            first -= 1
        while last + 1 < len(units) and _is_step(units[last + 1]) and units[last + 1].heading == units[first].heading:
            last += 1
        return tuple(range(first, last + 1))

    def _fits(self, text: Text, best: int, chosen: Sequence[int]) -> bool:
        if self._form and self._form.needed and not any(self._is_expected(text.units[index]) for index in chosen):
            return False
        if self._definition:
            return True
        held = set[str]().union(*(text.keys[index] for index in chosen))
        here = held | text.title_keys[best]
        if self._counted and self._counted.isdisjoint(here):
            return False
        asked = self._weights.keys() - self._terms.names - self._terms.light
        share = min(self._share(held, text, keys) for keys in (self._weights.keys(), asked or self._weights.keys()))
        if self._likeness is None:
            return share >= _ENOUGH and not (asked and asked.isdisjoint(here))
        return self._is_like(max(self._like(text.units[index]) for index in chosen), share)

    def _is_like(self, like: float, share: float) -> bool:
        """Tells whether meaning and words together are enough; measured on the questions of the tests."""
        if share >= _ENOUGH:
            return like >= _LIKE
        return like + (0.0 if self._terms.names else _HELD_IS_LIKE * share) >= _VERY_LIKE

    def _share(self, held: set[str], text: Text, keys: Set[str]) -> float:
        if not keys:
            return 0.0
        worth = self._sum(keys & held) + _ELSEWHERE * self._sum((keys & text.everything) - held)
        return worth / self._sum(keys)

    def _is_expected(self, unit: Unit) -> bool:
        return self._form is not None and bool(self._form.form.search(unit.text))

    def _sum(self, keys: Iterable[str]) -> float:
        return sum(self._weights[key] for key in keys)


def _compared(unit: Unit) -> str:
    said = unit.text[:_LONGEST_COMPARED]
    return f"{unit.title}: {said}" if unit.title else said


def _is_near(units: Sequence[Unit], best: int, index: int) -> bool:
    return 0 <= index < len(units) and units[index].block == units[best].block


def _is_step(unit: Unit) -> bool:
    return unit.kind is UnitKind.ITEM and unit.text[0].isdigit()


def _rarity(seen: int, units: int) -> float:
    return 1.0 - 0.5 * math.log(1 + seen) / math.log(1 + max(units, 1)) if seen else 1.0


def _distinct(found: Sequence[Found]) -> list[Found]:
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
        yield passage, units_of(text, passage.source)


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
