"""Allowances over sliding or fixed windows, counted by the library `limits`."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

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

    @property
    def countdown_headers(self) -> Mapping[str, str]:
        """The headers of surfaces that tell the seconds until the reset, and not its time."""
        left_s = max(0, self.reset_epoch_s - math.ceil(time.time()))
        return {"X-RateLimit-Remaining": str(self.remaining), "X-RateLimit-Reset": str(left_s)}


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


class MovingLimiter:
    """Counts the requests of each key in exactly the window that ends now, in memory: for few requests a window."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._strategy = MovingWindowRateLimiter(MemoryStorage())

    async def spend(self, key: str) -> Standing:
        """Spends one request and returns what is left.

        Raises:
            RateLimitedError: if the allowance is used up, until the first request of the window is past.
        """
        item, name = self._allowance.item, self._allowance.name
        spent = await self._strategy.hit(item, name, key)
        stats = await self._strategy.get_window_stats(item, name, key)
        standing = Standing(item.amount, stats.remaining if spent else 0, math.ceil(stats.reset_time))
        if spent:
            return standing
        retry_after_s = min(item.get_expiry(), max(1, math.ceil(stats.reset_time - time.time())))
        raise RateLimitedError(self._allowance, standing, retry_after_s)


class WindowLimiter:
    """Counts requests of each key in fixed windows, each of which begins with its first request, in memory.

    A key that goes beyond its allowance is closed for `closed_s` seconds, whatever is left of the window.
    """

    def __init__(self, allowance: Allowance, closed_s: int) -> None:
        self._allowance = allowance
        self._strategy = FixedWindowRateLimiter(MemoryStorage())
        self._closing = RateLimitItemPerSecond(1, closed_s)

    async def spend(self, key: str) -> Standing:
        """Spends one request and returns what is left.

        Raises:
            RateLimitedError: if the allowance is used up, or was and the key is still closed.
        """
        item, name = self._allowance.item, self._allowance.name
        if not await self._strategy.test(self._closing, self._closed, key):
            raise await self._refusal(key)
        if not await self._strategy.hit(item, name, key):
            await self._strategy.hit(self._closing, self._closed, key)
            raise await self._refusal(key)
        stats = await self._strategy.get_window_stats(item, name, key)
        return Standing(item.amount, stats.remaining, math.ceil(stats.reset_time))

    @property
    def _closed(self) -> str:
        return f"{self._allowance.name}:closed"

    async def _refusal(self, key: str) -> RateLimitedError:
        opens = (await self._strategy.get_window_stats(self._closing, self._closed, key)).reset_time
        standing = Standing(self._allowance.item.amount, 0, math.ceil(opens))
        return RateLimitedError(self._allowance, standing, max(1, math.ceil(opens - time.time())))
