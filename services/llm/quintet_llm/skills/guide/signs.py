"""What stands on signs: the noun that is asked for, and the text in the picture that has it."""

import re
from functools import cache

from quintet_llm.skills.guide.language import read, spaced
from quintet_llm.skills.guide.phrases import compiled

# Of a question in English all the words after these are the noun; of others the words in Latin letters.
_ASKED = re.compile(
    r" (?:where (?:is|are)|(?:is|are) there|(?:do|can) you see|have you seen|which|what)"
    r"(?: (?:the|a|an|any|my|some|is|are))*((?: \w[\w'&-]*)+?)"
    r"(?: (?:is|are|here|there|ahead|nearby|around|sign|signs|please|this|that|it|number))* \Z"
)
_NO_NOUNS = frozenset({"it", "that", "this", "he", "she", "they", "everything", "here", "there"})
_LATIN = re.compile(r" ([a-z]{2,})(?= )")


def sign_in(words: str, language: str) -> str:
    """Returns the key of what is told by signs and asked for in a text of `spaced`, empty if there is none."""
    found = [
        (one.end(), key) for key, phrases in _asked(language) for phrase in phrases if (one := phrase.search(words))
    ]
    # The last one is the noun that the others only describe: "the train platform".
    return max(found, default=(0, ""))[1]


def noun_in(words: str, language: str) -> str:
    """Returns the noun of a question as it may stand in a text in Latin letters, empty if there is none."""
    if language == "en":
        found = _ASKED.search(words)
        noun = found[1].strip() if found else ""
        return "" if noun in _NO_NOUNS else noun
    return " ".join(_LATIN.findall(words))


def signs() -> frozenset[str]:
    """Returns the keys of all kinds of signs."""
    return frozenset(read("labels", "signs"))


def written(sign: str) -> tuple[str, ...]:
    """Returns how a kind of sign reads in Latin letters."""
    return tuple(read("labels", "signs")[sign]["written"])


def has_any(text: str, nouns: tuple[str, ...]) -> bool:
    """Tells whether one of the nouns stands in a text, as whole words."""
    return any(spaced(noun) in spaced(text) for noun in nouns)


@cache
def _asked(language: str) -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    return tuple((key, compiled(entry[language])) for key, entry in read("labels", "signs").items())
