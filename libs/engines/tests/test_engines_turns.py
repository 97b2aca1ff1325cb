import asyncio

from quintet_engines import Turns


async def test_least_served_is_next_and_first_come_among_equals():
    turns = Turns()
    await turns.take(0)
    order = []

    async def work(name, served_s):
        await turns.take(served_s)
        order.append(name)
        turns.end()

    async with asyncio.TaskGroup() as tasks:
        for name, served_s in (("long", 60), ("first new", 0), ("middle", 5), ("second new", 0)):
            tasks.create_task(work(name, served_s))
        await asyncio.sleep(0)
        turns.end()
    assert order == ["first new", "second new", "middle", "long"]


async def test_only_one_has_the_turn():
    turns = Turns()
    inside = []

    async def work():
        await turns.take(0)
        inside.append(1)
        assert len(inside) == 1
        await asyncio.sleep(0)
        inside.pop()
        turns.end()

    await asyncio.gather(*(work() for _ in range(50)))


async def test_cancelled_ones_lose_no_turn():
    turns = Turns()
    await turns.take(0)
    waiters = [asyncio.create_task(turns.take(0)) for _ in range(4)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    await asyncio.sleep(0)
    turns.end()
    # By now the turn is on its way to the second one.
    waiters[1].cancel()
    waiters[2].cancel()
    await asyncio.wait_for(waiters[3], 1)
    assert all(waiter.cancelled() for waiter in waiters[:3])
