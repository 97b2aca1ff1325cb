"""Where the session service of a running `quintet up` can be reached: a small file in the data folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = "session.address"


@contextmanager
def published(data_dir: Path, address: str) -> Iterator[None]:
    """Tells other commands the gRPC target for the length of the block; only the owner can read it.

    Raises:
        OSError: if the file cannot be written.
    """
    path = data_dir / _FILE
    # Whatever a killed predecessor left belongs to nobody.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(address)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def published_address(data_dir: Path) -> str:
    """Returns what a running `quintet up` has published, or what a killed one left; empty for nothing."""
    try:
        return (data_dir / _FILE).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
