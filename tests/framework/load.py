"""Steady work by many clients, with a record of what failed."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from framework.cluster import Cluster

_PAUSE_S = 0.05

Work = Callable[[httpx.Client], None]


@dataclass(frozen=True)
class Attempt:
    """One piece of work: what it was, when it began and ended (monotonic seconds), and why it failed."""

    kind: str
    began_s: float
    ended_s: float
    failure: str = ""


@dataclass
class Record:
    """Everything that was attempted."""

    attempts: list[Attempt] = field(default_factory=list)

    def of(self, kind: str) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.kind == kind]

    def failures(self, kind: str = "") -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.failure and kind in ("", attempt.kind)]


@contextmanager
def under_load(cluster: Cluster, works: Mapping[str, Work], callers: int = 1) -> Iterator[Record]:
    """Repeats each work from `callers` clients for the length of the block."""
    record = Record()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_repeat, args=(cluster, kind, work, record, stop))
        for kind, work in works.items()
        for _ in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield record
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _repeat(cluster: Cluster, kind: str, work: Work, record: Record, stop: threading.Event) -> None:
    with cluster.client(timeout=30.0) as client:
        while not stop.is_set():
            record.attempts.append(_attempt(client, kind, work))
            # Pressure without starving what is measured.
            stop.wait(_PAUSE_S)


def _attempt(client: httpx.Client, kind: str, work: Work) -> Attempt:
    began = time.monotonic()
    try:
        work(client)
    except (AssertionError, httpx.HTTPError, ValueError, KeyError, TimeoutError) as error:
        return Attempt(kind, began, time.monotonic(), f"{type(error).__name__}: {error}"[:300])
    return Attempt(kind, began, time.monotonic())
