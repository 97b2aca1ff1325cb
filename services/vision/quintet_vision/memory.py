"""Keeps the C library from holding on to the memory of pictures that are gone."""

import ctypes
import sys
from functools import cache

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 << 10


def return_large_blocks() -> None:
    """Makes every block of pixels a mapping of its own, which goes back to the system when it is freed.

    Without this, glibc raises its threshold after the first picture and the process keeps the largest one's memory.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def trim() -> None:
    """Gives freed memory back to the system, where the C library can do that."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None
