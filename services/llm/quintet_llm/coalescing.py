"""Joins the text that is ready into one message, with a bounded queue between the engine and the stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet_llm.engine import ChatEvent, Finished, TextDelta

_MOST_QUEUED = 256
"""Deltas; an engine that is further ahead of a slow reader waits."""
_LONGEST_MESSAGE = 32_768
"""In characters; a longer text is sent in several messages."""


async def coalesced(events: AsyncGenerator[ChatEvent, None]) -> AsyncGenerator[str | Finished, None]:
    """Yields the first text at once, then whatever came up meanwhile as one text, at last the end.

    Closing it stops the engine and waits until it has stopped.

    Raises:
        DomainError: whatever the engine failed with, after the text before it.
    """
    queue: asyncio.Queue[ChatEvent | None] = asyncio.Queue(_MOST_QUEUED)
    pump = asyncio.create_task(_pump(events, queue))
    try:
        async for item in _drained(queue):
            yield item
        await pump
    finally:
        pump.cancel()
        await asyncio.wait({pump})


async def _pump(events: AsyncGenerator[ChatEvent, None], queue: asyncio.Queue[ChatEvent | None]) -> None:
    try:
        async with aclosing(events):
            first = True
            async for event in events:
                await queue.put(event)
                if first:
                    # An engine that never waits would otherwise fill the queue before its first text leaves.
                    first = False
                    await asyncio.sleep(0)
    finally:
        # A full queue means that the reader comes back; a cancelled pump has no reader.
        if not asyncio.current_task().cancelling():  # type: ignore[union-attr]
            await queue.put(None)


async def _drained(queue: asyncio.Queue[ChatEvent | None]) -> AsyncGenerator[str | Finished, None]:
    while True:
        ready = [await queue.get()]
        while not queue.empty():
            ready.append(queue.get_nowait())
        text = "".join(event.text for event in ready if isinstance(event, TextDelta))
        for start in range(0, len(text), _LONGEST_MESSAGE):
            yield text[start : start + _LONGEST_MESSAGE]
        last = ready[-1]
        for event in ready:
            if isinstance(event, Finished):
                yield event
        if last is None:
            return
