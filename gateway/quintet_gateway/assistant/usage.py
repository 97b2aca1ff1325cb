"""What calls of models cost: keeps a record of each, and sums them up."""

import asyncio
from collections import deque
from collections.abc import Sequence

from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

from quintet.usage.v1.usage_service_pb2 import (
    ListUsageRequest,
    SummarizeUsageRequest,
    UsageFilter,
    UsageRecord,
    UsageSummary,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.clients.usage import UsageClient
from quintet_observability import get_logger, metrics
from quintet_rpc.calls import is_transient

_log = get_logger(__name__)

_CAPACITY = 10_000
_BATCH = 100
_LARGEST_PAGE = 1000


class Usage:
    """Stores records behind the requests that made them, and reads them back.

    At most `capacity` records wait while the session service is away; those that come then are dropped and counted.
    """

    def __init__(self, client: UsageClient, capacity: int = _CAPACITY) -> None:
        self._client = client
        self._capacity = capacity
        self._waiting: deque[UsageRecord] = deque()
        self._storing: asyncio.Task[None] | None = None

    def record(self, record: UsageRecord) -> None:
        """Takes a record at once; it is stored in the background."""
        if len(self._waiting) >= self._capacity:
            _drop(1, "full")
            return
        self._waiting.append(record)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store())

    async def summarize(
        self, of: UsageFilter, dimensions: Sequence[SummarizeUsageRequest.Dimension.ValueType] = ()
    ) -> list[UsageSummary]:
        """Returns sums by `dimensions`, the group with the most calls first; without dimensions the total.

        Raises:
            DomainError: if the session service fails.
        """
        return list(await self._client.summarize(SummarizeUsageRequest(filter=of, dimensions=dimensions)))

    async def recent(self, of: UsageFilter, limit: int) -> list[UsageRecord]:
        """Returns the newest records, at most `limit`.

        Raises:
            DomainError: if the session service fails.
        """
        records: list[UsageRecord] = []
        request = ListUsageRequest(filter=of)
        while len(records) < limit:
            request.page_size = min(limit - len(records), _LARGEST_PAGE)
            page = await self._client.list_page(request)
            records.extend(page.records)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        return records[:limit]

    async def close(self, limit_s: float) -> None:
        """Stores what waits, for at most `limit_s` seconds; what is left then is dropped and counted."""
        if self._storing is None or self._storing.done():
            return
        await asyncio.wait({self._storing}, timeout=limit_s)
        self._storing.cancel()
        await asyncio.gather(self._storing, return_exceptions=True)
        if self._waiting:
            _drop(len(self._waiting), "closed")
            _log.warning("usage_lost", records=len(self._waiting))
            self._waiting.clear()

    async def _store(self) -> None:
        while self._waiting:
            batch = [self._waiting[index] for index in range(min(_BATCH, len(self._waiting)))]
            await self._store_batch(batch)
            # Only now, so that what could not be stored before the end is counted as lost.
            for _ in batch:
                self._waiting.popleft()

    async def _store_batch(self, batch: list[UsageRecord]) -> None:
        try:
            # Their ids make repeating safe.
            await _retrying()(self._client.record, batch)
        except DomainError as error:
            if len(batch) == 1:
                _drop(1, "refused")
                _log.error("usage_refused", reason=error.reason.value)
                return
            # One bad record must not take the others with it.
            for record in batch:
                await self._store_batch([record])


def _retrying() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(_is_away), wait=wait_exponential_jitter(multiplier=0.2, max=5.0, jitter=0.2)
    )


def _is_away(error: BaseException) -> bool:
    return isinstance(error, DomainError) and (is_transient(error) or error.reason is Reason.DEADLINE_EXCEEDED)


def _drop(count: int, why: str) -> None:
    metrics.USAGE_DROPPED.labels(why).inc(count)
