"""What is read aloud of an answer: its words, without Markdown's marks, code, addresses and emoji."""

import re

_FENCE = re.compile(r"\s*(?:```|~~~)")
_RULE = re.compile(r"\s*(?:([-*_=])(?:\s*\1){2,}|[|:\s-]*-{2,}[|:\s-]*)\s*")
_LINE_START = re.compile(r"^\s*(?:>\s*)*(?:#{1,6}\s+|[-*+•]\s+(?:\[[ xX]\]\s+)?)?")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
# Of an address the name of its host; a mark behind it belongs to the sentence.
_ADDRESS = re.compile(
    r"<?https?://(?:www\.)?([^\s/?#<>()\[\]]*[^\s/?#<>()\[\].,;:!])"
    r"(?:[/?#][^\s<>()\[\]]*[^\s<>()\[\].,;:!?])?/?>?"
)
_BLOCK_TAG = re.compile(r"</?(?:br|p|ul|ol|li|pre|div|h[1-6])\b[^<>]*>", re.IGNORECASE)
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|sup|sub|code|span)\b[^<>]*>", re.IGNORECASE)
# "2 * 3", "2*3" and "2**3" are no emphasis, and neither is the line in "snake_case".
_EMPHASIS = re.compile(
    r"(?<!\d)\*{2,}|\*{2,}(?!\d)|(?<![\d\s*])\*|\*(?![\d\s*])|(?<!\S)\*(?=\S)|(?<![^\W_])_+|_+(?![^\W_])|~~|`+"
)
_BORDER = re.compile(r"\s*[|\u2190-\u21ff]\s*")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0f\u20e3]"
    "[\ufe0e\ufe0f\u20e3\u200d\U000e0020-\U000e007f]*"
)
_SPACES = re.compile(r"\s+")
_ENDS_ALONE = ".!?…:;,،؛؟۔。！？；：，、｡।॥–—-"


class SpokenForm:
    """Turns the clauses of one answer into what is spoken of them; it remembers that code goes on over clauses."""

    def __init__(self) -> None:
        self._in_code = False

    def of(self, clause: str) -> str:
        """Returns the words of a clause in one line; the empty string if there is nothing that can be spoken."""
        said = ""
        for line in clause.splitlines():
            words = self._words(line)
            if words:
                said = _joined(said, words)
        return said if any(character.isalnum() for character in said) else ""

    def _words(self, line: str) -> str:
        if _FENCE.match(line):
            self._in_code = not self._in_code
            return ""
        if self._in_code or _RULE.fullmatch(line):
            return ""
        line = _LINE_START.sub("", line)
        line = _LINK.sub(r"\1", line)
        line = _ADDRESS.sub(r"\1", line)
        line = _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", line))
        line = _EMPHASIS.sub("", line)
        line = _BORDER.sub(", ", line.strip().strip("|"))
        return _SPACES.sub(" ", _EMOJI.sub(" ", line)).strip()


def _joined(said: str, words: str) -> str:
    """Puts a line behind others: a title or an item without a stop gets the pause that its line break means."""
    if not said:
        return words
    return f"{said} {words}" if said[-1] in _ENDS_ALONE else f"{said}. {words}"


def spoken_form(text: str) -> str:
    """Returns what is spoken of a whole text; the empty string if there is nothing."""
    return SpokenForm().of(text)
