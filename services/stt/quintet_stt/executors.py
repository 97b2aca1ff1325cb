"""Work on executors whose end is waited for, whatever becomes of the caller."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


def _nothing() -> None:
    pass


async def run_to_end(
    executor: Executor, work: Callable[[], ResultT], abandoned: Callable[[], None] = _nothing
) -> ResultT:
    """Runs `work`; a cancelled caller leaves when it has ended, or at once if it has not begun.

    Whoever sees the caller gone may so count the executor as free. `abandoned` is called when nobody needs the result
    any more, and may shorten the work.
    """
    job = executor.submit(work)
    future = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        job.cancel()
        abandoned()
        await _until_done(future)
        raise


async def _until_done(future: "asyncio.Future[Any]") -> None:
    while not future.done():
        # A second cancellation changes nothing: the first one is under way already, behind this wait.
        with suppress(asyncio.CancelledError):
            await asyncio.wait({future})
    if not future.cancelled():
        # Looked at, so that asyncio does not report an error that nobody waited for.
        future.exception()
