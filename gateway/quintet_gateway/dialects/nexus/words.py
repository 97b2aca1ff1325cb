"""The stream of the document: one event a word, every word but the first with its leading space."""

import re
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring_ascii

from quintet_gateway.dialects.nexus.errors import describe
from quintet_gateway.http.sse import MAX_WRITE_BYTES

_HEAD = 'data: {"word": '
_TAIL = ', "complete": false}\n\n'
_END = b'data: {"word": "", "complete": true}\n\n'

_LONGEST_JSON = MAX_WRITE_BYTES - len(_HEAD) - len(_TAIL)
# A character takes at most twelve bytes of ASCII JSON (two escaped surrogates), and the quotes two.
_ALWAYS_FITS = (_LONGEST_JSON - 2) // 12

# Scripts that put no spaces between words: Thai to Myanmar, Khmer, kana, Chinese characters and their punctuation.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


class WordSplitter:
    """Splits a growing text at single spaces; the words joined together are the text.

    A word leaves when the space after it has come. Two kinds leave earlier: text of a script without spaces, which
    would otherwise come as one word at the end, and words that would not fit into one write.
    """

    def __init__(self) -> None:
        self._unfinished = ""
        self._lead = ""

    def add(self, text: str) -> list[str]:
        """Returns the words that `text` completes."""
        *finished, self._unfinished = (self._unfinished + text).split(" ")
        words: list[str] = []
        for word in finished:
            words.extend(_cut(self._lead + word))
            self._lead = " "
        if len(self._unfinished) > _LONGEST_JSON or _UNSPACED.search(self._unfinished):
            words.extend(self.finish())
        return words

    def finish(self) -> list[str]:
        """Returns what is left."""
        if not self._unfinished and not self._lead:
            return []
        words = _cut(self._lead + self._unfinished)
        self._unfinished = self._lead = ""
        return words


class WordEvents:
    """Writes the pieces of an answer as the events of the document."""

    def __init__(self) -> None:
        self._splitter = WordSplitter()

    def events(self, pieces: Sequence[str]) -> Iterable[bytes]:
        """Returns an event for each word that the pieces complete."""
        return [_event(word) for word in self._splitter.add("".join(pieces))]

    def end(self) -> Iterable[bytes]:
        """Returns the last word and the event that says that the answer is complete."""
        return [*(_event(word) for word in self._splitter.finish()), _END]

    def failure(self, error: Exception) -> Iterable[bytes]:
        """Returns what was said last and the event that says why it stops; clients stop at its `complete`."""
        message = encode_basestring_ascii(describe(error).message)
        frame = f'data: {{"error": {message}, "error_code": "PROCESSING_ERROR", "word": "", "complete": true}}\n\n'
        return [*(_event(word) for word in self._splitter.finish()), frame.encode("ascii")]


def _cut(word: str) -> list[str]:
    """Cuts a word into pieces whose events fit into one write; an empty word gives none."""
    if not word:
        return []
    if len(word) <= _ALWAYS_FITS or len(encode_basestring_ascii(word)) <= _LONGEST_JSON:
        return [word]
    return [word[start : start + _ALWAYS_FITS] for start in range(0, len(word), _ALWAYS_FITS)]


def _event(word: str) -> bytes:
    return f"{_HEAD}{encode_basestring_ascii(word)}{_TAIL}".encode("ascii")
