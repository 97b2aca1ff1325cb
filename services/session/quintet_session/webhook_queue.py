"""Hands deliveries to workers, which wait for what becomes due."""

import asyncio

from quintet_errors import DomainError
from quintet_observability import get_logger
from quintet_rpc.request_context import shutting_down
from quintet_session.claim_line import ClaimLine
from quintet_session.kept_tasks import KeptTasks
from quintet_session.webhook_store import Claim, Claimed, ClaimedDelivery, WebhookStore

_log = get_logger(__name__)

# Less would be a busy loop where a clock is coarse.
_SHORTEST_PAUSE_S = 0.001


class DeliveryQueue:
    """Lets claims wait without asking the database again and again.

    A waiting worker looks when the store tells of a change, and when the next delivery becomes due or a lease ends,
    for which there is one timer, however many workers wait.
    """

    def __init__(self, store: WebhookStore) -> None:
        self._store = store
        self._line = ClaimLine()
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks = KeptTasks()
        self._closing = False
        store.on_notify(self._line.call_next)

    async def start(self) -> None:
        """Lets waits end when the process is asked to stop."""
        self._tasks.start(self._release_waiters())

    async def close(self) -> None:
        """Ends all waits; deliveries stay as they are."""
        self._end_waits()
        self._set_alarm(None)
        await self._tasks.close()

    async def claim(self, wanted: Claim, wait_s: float) -> tuple[ClaimedDelivery, ...]:
        """Leases what is due, or waits for something for at most `wait_s` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while not self._closing:
            with self._line.join() as turn:
                claimed = await self._claim_now(wanted)
                left_s = deadline - loop.time()
                if claimed or left_s <= 0:
                    return claimed
                await turn.wait(left_s)
        return ()

    async def give_back(self, deliveries: tuple[ClaimedDelivery, ...]) -> None:
        """Undoes claims whose caller has gone."""
        if deliveries:
            await self._store.release_deliveries([claimed.lease for claimed in deliveries])

    async def _claim_now(self, wanted: Claim) -> tuple[ClaimedDelivery, ...]:
        claiming = self._tasks.start(self._store.claim_deliveries(wanted))
        try:
            claimed: Claimed = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The store may be giving deliveries away in this moment, to a caller that is no longer there.
            self._tasks.start(self._undo(claiming))
            raise
        self._set_alarm(claimed.next_due_s)
        return claimed.deliveries

    async def _undo(self, claiming: "asyncio.Task[Claimed]") -> None:
        claimed = await claiming
        self._set_alarm(claimed.next_due_s)
        try:
            await self.give_back(claimed.deliveries)
        except DomainError as error:
            # They come back when their leases end.
            _log.warning("deliveries_not_given_back", count=len(claimed.deliveries), reason=error.reason.value)

    def _set_alarm(self, due_s: float | None) -> None:
        """Calls a worker in `due_s` seconds: the latest look knows best what is due next."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due_s is not None and not self._closing:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(max(due_s, _SHORTEST_PAUSE_S), self._line.call_next)

    async def _release_waiters(self) -> None:
        await shutting_down.wait()
        self._end_waits()

    def _end_waits(self) -> None:
        self._closing = True
        self._line.call_all()
