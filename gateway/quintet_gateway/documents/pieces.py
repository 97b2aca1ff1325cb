"""What a document is cut into, and how large that is."""

from dataclasses import dataclass
from typing import NamedTuple

from quintet_gateway.documents.formats import Format

CHUNKER_VERSION = "1"
"""Changes whenever the same text would be cut in another way."""


@dataclass(frozen=True)
class Sizes:
    """Largest length of a chunk and of what it repeats of the one before, in characters."""

    chunk: int
    overlap: int


DOCUMENT_SIZES = Sizes(1000, 200)
CODE_SIZES = Sizes(2000, 400)


class Piece(NamedTuple):
    """A chunk of a file; lines count from 1, and are 0 where they mean nothing."""

    text: str
    heading: str
    start_line: int
    end_line: int


def sizes_of(form: Format) -> Sizes:
    """Returns how large the chunks of a format are."""
    return CODE_SIZES if form is Format.CODE else DOCUMENT_SIZES
