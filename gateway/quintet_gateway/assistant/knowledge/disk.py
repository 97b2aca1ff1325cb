"""Lets threads wait for disks, and gives up on a disk that is silent."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from quintet_errors import DomainError, Reason
from quintet_observability import get_logger

_log = get_logger(__name__)
T = TypeVar("T")


def _at_once() -> int:
    return 0


class Disk:
    """Some threads of their own, so that a disk that never answers takes no thread from anybody else."""

    def __init__(self, threads: int, silent_s: float) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="disk")
        self._silent_s = silent_s

    async def ask(self, work: Callable[[], T], mark: Callable[[], int] = _at_once) -> T:
        """Runs `work` in a thread; it may take long for as long as `mark`, which says how far it is, changes.

        Raises:
            DomainError: SERVICE_UNAVAILABLE if nothing was heard for `silent_s` seconds. The thread goes on to wait,
                as nobody can stop it.
        """
        begun = self._threads.submit(work)
        working = asyncio.wrap_future(begun)
        try:
            while True:
                before = mark()
                await asyncio.wait({working}, timeout=self._silent_s)
                if working.done():
                    return working.result()
                if mark() == before:
                    _log.warning("disk_silent", seconds=self._silent_s)
                    raise DomainError(Reason.SERVICE_UNAVAILABLE, "The disk that holds the documents does not answer.")
        finally:
            # What no thread has begun yet must not be done for nobody; the loop's own future would tell it too late.
            begun.cancel()
            working.cancel()

    def close(self) -> None:
        """Begins nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
