"""Waiting for a condition of another process, always with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

ValueT = TypeVar("ValueT")

POLL_S = 0.005


def wait_until(probe: Callable[[], ValueT], within_s: float, what: str = "", poll_s: float = POLL_S) -> ValueT:
    """Calls `probe` until it returns something true, and returns that.

    Raises:
        TimeoutError: after `within_s` seconds, with the last value.
    """
    deadline = time.monotonic() + within_s
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what or 'the condition'} is still {value!r} after {within_s} s")
        time.sleep(poll_s)
    return value
