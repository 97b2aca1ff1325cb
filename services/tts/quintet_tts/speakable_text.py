"""Makes text safe to speak, and cuts it into pieces that are spoken one at a time."""

import re
import unicodedata

# C engines end at NUL and read others as commands; lone surrogates have no UTF-8 form.
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
# From the best place to cut to the worst. A full stop needs white space behind it, as in "3.14"; others do not.
_CUTS = (
    re.compile(r"\n\s*|[.!?…]+[\"'”’»)\]]*\s+|[。！？｡।॥؟۔]+[」』”’)\]]*\s*"),
    re.compile(r"[,;:—–]\s+|[、，；：،؛]\s*"),
    re.compile(r"\s+"),
)
# Where only letters follow each other, a cut goes back over so many marks and joiners to find the start of a letter.
_LONGEST_CLUSTER = 32


def clean(text: str) -> str:
    """Replaces control characters, NUL and lone surrogates by spaces."""
    return _UNSPEAKABLE.sub(" ", text)


class TextPieces:
    """Hands out a text from its start to its end, cut where a speaker would pause.

    Joined, the pieces are the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def take(self, longest: int) -> str:
        """Returns the next piece, of 1 to `longest` characters; the empty string at the end of the text."""
        start = self._position
        self._position = self._end(max(1, longest))
        return self._text[start : self._position]

    def _end(self, longest: int) -> int:
        latest = self._position + longest
        if latest >= len(self._text):
            return len(self._text)
        # A cut in the first half would make pieces that are too short to sound natural.
        earliest = self._position + longest // 2
        for cut in _CUTS:
            ends = [match.end() for match in cut.finditer(self._text, earliest, latest)]
            if ends:
                return ends[-1]
        return self._letter_start(latest)

    def _letter_start(self, latest: int) -> int:
        lowest = max(self._position + 1, latest - _LONGEST_CLUSTER)
        for position in range(latest, lowest - 1, -1):
            if not _extends(self._text, position):
                return position
        return latest


def _extends(text: str, position: int) -> bool:
    """Tells whether the character belongs to the letter or emoji before it."""
    joiner = "\u200d"
    return (
        text[position] == joiner or text[position - 1] == joiner or unicodedata.category(text[position]).startswith("M")
    )
