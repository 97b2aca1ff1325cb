"""A private folder for the Unix sockets of processes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The paths of Unix sockets are limited to about 100 bytes on every system.
_LONGEST_FOLDER = 80


@contextmanager
def runtime_folder() -> Iterator[Path]:
    """Makes a folder for the length of the block that nobody else can read."""
    folder = tempfile.gettempdir()
    path = Path(tempfile.mkdtemp(prefix="quintet-", dir=folder if len(folder) < _LONGEST_FOLDER else "/tmp"))  # noqa: S108 - mkdtemp makes it private
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
