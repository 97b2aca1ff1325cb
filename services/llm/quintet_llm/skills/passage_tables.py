"""Rows of tables as texts that can be understood without the table."""

import csv
import re
from collections.abc import Iterator, Sequence

_RULE = re.compile(r"\s*\|?[\s:|-]*-{2,}[\s:|-]*$")
_LONGEST_CELL = 80


def pipe_rows(lines: Sequence[str]) -> Iterator[str]:
    """Yields the rows of a Markdown table, each cell with the head of its column: `Team: price 20 EUR, users 10`."""
    rows = [_cells(line) for line in lines if not _RULE.match(line)]
    has_head = len(lines) > 1 and bool(_RULE.match(lines[1])) and not _RULE.match(lines[0])
    head = rows[0] if has_head and len(rows) > 1 else []
    for row in rows[1:] if head else rows:
        if any(row):
            yield _row(head, row)


def comma_rows(lines: Sequence[str]) -> Iterator[str]:
    """Yields the rows of a file of values, with the head of each column where the first line is one."""
    given = [line for line in lines if line.strip()]
    if not given:
        return
    mark = max("\t;,", key=given[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(given, delimiter=mark)]
    head = rows[0] if len(rows) > 1 and _is_head(rows) else []
    for row in rows[1:] if head else rows:
        yield _row(head, row)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _is_head(rows: Sequence[Sequence[str]]) -> bool:
    """Tells whether the first of several rows names the columns: no numbers there, and some below."""
    return not any(map(str.isdigit, "".join(rows[0]))) and any(map(str.isdigit, "".join(rows[1])))


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    named = len(head) == len(row) and any(head)
    first, *others = row
    cells = [f"{name} {cell}".strip() for name, cell in zip(head[1:], others, strict=True)] if named else list(others)
    said = ", ".join(cell for cell in cells if cell)
    return f"{first}: {said}" if first and said and len(first) <= _LONGEST_CELL else first or said
