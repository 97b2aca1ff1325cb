"""Hashes and checks passwords (argon2id), off the event loop and behind everything else that the machine has to do."""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from quintet_engines import EngineSlots

ResultT = TypeVar("ResultT")

# Each one at work takes 64 MiB and, for a moment, every processor.
_AT_WORK = 2
# More would wait for longer than callers do.
_WAITING = 32
_NICENESS = 10


class Passwords:
    """So many hashes at once, so many that wait; one more raises ENGINE_BUSY with `retryAfterSeconds`."""

    def __init__(self, hasher: PasswordHasher, *, at_work: int = _AT_WORK, waiting: int = _WAITING) -> None:
        self._hasher = hasher
        self._slots = EngineSlots(at_work, waiting)
        self._executor = ThreadPoolExecutor(at_work, thread_name_prefix="password", initializer=_step_back)
        self._nobodys_hash = ""

    async def open(self) -> None:
        """Makes the hash that passwords of unknown accounts are compared with."""
        self._nobodys_hash = await self.hash(secrets.token_urlsafe(16))

    async def close(self) -> None:
        """Waits for what is at work."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Returns the hash of a password."""
        return await self._run(lambda: self._hasher.hash(_same_everywhere(password)))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tells whether a password is right; None takes the same time and is never right."""
        right = await self._run(lambda: self._matches(password_hash or self._nobodys_hash, password))
        return right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Tells whether a hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        async with self._slots.admit():
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _same_everywhere(password))
        except (VerificationError, InvalidHashError):
            return False


def _same_everywhere(password: str) -> str:
    # Some keyboards write an accented letter as two characters.
    return unicodedata.normalize("NFC", password)


def _step_back() -> None:
    """Lowers the priority of the present thread, and of the threads that argon2 starts from it."""
    # Elsewhere a priority belongs to a whole process.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
