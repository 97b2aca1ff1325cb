import asyncio

import pytest

from quintet_engines import EngineSlots, IdleUnloader, Script
from quintet_errors import DomainError, Reason


async def played(script: Script, default_steps: int = 3) -> list[int]:
    return [number async for steps in script.run(default_steps) for number in steps]


async def test_script_plays_its_steps_in_bursts():
    bursts = [list(steps) async for steps in Script.parse("steps=5,burst=2").run(1)]
    assert bursts == [[0, 1], [2, 3], [4]]


async def test_empty_script_plays_the_default():
    assert await played(Script.parse("")) == [0, 1, 2]


async def test_script_fails_where_it_says():
    seen = []
    with pytest.raises(DomainError) as failure:
        async for steps in Script.parse("steps=9,error=ENGINE_FAILED,error_after=4").run(1):
            seen.extend(steps)
    assert failure.value.reason is Reason.ENGINE_FAILED
    assert seen == [0, 1, 2, 3]


def test_text_may_hold_commas_and_equal_signs():
    assert Script.parse("steps=2,text=a=1, b=2").text == "a=1, b=2"


@pytest.mark.parametrize(
    "script", ["steps=-1", "steps=x", "color=red", "error=NO", "steps=99999999999", "interval_ms=1e9"]
)
def test_bad_script_is_refused(script):
    with pytest.raises(DomainError) as failure:
        Script.parse(script)
    assert failure.value.reason is Reason.INVALID_ARGUMENT


async def test_full_engine_refuses_at_once_and_says_when_to_return():
    slots = EngineSlots(slots=1, waiting=1)
    release = asyncio.Event()

    async def work():
        async with slots.admit():
            await release.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
        tasks.create_task(work())
        while slots.waiting < 1 or slots.active < 1:
            await asyncio.sleep(0)
        with pytest.raises(DomainError) as failure:
            async with slots.admit():
                pass
        release.set()
    assert failure.value.reason is Reason.ENGINE_BUSY
    assert int(failure.value.metadata["retryAfterSeconds"]) >= 1
    assert (slots.active, slots.waiting) == (0, 0)


async def test_work_that_has_begun_waits_where_new_work_is_refused():
    slots = EngineSlots(slots=1, waiting=0)
    async with slots.admit():
        next_part = asyncio.ensure_future(slots.admit(begun=True).__aenter__())
        while not slots.waiting:
            await asyncio.sleep(0)
        with pytest.raises(DomainError):
            await slots.admit().__aenter__()
        assert not next_part.done()
    await next_part
    assert (slots.active, slots.waiting) == (1, 0)


async def test_cancelled_waiter_leaves_its_place():
    slots = EngineSlots(slots=1, waiting=1)
    async with slots.admit():
        waiter = asyncio.ensure_future(slots.admit().__aenter__())
        while not slots.waiting:
            await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert slots.waiting == 0
    async with slots.admit():
        assert slots.active == 1


async def test_model_is_unloaded_once_after_its_last_use():
    unloaded = asyncio.Event()
    count = 0

    async def unload():
        nonlocal count
        count += 1
        unloaded.set()

    idle = IdleUnloader(0.01, unload)
    with idle.in_use(), idle.in_use():
        pass
    await asyncio.wait_for(unloaded.wait(), 5)
    await idle.close()
    assert count == 1


async def test_zero_keeps_the_model():
    async def unload():
        raise AssertionError("the model must stay")

    idle = IdleUnloader(0, unload)
    with idle.in_use():
        pass
    await idle.close()
