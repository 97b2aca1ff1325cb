"""Allowances over sliding windows, counted by the library `limits`."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from quintet_gateway.http.failures import FailureKind, HttpError


@dataclass(frozen=True)
class Allowance:
    """So many requests in a window; aliases of a path share one by sharing its `name`."""

    name: str
    item: RateLimitItem

    @property
    def sentence(self) -> str:
        """The limit in words, for example `10 requests per minute`."""
        per = self.item.GRANULARITY.name if self.item.multiples == 1 else f"{self.item.get_expiry()} seconds"
        return f"{self.item.amount} requests per {per}"


@dataclass(frozen=True)
class Standing:
    """How much of an allowance is left; `reset_epoch_s` is when more of it becomes free."""

    limit: int
    remaining: int
    reset_epoch_s: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that tell a client."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_epoch_s),
        }


class RateLimitedError(HttpError):
    """A request beyond an allowance; `retry_after_s` is when it would be let in."""

    def __init__(self, allowance: Allowance, standing: Standing, retry_after_s: int) -> None:
        super().__init__(
            FailureKind.RATE_LIMITED,
            f"More than {allowance.sentence}.",
            {"limit": allowance.sentence, "retryAfterSeconds": retry_after_s},
            {"Retry-After": str(retry_after_s)},
        )
        self.standing = standing
        self.retry_after_s = retry_after_s


class RateLimiter:
    """Counts requests of each key against allowances, in memory."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._strategy = SlidingWindowCounterRateLimiter(self._storage)

    async def spend(self, allowances: Sequence[Allowance], key: str) -> Standing:
        """Spends one request of every allowance, or of none, and returns the standing of the last one.

        Raises:
            RateLimitedError: for the first allowance that is used up.
        """
        for allowance in allowances:
            await self.check(allowance, key)
        for allowance in allowances:
            if not await self._strategy.hit(allowance.item, allowance.name, key):
                raise await self._refusal(allowance, key)
        return await self._standing(allowances[-1], key)

    async def check(self, allowance: Allowance, key: str) -> None:
        """Spends nothing.

        Raises:
            RateLimitedError: if the allowance is used up.
        """
        if not await self._strategy.test(allowance.item, allowance.name, key):
            raise await self._refusal(allowance, key)

    async def forgive(self, allowance: Allowance, key: str) -> None:
        """Gives the whole of an allowance back."""
        await self._strategy.clear(allowance.item, allowance.name, key)

    async def _standing(self, allowance: Allowance, key: str) -> Standing:
        stats = await self._strategy.get_window_stats(allowance.item, allowance.name, key)
        return Standing(allowance.item.amount, stats.remaining, math.ceil(stats.reset_time))

    async def _refusal(self, allowance: Allowance, key: str) -> RateLimitedError:
        # Exactly at the end of the wait the count is still at the limit.
        retry_after_s = math.floor(await self._wait_s(allowance, key)) + 1
        standing = Standing(allowance.item.amount, 0, math.ceil(time.time()) + retry_after_s)
        return RateLimitedError(allowance, standing, retry_after_s)

    async def _wait_s(self, allowance: Allowance, key: str) -> float:
        """Returns the seconds until one more request fits.

        The count is what this window holds plus the part of the last window that still overlaps a sliding one.
        """
        window, limit = allowance.item.get_expiry(), allowance.item.amount
        counts = await self._storage.get_sliding_window(allowance.item.key_for(allowance.name, key), window)
        previous, previous_left_s, current, current_ttl_s = counts
        # The library takes the floor of the weighted sum: it has to fall below the limit, not to the limit minus one.
        if previous and current < limit:
            return max(0.0, previous_left_s - (limit - current) * window / previous)
        next_window_in_s = current_ttl_s - window
        return next_window_in_s + max(0.0, window - limit * window / max(current, 1))
