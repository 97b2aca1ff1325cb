"""Waiting for a condition instead of for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

ValueT = TypeVar("ValueT")


async def eventually(probe: Callable[[], Awaitable[ValueT]], *, within_s: float = 10.0) -> ValueT:
    """Calls `probe` until it returns something true, and returns that.

    Raises:
        TimeoutError: after `within_s` seconds, with the last value.
    """
    deadline = time.monotonic() + within_s
    while not (value := await probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {value!r} after {within_s} s")
        await asyncio.sleep(0.01)
    return value
