"""Pages that end at a number of rows or a number of bytes, whatever comes first."""

from collections.abc import Callable, Iterable
from typing import TypeVar

RowT = TypeVar("RowT")


def take(rows: Iterable[RowT], limit: int, max_bytes: int, size: Callable[[RowT], int]) -> tuple[list[RowT], bool]:
    """Takes rows until a limit is reached, but at least one; the second value tells whether there are more."""
    taken: list[RowT] = []
    room = max_bytes
    for row in rows:
        room -= size(row)
        if len(taken) == limit or (taken and room < 0):
            return taken, True
        taken.append(row)
    return taken, False


def most_bytes(text: str) -> int:
    """Returns the most bytes that a text takes; counting them exactly would encode everything twice."""
    return len(text) if text.isascii() else 4 * len(text)
