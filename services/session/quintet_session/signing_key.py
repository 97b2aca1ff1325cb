"""The secret that access tokens are signed with: from the settings, or made once and kept in the data folder."""

import os
import secrets
import stat
from pathlib import Path

from quintet_errors import DomainError, Reason

KEY_FILE = "token.key"
SHORTEST_KEY = 32
"""Bytes; as many as the digest of the signature has."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def load_signing_key(given: str, data_dir: Path) -> bytes:
    """Returns the key of the settings, else that of the file, which is made if it is missing.

    Raises:
        DomainError: INVALID_ARGUMENT or STORAGE_FAILED with a sentence that says what to do.
    """
    if given:
        return _long_enough(given.encode(), "QUINTET_SESSION_TOKEN_KEY")
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"The key file {path} cannot be used ({error.strerror}). Give it to the user of the session service, "
            "or set QUINTET_SESSION_TOKEN_KEY.",
        ) from error


def _read(path: Path) -> bytes:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        raise DomainError(
            Reason.STORAGE_FAILED,
            f"The key file {path} can be read by others than its owner. Close it with: chmod 600 {path}",
        )
    return _long_enough(path.read_bytes().strip(), str(path))


def _long_enough(key: bytes, where: str) -> bytes:
    if len(key) < SHORTEST_KEY:
        raise DomainError(
            Reason.INVALID_ARGUMENT, f"The key in {where} is too short: it must have at least {SHORTEST_KEY} bytes."
        )
    return key


def _create(path: Path) -> None:
    """Makes the file as a whole: a process that dies here leaves no half key behind."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # The lock of the database keeps other processes out, so nothing is overwritten.
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
