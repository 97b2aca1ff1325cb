"""Reads one file whole, or not at all."""

import os
import stat

from quintet_gateway.assistant.knowledge.roots import open_inside
from quintet_gateway.documents.formats import Format
from quintet_gateway.documents.unreadable import UnreadableError

_TEXT_BYTES = 8 << 20
_DOCUMENT_BYTES = 32 << 20
_PIECE_BYTES = 1 << 20
_ATTEMPTS = 3


def largest(form: Format) -> int:
    """Returns how many bytes a file of a format may have."""
    return _DOCUMENT_BYTES if form in {Format.PDF, Format.DOCX} else _TEXT_BYTES


def read_stable(root: str, relative: str, max_bytes: int) -> bytes:
    """Returns a file as it was at one moment; one that changes meanwhile is read again, three times in all.

    Raises:
        UnreadableError: if it cannot be had.
    """
    for _ in range(_ATTEMPTS):
        data = _read_once(root, relative, max_bytes)
        if data is not None:
            return data
    raise UnreadableError("changes while it is read")


def _read_once(root: str, relative: str, max_bytes: int) -> bytes | None:
    """Returns the bytes, or None if the file changed under the reader."""
    try:
        descriptor = open_inside(root, relative)
    except OSError:
        raise UnreadableError("cannot be opened") from None
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableError("is no regular file")
        if before.st_size > max_bytes:
            raise UnreadableError(f"is larger than {max_bytes >> 20} MiB")
        data = _read_all(descriptor, before.st_size + 1)
        after = os.fstat(descriptor)
    except OSError:
        raise UnreadableError("cannot be read") from None
    finally:
        os.close(descriptor)
    return data if _stamp(before) == _stamp(after) and len(data) == before.st_size else None


def _stamp(state: os.stat_result) -> tuple[int, int, int]:
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _read_all(descriptor: int, limit: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < limit and (piece := os.read(descriptor, min(_PIECE_BYTES, limit - len(pieces)))):
        pieces += piece
    return bytes(pieces)
