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

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError

from quintet_engines import EngineSlots
from quintet_errors import DomainError, Reason

ResultT = TypeVar("ResultT")

# Each one at work takes 64 MiB and, for a moment, every processor.
_AT_WORK = 2
# More would wait for longer than callers do.
_WAITING = 32
_NICENESS = 10
# Memory that was short may be free again when the hashes that are at work have ended.
_RETRY_S = 2
_LEAST_MEMORY_KIB_A_LANE = 8


class Passwords:
    """So many hashes at once, so many that wait.

    One more raises ENGINE_BUSY with `retryAfterSeconds`, and so does a hash that the machine has no memory for.
    """

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
        """Tells whether a password is right; None takes as long as a wrong password and is never right."""
        right = await self._run(lambda: self._matches(password_hash or self._nobodys_hash, password))
        return right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Tells whether a hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        async with self._slots.admit():
            try:
                return await asyncio.get_running_loop().run_in_executor(self._executor, work)
            except Argon2Error as error:
                raise _short_of_memory() from error

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _same_everywhere(password))
        except (VerifyMismatchError, InvalidHashError):
            self._make_up_for(password_hash)
            return False

    def _make_up_for(self, password_hash: str) -> None:
        """Works for as long as a hash of today's cost would have taken more.

        A wrong password of an account whose hash is older must not be refused sooner than an unknown address.
        """
        today = self._hasher
        lacking_kib = (today.time_cost * today.memory_cost - _work_of(password_hash)) // today.time_cost
        if lacking_kib >= _LEAST_MEMORY_KIB_A_LANE * today.parallelism:
            PasswordHasher(today.time_cost, lacking_kib, today.parallelism).hash(b"")


def _work_of(password_hash: str) -> int:
    """Returns the KiB that argon2 fills for a hash, over all of its passes; 0 if it is no hash."""
    try:
        cost = extract_parameters(password_hash)
    except InvalidHashError:
        return 0
    return cost.time_cost * cost.memory_cost


def _short_of_memory() -> DomainError:
    return DomainError(
        Reason.ENGINE_BUSY,
        f"There is no memory to check a password. Try again in {_RETRY_S} s.",
        {"retryAfterSeconds": str(_RETRY_S)},
    )


def _same_everywhere(password: str) -> str:
    # Some keyboards write an accented letter as two characters.
    return unicodedata.normalize("NFC", password)


def _step_back() -> None:
    """Lowers the priority of the present thread, and of the threads that argon2 starts from it."""
    # Elsewhere a priority belongs to a whole process.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
