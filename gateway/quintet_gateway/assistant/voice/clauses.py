"""Cuts a text that is still written into clauses to be spoken, each as soon as its end is certain.

One character behind a clause tells its end: "3." may go on as "3.14". Only where the next word decides ("etc. and",
"p.m. Then") it is waited for. The clauses are the same however the text is cut on its way here.

Libraries that split text into sentences want it whole, take "डॉ. शर्मा" for two sentences, and know nothing of a model
that writes no full stop, of list numbers, or of Markdown.
"""

import re
import unicodedata
from dataclasses import dataclass

from quintet_gateway.assistant.voice.word_lists import Stop, leads_on, stop_behind


@dataclass(frozen=True)
class _Bounds:
    """When a clause is long enough: counted in words, or in `width`, where a Latin letter is 1 and a Chinese one 3."""

    pause_words: int
    pause_width: int
    most_words: int
    most_width: int


# The first clause is short, so that the sound begins early, and the others are long enough to sound natural.
_FIRST = _Bounds(pause_words=3, pause_width=18, most_words=10, most_width=60)
_LATER = _Bounds(pause_words=12, pause_width=80, most_words=18, most_width=120)
_FIRST_WORDS, _FIRST_WIDTH = 3, 15
# A cut behind "and" or "the" sounds wrong; so many more words are waited for a better place.
_MORE_WORDS = 5
_MORE_WIDTH = 60
# Without any space, as in a web address, a clause is cut here at last.
_LONGEST = 300
# White space, or marks upon one letter, that never end.
_LONGEST_OF_ALL = 600
_WIDE = 3

_STRONG = "。！？｡।॥"
_WEAK = ".!?…؟۔"
_CLOSERS = "\"'”’»)]}」』）】*_`~"
_PAUSES = ",;:—–،؛"
_WIDE_PAUSES = "、，；："
_TAIL_MARKS = _STRONG + _WEAK + _CLOSERS
_TAIL = re.compile(rf"(?P<stops>[{re.escape(_STRONG + _WEAK)}]+)[{re.escape(_TAIL_MARKS)}]*$")
_PAUSE = re.compile(rf"[{re.escape(_PAUSES)}][{re.escape(_CLOSERS)}]*$")
_LAST_WORD = re.compile(r"\S+$")
_NUMBER_ALONE = re.compile(r"(?:^|\n)\s*[*_>#\s-]*\(?(?:\d{1,3}|[a-zA-Z])$")
# Of brackets and backquotes that are never closed, no more than so many characters are waited for.
_OPEN_LINK = re.compile(r"\[[^\]\n]{0,100}$|\]\([^)\s]*$")
_OPEN_CODE = re.compile(r"^[^`]*(?:`[^`]*`[^`]*)*`[^`]{0,100}$")


class ClauseCutter:
    """Takes a text in pieces and gives it out in clauses; joined, these are the text with all its white space."""

    def __init__(self) -> None:
        self._clause = ""
        self._words = 0
        self._width = 0
        # A stop whose meaning the next word tells: what it says, and how long the clause is up to it.
        self._undecided: tuple[Stop, int] | None = None
        self._bounds = _FIRST

    def feed(self, delta: str) -> list[str]:
        """Takes the next piece of the text and returns the clauses that are certain now."""
        return [clause for character in delta if (clause := self._take(character))]

    def finish(self) -> list[str]:
        """Returns what is left at the end of the text."""
        rest, self._clause = self._clause, ""
        return [rest] if rest else []

    def _take(self, character: str) -> str:
        clause = self._cut(self._end(character))
        self._count(character)
        self._clause += character
        return clause

    def _cut(self, end: int) -> str:
        """Gives out the clause up to `end`; what stands behind it is white space."""
        clause, rest = self._clause[:end], self._clause[end:]
        if clause:
            self._clause, self._words, self._width = rest, 0, len(rest)
            self._undecided, self._bounds = None, _LATER
        return clause

    def _count(self, character: str) -> None:
        if not character.isspace() and (not self._clause or self._clause[-1].isspace()):
            self._words += 1
        self._width += _WIDE if _is_wide(character) else 1

    def _end(self, character: str) -> int:
        """Returns where the clause ends now that `character` follows it; 0 if it does not."""
        if self._undecided and not character.isspace():
            (stop, end), self._undecided = self._undecided, None
            if _ends(stop, character):
                return end
        return len(self._clause) if self._ends_before(character) else 0

    def _ends_before(self, character: str) -> bool:
        length = len(self._clause)
        if length >= _LONGEST_OF_ALL or not self._words or not self._is_enough():
            return length >= _LONGEST_OF_ALL
        if character in "\n\u2028\u2029":
            return True
        if _continues(character, self._clause[-1]):
            return False
        return length >= _LONGEST or (self._may_end(character) and not self._is_inside())

    def _is_enough(self) -> bool:
        return self._bounds is _LATER or self._words >= _FIRST_WORDS or self._width >= _FIRST_WIDTH

    def _may_end(self, character: str) -> bool:
        return self._stops(character) or self._pauses(character) or self._is_full(character)

    def _stops(self, character: str) -> bool:
        if self._clause[-1] not in _TAIL_MARKS or character in _TAIL_MARKS:
            return False
        tail = _TAIL.search(self._clause)
        if tail is None:
            return False
        stops = tail["stops"]
        if any(stop in _STRONG for stop in stops):
            return True
        if not character.isspace():
            return False
        said = self._said(stops, tail.start())
        if said in (Stop.ENDS_UNLESS_NUMBER, Stop.ENDS_UNLESS_SMALL) and not self._is_inside():
            self._undecided = (said, len(self._clause))
        return said is Stop.ENDS

    def _said(self, stops: str, start: int) -> Stop:
        if stops != ".":
            return Stop.ENDS_UNLESS_SMALL if _is_ellipsis(stops) else Stop.ENDS
        before = self._clause[:start]
        if _NUMBER_ALONE.search(before):
            return Stop.GOES_ON
        word = _LAST_WORD.search(before)
        return stop_behind(word.group()) if word else Stop.ENDS

    def _pauses(self, character: str) -> bool:
        if self._words < self._bounds.pause_words and self._width < self._bounds.pause_width:
            return False
        if self._clause[-1] in _WIDE_PAUSES:
            return True
        return character.isspace() and _PAUSE.search(self._clause) is not None

    def _is_full(self, character: str) -> bool:
        words, width = self._words - self._bounds.most_words, self._width - self._bounds.most_width
        if (words < 0 and width < 0) or not (character.isspace() or _is_wide(character)):
            return False
        if words >= _MORE_WORDS or width >= _MORE_WIDTH:
            return True
        word = _LAST_WORD.search(self._clause)
        return word is not None and not leads_on(word.group())

    def _is_inside(self) -> bool:
        """Tells whether a link or a piece of code is still open, which must not be spoken in parts."""
        code = self._clause.replace("```", "")
        return _OPEN_LINK.search(self._clause) is not None or _OPEN_CODE.match(code) is not None


def _ends(stop: Stop, character: str) -> bool:
    if character.isnumeric():
        return False
    return stop is Stop.ENDS_UNLESS_NUMBER or not character.islower()


def _is_ellipsis(stops: str) -> bool:
    return set(stops) <= {".", "…"}


def _is_wide(character: str) -> bool:
    return character > "\u10ff" and unicodedata.east_asian_width(character) in "WF"


def _continues(character: str, before: str) -> bool:
    """Tells whether the character belongs to the letter or emoji before it."""
    joiner = "\u200d"
    return joiner in (character, before) or unicodedata.category(character).startswith("M")
