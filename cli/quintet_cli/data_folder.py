"""The folder that holds everything that stays: database and models."""

import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from quintet_cli.errors import CommandError

_LOCK = ".up.lock"
_DATABASE = "quintet.db"


def problem_with(folder: Path) -> str | None:
    """Returns one sentence on why Quintet cannot keep its data there, or None; makes the folder if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.geteuid():
            return f"The data folder {folder} belongs to another user; choose another with --data-dir."
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"The data folder {folder} cannot be written ({error.strerror}); choose another with --data-dir."


def has_database(folder: Path) -> bool:
    """Tells whether anything was ever kept there."""
    return (folder / _DATABASE).exists()


def is_claimed(folder: Path) -> bool:
    """Tells whether a `quintet up` uses the folder now."""
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def claim(folder: Path) -> FileLock:
    """Makes sure that the folder is usable and that no other `quintet up` uses it; the claim ends with the process.

    Raises CommandError.
    """
    if problem := problem_with(folder):
        raise CommandError(problem)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise CommandError(f"Another `quintet up` uses {folder}; stop it, or choose another with --data-dir.") from None
    return lock
