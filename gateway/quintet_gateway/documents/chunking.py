"""From text to pieces that are small enough for a vector and large enough to answer something."""

import bisect
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from quintet_gateway.documents import headings
from quintet_gateway.documents.extraction import Extracted, Section
from quintet_gateway.documents.pieces import Piece, Sizes

# The splitter's time grows with the square of a text's length, and of a line's: 8 MiB took 17 s, a book in one line
# minutes. So long texts are given to it in blocks, from heading to heading or from paragraph to paragraph.
_BLOCK = 50_000
_LONGEST_LINE = 20_000
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[\w+#.-]*\s*")
_JOINERS = frozenset("\u200d\ufe0f\ufe0e")


class _Span(NamedTuple):
    start: int
    end: int


def cut(extracted: Extracted, sizes: Sizes) -> list[Piece]:
    """Cuts a file's text at headings, paragraphs, sentences and words, at the highest of these that fits."""
    pieces = itertools.chain.from_iterable(_cut_section(section, sizes) for section in extracted.sections)
    return list(pieces) if extracted.has_lines else [piece._replace(start_line=0, end_line=0) for piece in pieces]


def _cut_section(section: Section, sizes: Sizes) -> Iterator[Piece]:
    text = section.text
    splitter = (MarkdownSplitter if section.is_markdown else TextSplitter)(sizes.chunk, overlap=sizes.overlap)
    lines = _Lines(text)
    outline = headings.outline(text) if section.is_markdown else headings.EMPTY
    breaks = [lines.start_of(line) for line in outline.starts] if section.is_markdown else lines.paragraphs(text)
    placed = []
    for span, own_start in _with_own_starts(text, _spans(text, splitter, breaks)):
        first, last = lines.line_of(span.start), lines.line_of(span.end - 1)
        path = outline.path_at(lines.line_of(own_start))
        placed.append((Piece(text[span.start : span.end], "", first + 1, last + 1), path))
    for (piece, path), following in itertools.zip_longest(placed, placed[1:]):
        is_said = following is not None and section.is_markdown and _is_said_by(piece, path, following[1], outline)
        if not is_said:
            yield piece._replace(heading=" > ".join(path) or section.heading)


class _Lines:
    """Offsets of lines, which count from 0."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def line_of(self, offset: int) -> int:
        return bisect.bisect_left(self._ends, offset)

    def start_of(self, line: int) -> int:
        return self._ends[line - 1] + 1 if line else 0

    def paragraphs(self, text: str) -> list[int]:
        """Returns where paragraphs begin."""
        return [found.end() for found in re.finditer(r"\n[ \t]*\n(?=\S)", text)]


def _is_said_by(piece: Piece, path: tuple[str, ...], next_path: tuple[str, ...], outline: headings.Outline) -> bool:
    """Tells whether a chunk is nothing but headings that the next chunk stands under, and marks of code."""
    lines = enumerate(piece.text.split("\n"), start=piece.start_line - 1)
    return next_path[: len(path)] == path and all(
        number in outline.heading_lines or not line.strip() or _FENCE.fullmatch(line) for number, line in lines
    )


def _with_own_starts(text: str, spans: Iterator[_Span]) -> Iterator[tuple[_Span, int]]:
    """Adds where each chunk begins to say something new: what it repeats belongs to the section before."""
    end = 0
    for span in spans:
        new = max(span.start, end)
        while new < span.end and text[new].isspace():
            new += 1
        yield span, new if new < span.end else span.start
        end = max(end, span.end)


def _spans(text: str, splitter: TextSplitter | MarkdownSplitter, breaks: Sequence[int]) -> Iterator[_Span]:
    for block in _blocks(text, breaks):
        for offset, chunk in splitter.chunk_indices(text[block.start : block.end]):
            start = block.start + offset
            # The splitter takes separators of old data formats for text.
            if chunk.strip():
                yield _Span(start, start + len(chunk))


def _blocks(text: str, breaks: Sequence[int]) -> Iterator[_Span]:
    """Yields the text in blocks that end at `breaks`, offsets of lines; overlong lines are broken anywhere."""
    allowed = set(breaks)
    begun = position = 0
    while position < len(text):
        line_end = text.find("\n", position)
        line_end = len(text) if line_end < 0 else line_end + 1
        if begun < position and (line_end - position > _LONGEST_LINE or _is_full(begun, position, allowed)):
            yield _Span(begun, position)
            begun = position
        if line_end - position > _LONGEST_LINE:
            line_end = _break_in(text, position, line_end)
            yield _Span(position, line_end)
            begun = line_end
        position = line_end
    if begun < len(text):
        yield _Span(begun, len(text))


def _is_full(begun: int, position: int, allowed: set[int]) -> bool:
    return position - begun > _BLOCK and position in allowed


def _break_in(text: str, start: int, end: int) -> int:
    """Returns where to break an overlong line: after a space near the limit, else between two graphemes."""
    limit = min(start + _LONGEST_LINE, end)
    space = text.rfind(" ", start + _LONGEST_LINE // 2, limit)
    if space > 0:
        return space + 1
    while limit > start + _LONGEST_LINE // 2 and limit < end and _joins(text[limit - 1], text[limit]):
        limit -= 1
    return limit


def _joins(left: str, right: str) -> bool:
    return left in _JOINERS or right in _JOINERS or unicodedata.category(right) in {"Mn", "Me", "Mc"}
