"""The words of questions and documents, reduced so that forms of one word are the same."""

import re
from dataclasses import dataclass
from functools import lru_cache

from quintet_llm.skills.follow_up import topic_before
from quintet_llm.skills.passage_vocabulary import EMPTY, LIGHT, SAME
from quintet_llm.skills.question import Question

_LONGEST_READ = 2000
"""In characters of a question."""
_MOST_REMEMBERED = 8192
"""Words; those of one language come again and again."""
_WORD = re.compile(r"\w+(?:[.'’-]\w+)*")
_PARTS = re.compile(r"[.'’_-]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")
_HIRAGANA = re.compile(r"[\u3040-\u309f]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_ENDINGS = ("ations", "ation", "ments", "ment", "ingly", "edly", "ings", "ing", "ies", "ied", "ed", "ly", "es", "s")
_SHORTEST_STEM = 3
_SHORTEST_ROOT = 5
_LONGEST_SUFFIX = 3
_LONGEST_STEM = 8


@dataclass(frozen=True)
class Terms:
    """What a question asks for: a weight for each of its words, and those that an answer's passage must hold."""

    weights: dict[str, float]
    names: frozenset[str]
    light: frozenset[str]


def keys_of(text: str) -> set[str]:
    """Returns the reduced words of a text."""
    return {key for word in _WORD.findall(text) for key in _keys(word)}


def terms_of(question: Question) -> Terms:
    """Returns the words of a question that mean something; of the question it continues, what they are about."""
    terms = _terms_in(question.original[:_LONGEST_READ])
    before = topic_before(question)
    if before is None:
        return terms
    earlier = _terms_in(before.original[:_LONGEST_READ])
    own = terms.weights.keys() - terms.light
    # With words of its own, a question asks something else about the same.
    weights = {key: weight if not own or key in earlier.names else 0.4 for key, weight in earlier.weights.items()}
    light = earlier.light if not own else frozenset(weights) - earlier.names
    return Terms(weights | terms.weights, earlier.names | terms.names, (light | terms.light) - own - earlier.names)


def holds_name(name: str, keys: set[str]) -> bool:
    """Tells whether a name is among reduced words, also as the word made of it: Germany, German."""
    return name in keys or (name.isalpha() and any(_is_derived(name, key) for key in keys))


def _is_derived(one: str, other: str) -> bool:
    shorter, longer = sorted((len(one), len(other)))
    shared = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), shorter)
    return shared >= max(_SHORTEST_ROOT, shorter - 1) and longer - shared <= _LONGEST_SUFFIX


def _terms_in(text: str) -> Terms:
    weights: dict[str, float] = {}
    names: set[str] = set()
    light: set[str] = set()
    for match in _WORD.finditer(text):
        word = match[0]
        if word.casefold() in EMPTY:
            continue
        named = _is_name(word, text[: match.start()])
        for key in _keys(word):
            weight = 1.6 if named else 1.0
            if not named and _is_light(word):
                weight = 0.4
                light.add(key)
            weights[key] = max(weight, weights.get(key, 0.0))
            if named:
                names.add(key)
    return Terms(weights, frozenset(names), frozenset(light) - names)


def _is_light(word: str) -> bool:
    folded = word.casefold()
    return folded in LIGHT or _stem(folded) in _LIGHT_STEMS


def _is_name(word: str, before: str) -> bool:
    if any(letter.isdigit() for letter in word) or "_" in word:
        return True
    begins = not before.strip() or before.rstrip()[-1] in ".?!:\"“'("
    return word[0].isupper() and (not begins or word.isupper()) and len(word) > 1


@lru_cache(_MOST_REMEMBERED)
def _keys(word: str) -> tuple[str, ...]:
    if _UNSPACED.search(word):
        return tuple(pair for run in _UNSPACED.findall(word) for pair in _pairs(run))
    folded = word.casefold()
    parts = [part for part in _PARTS.split(folded) if part not in EMPTY and part]
    # "models.toml" is itself and both of its parts, "don't" is nothing.
    return tuple(dict.fromkeys(_stem(part) for part in parts))


def _pairs(run: str) -> list[str]:
    pairs = [run[index : index + 2] for index in range(len(run) - 1)] or [run]
    return [pair for pair in pairs if not _HIRAGANA.search(pair)]


def _stem(word: str) -> str:
    if _HANGUL.match(word):
        return word[:2]
    word = SAME.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM and not word.endswith("ss"):
            word = word[: -len(ending)] + ("y" if ending in {"ies", "ied"} else "")
            break
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    word = word.removesuffix("e") if len(word) > _SHORTEST_STEM else word
    return _SAME_STEMS.get(word, word)[:_LONGEST_STEM]


_SAME_STEMS: dict[str, str] = {}
_SAME_STEMS.update({_stem(word): _stem(head) for word, head in SAME.items()})
_LIGHT_STEMS = frozenset(_stem(word) for word in LIGHT)
