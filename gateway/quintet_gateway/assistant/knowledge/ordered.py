"""Works on several things at once and keeps their order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def in_order(
    items: AsyncIterable[ItemT], work: Callable[[ItemT], Awaitable[ResultT]], width: int
) -> AsyncGenerator[ResultT, None]:
    """Yields `work` of each item in the order of the items, at most `width` at work; closing it ends those.

    Raises:
        Exception: the first failure, in the order of the items.
    """
    at_work: deque[asyncio.Future[ResultT]] = deque()
    try:
        async for item in items:
            at_work.append(asyncio.ensure_future(work(item)))
            if len(at_work) >= width:
                yield await _next(at_work)
        while at_work:
            yield await _next(at_work)
    finally:
        for future in at_work:
            future.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


async def _next(at_work: "deque[asyncio.Future[ResultT]]") -> ResultT:
    # It stays in the queue while it is awaited, so that a cancellation ends it with the rest.
    result = await at_work[0]
    at_work.popleft()
    return result
