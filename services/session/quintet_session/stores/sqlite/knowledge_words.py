"""Which words stand in which chunks, and which words a query asks for.

Queries never become expressions of FTS5: its own tokenizer cuts them into words, and each word is looked up by name. So
there is no syntax that the text of a user could break or use.
"""

import re
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_TOKENIZER = "porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
# More words than this make no result better, and each costs a look-up.
_MOST_WORDS = 32
# A word that stands in more places says nothing about any of them, and reading them all would take long.
_MOST_PLACES = 100_000
# Bytes that say which chunks are searched, however far apart their keys are.
_MOST_MARKS = 1 << 20
_LAST_CHARACTER = "\U0010ffff"

# Scripts without spaces: Thai to Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")

_PLACES_IN_RANGE = (
    "SELECT doc * 2 + (col = 'heading') AS place FROM knowledge_word_places"
    " WHERE term >= :first_word AND term <= :last_word AND doc BETWEEN :first_key AND :last_key"
)
_PLACES_AT_MARKS = f"{_PLACES_IN_RANGE} AND substr(:marks, (doc - :first_key) / :keys_a_mark + 1, 1) = x'01'"

_ENGLISH_STOP_WORDS = (
    "a about all also am an and any are as at be because been but by can could did do does for from had has have he "
    "her him his how i if in into is it its just me my no not of on or our she should so some than that the their "
    "them then there these they this those to too us was we were what when where which who whom why will with would "
    "you your s t d ll re ve m"
)


@dataclass(frozen=True, eq=False)
class Places:
    """Where a word stands: keys of chunks, one entry for each occurrence; `all_of_them` is false for too many.

    Some of the chunks may be others than those that are searched.
    """

    chunk_keys: NDArray[np.int64]
    in_heading: NDArray[np.bool_]
    all_of_them: bool


def add(connection: sqlite3.Connection, chunk_key: int, text: str, heading: str) -> None:
    """Adds the words of a chunk."""
    connection.execute(
        "INSERT INTO knowledge_words (rowid, text, heading) VALUES (?, ?, ?)",
        (chunk_key, _spaced(text), _spaced(heading)),
    )


def remove(connection: sqlite3.Connection, rows: Iterable[tuple[int, str, str]]) -> None:
    """Removes the words of chunks, each a key, its text and its heading as they were added."""
    connection.executemany(
        "INSERT INTO knowledge_words (knowledge_words, rowid, text, heading) VALUES ('delete', ?, ?, ?)",
        ((chunk_key, _spaced(text), _spaced(heading)) for chunk_key, text, heading in rows),
    )


class SearchedChunks:
    """The chunks of a search, by their keys: at least one array, each sorted and with at least one key."""

    def __init__(self, keys: Sequence[NDArray[np.int64]]) -> None:
        self._keys = keys
        self.first_key = min(int(array[0]) for array in keys)
        self.last_key = max(int(array[-1]) for array in keys)
        self.keys_a_mark = 1 + (self.last_key - self.first_key) // _MOST_MARKS

    @cached_property
    def marks(self) -> bytes:
        """One byte for each `keys_a_mark` keys from the first one on: 1 if a chunk among them is searched."""
        marks = np.zeros((self.last_key - self.first_key) // self.keys_a_mark + 1, np.uint8)
        for keys in self._keys:
            marks[(keys - self.first_key) // self.keys_a_mark] = 1
        return marks.tobytes()


def find(connection: sqlite3.Connection, words: Sequence[str], chunks: SearchedChunks) -> list[Places]:
    """Returns the places of each word in chunks. Words with too many of them are left out if there are others."""
    found = [_find(connection, word, chunks) for word in words]
    return [places for places in found if places.all_of_them] or found


def _find(connection: sqlite3.Connection, word: str, chunks: SearchedChunks) -> Places:
    places = _read(connection, _PLACES_IN_RANGE, word, chunks)
    if places.all_of_them or 0 not in chunks.marks:
        return places
    # Chunks of others lie between these. To look at the marks takes longer, so it is done only where it matters.
    return _read(connection, _PLACES_AT_MARKS, word, chunks, marks=chunks.marks, keys_a_mark=chunks.keys_a_mark)


def _read(
    connection: sqlite3.Connection, statement: str, word: str, chunks: SearchedChunks, **more: int | bytes
) -> Places:
    # Any character of an unspaced script begins exactly one of the indexed words.
    last = word + _LAST_CHARACTER if len(word) == 1 and _UNSPACED_RUN.match(word) else word
    # One string instead of a row for each place: SQLite makes it without holding up Python's other threads.
    count, numbers = connection.execute(
        f"SELECT count(*), group_concat(place) FROM ({statement} LIMIT {_MOST_PLACES})",  # noqa: S608 - constants
        {"first_word": word, "last_word": last, "first_key": chunks.first_key, "last_key": chunks.last_key, **more},
    ).fetchone()
    places = np.fromstring(numbers or "", dtype=np.int64, sep=",")
    return Places(places >> 1, (places & 1).astype(np.bool_), count < _MOST_PLACES)


class QueryWords:
    """Cuts queries into words just as the index does it. May be used by any thread."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._stop_words = frozenset(self._cut(_ENGLISH_STOP_WORDS))

    def of(self, query: str) -> list[str]:
        """Returns the words of a query, each once; English words without meaning only if there are no others."""
        words = list(dict.fromkeys(self._cut(_spaced(query, whole=False))))
        return ([word for word in words if word not in self._stop_words] or words)[:_MOST_WORDS]

    def _cut(self, text: str) -> list[str]:
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            connection.execute("INSERT INTO words (rowid, text) VALUES (1, ?)", (text,))
            return [word for (word,) in connection.execute("SELECT term FROM places ORDER BY offset")]
        finally:
            connection.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = sqlite3.connect(":memory:", isolation_level=None)
            connection.execute(
                f"CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = \"{_TOKENIZER}\")"
            )
            connection.execute("CREATE VIRTUAL TABLE places USING fts5vocab (words, instance)")
        return connection


def _spaced(text: str, *, whole: bool = True) -> str:
    """Cuts runs of unspaced scripts into pairs of neighbours, and the last character alone if the run is `whole`."""
    return text if text.isascii() else _UNSPACED_RUN.sub(lambda run: _pairs(run.group(), whole=whole), text)


def _pairs(run: str, *, whole: bool) -> str:
    pairs = [run[start : start + 2] for start in range(len(run) - 1)]
    if whole or not pairs:
        pairs.append(run[-1])
    return f" {' '.join(pairs)} "
