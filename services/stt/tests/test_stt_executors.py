"""Work on executors is waited for, also by callers who no longer want it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from quintet_stt.executors import run_to_end


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_result_and_error_come_back(executor):
    assert await run_to_end(executor, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await run_to_end(executor, lambda: 1 // 0)


async def test_cancelled_caller_leaves_when_the_work_has_ended(executor):
    begun, let_go, abandoned = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert let_go.wait(10)

    calling = asyncio.ensure_future(run_to_end(executor, work, abandoned.set))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        calling.cancel()
        await asyncio.wait({calling}, timeout=0.02)
        assert not calling.done()
    assert abandoned.is_set()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await calling


async def test_work_that_has_not_begun_never_does(executor):
    begun, let_go, late = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        assert let_go.wait(10)

    working = asyncio.ensure_future(run_to_end(executor, first))
    await asyncio.to_thread(begun.wait, 10)
    calling = asyncio.ensure_future(run_to_end(executor, late.set))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(calling, 5)
    let_go.set()
    await working
    await run_to_end(executor, lambda: None)
    assert not late.is_set()
