"""When the leases of workers run out, by a clock that does not jump."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from quintet_session.store import Lease

# A timer that fires this late means that this process stood still, and workers could not reach it.
_STOOD_STILL_S = 1.0


@dataclass(frozen=True)
class _Running:
    token: str
    due: float
    timer: asyncio.TimerHandle


class LeaseTimers:
    """Calls `expired` once for each lease that is not renewed in time.

    The times live in memory: after a restart of the service every running job gets a fresh full lease, so that its
    worker can go on.
    """

    def __init__(self, lease_s: float, expired: Callable[[Lease], None]) -> None:
        self.lease_s = lease_s
        self._expired = expired
        self._running: dict[str, _Running] = {}

    def start(self, lease: Lease) -> None:
        """Gives a lease its full time, from now."""
        self.stop(lease.job_id)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.lease_s, self._time_up, lease)
        self._running[lease.job_id] = _Running(lease.token, timer.when(), timer)

    def renew(self, lease: Lease) -> None:
        """Gives a lease its full time again if it still runs."""
        running = self._running.get(lease.job_id)
        if running is not None and running.token == lease.token:
            self.start(lease)

    def stop(self, job_id: str) -> None:
        """Forgets the lease of a job."""
        running = self._running.pop(job_id, None)
        if running is not None:
            running.timer.cancel()

    def close(self) -> None:
        """Forgets all leases."""
        for job_id in list(self._running):
            self.stop(job_id)

    def _time_up(self, lease: Lease) -> None:
        running = self._running.pop(lease.job_id)
        if asyncio.get_running_loop().time() - running.due > _STOOD_STILL_S:
            self.start(lease)
        else:
            self._expired(lease)
