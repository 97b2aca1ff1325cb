"""Removes jobs, sessions, usage records and deliveries of events whose time has passed."""

import asyncio
import time

from quintet_errors import DomainError
from quintet_observability import get_logger
from quintet_session.store import Store

_log = get_logger(__name__)


class Retention:
    """Looks every `interval_s` seconds for what nobody needs, and removes it a little at a time."""

    def __init__(
        self,
        store: Store,
        *,
        keep_s: float,
        keep_usage_s: float,
        keep_delivered_s: float,
        keep_dead_s: float,
        interval_s: float,
    ) -> None:
        self._store = store
        self._keep_s = keep_s
        self._keep_usage_s = keep_usage_s
        self._keep_delivered_s = keep_delivered_s
        self._keep_dead_s = keep_dead_s
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stops."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def purge(self) -> None:
        """Removes everything that nobody needs now."""
        now_s = time.time()
        # One small transaction after the other, so that no writer waits long behind them.
        while await self._store.purge_step(int((now_s - self._keep_s) * 1e6)):
            pass
        while await self._store.usage.purge_step(int((now_s - self._keep_usage_s) * 1e6)):
            pass
        while await self._store.webhooks.purge_step(
            int((now_s - self._keep_delivered_s) * 1e6), int((now_s - self._keep_dead_s) * 1e6)
        ):
            pass

    async def _run(self) -> None:
        while True:
            try:
                await self.purge()
            except DomainError as error:
                _log.warning("purge_failed", reason=error.reason.value)
            await asyncio.sleep(self._interval_s)
