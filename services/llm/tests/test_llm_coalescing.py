"""The queue between an engine and its stream."""

import asyncio
from contextlib import aclosing

import pytest

from quintet_errors import DomainError, Reason
from quintet_llm.coalescing import coalesced
from quintet_llm.engine import Finished, FinishReason, TextDelta

END = Finished(FinishReason.STOP, 1, 1)


class Engine:
    """Counts what was taken from it."""

    def __init__(self, count, text="x", error=None, pause=False):
        self.taken = 0
        self.closed = False
        self._count, self._text, self._error, self._pause = count, text, error, pause

    async def run(self):
        try:
            for _ in range(self._count):
                if self._pause:
                    await asyncio.sleep(0)
                self.taken += 1
                yield TextDelta(self._text)
            if self._error:
                raise self._error
            yield END
        finally:
            self.closed = True


async def test_first_text_is_alone_and_the_rest_joined():
    items = [item async for item in coalesced(Engine(200).run())]
    assert items[0] == "x"
    assert "".join(items[:-1]) == "x" * 200
    assert items[-1] is END
    assert len(items) < 6


async def test_engine_ahead_of_its_reader_waits():
    engine = Engine(10_000)
    async with aclosing(coalesced(engine.run())) as items:
        await anext(items)
        for _ in range(2000):
            await asyncio.sleep(0)
        assert engine.taken < 300
    assert engine.closed


async def test_long_text_is_cut_into_messages():
    items = [item async for item in coalesced(Engine(1, "y" * 100_000).run())]
    assert [len(item) for item in items[:-1]] == [32_768, 32_768, 32_768, 1696]


async def test_text_before_an_error_is_not_lost():
    engine = Engine(3, error=DomainError(Reason.ENGINE_FAILED, "It failed."))
    seen = []
    with pytest.raises(DomainError):
        async for item in coalesced(engine.run()):
            seen.append(item)
    assert "".join(seen) == "xxx"


@pytest.mark.parametrize("pause", [False, True])
async def test_closing_waits_until_the_engine_has_stopped(pause):
    engine = Engine(1_000_000, pause=pause)
    items = coalesced(engine.run())
    await anext(items)
    await items.aclose()
    assert engine.closed
    assert len(asyncio.all_tasks()) == 1


async def test_cancelled_reader_stops_the_engine():
    stopped = asyncio.Event()

    async def endless():
        try:
            yield TextDelta("a")
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def read():
        async for _ in coalesced(endless()):
            started.set()

    started = asyncio.Event()
    reader = asyncio.ensure_future(read())
    await started.wait()
    reader.cancel()
    async with asyncio.timeout(1):
        await stopped.wait()
        with pytest.raises(asyncio.CancelledError):
            await reader
