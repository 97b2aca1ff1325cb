"""The hub of one process."""

import asyncio

import pytest

from quintet_gateway.assistant import LocalEventHub, SlowReaderError


async def test_events_reach_all_listeners_of_a_topic_in_order():
    hub = LocalEventHub()
    with hub.subscribe("a") as one, hub.subscribe("a") as two, hub.subscribe("b") as other:
        for number in range(3):
            await hub.publish("a", f"e{number}")
        await hub.publish("b", "else")
        assert [await one.next() for _ in range(3)] == ["e0", "e1", "e2"]
        assert [await two.next() for _ in range(3)] == ["e0", "e1", "e2"]
        assert await other.next() == "else"


async def test_event_spares_the_one_who_caused_it():
    hub = LocalEventHub()
    with hub.subscribe("a") as one, hub.subscribe("a") as two:
        assert one.id != two.id
        await hub.publish("a", "first", except_id=one.id)
        await hub.publish("a", "second")
        assert await one.next() == "second"
        assert await two.next() == "first"


async def test_event_for_one_alone_comes_behind_the_earlier_ones():
    hub = LocalEventHub()
    with hub.subscribe("a") as one, hub.subscribe("a") as two:
        await hub.publish("a", "all")
        one.offer("mine")
        await hub.publish("a", "end")
        assert [await one.next() for _ in range(3)] == ["all", "mine", "end"]
        assert [await two.next() for _ in range(2)] == ["all", "end"]


async def test_listener_that_waits_is_woken_and_one_that_left_hears_nothing():
    hub = LocalEventHub()
    with hub.subscribe("a") as listener:
        waiting = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        await hub.publish("a", "x")
        assert await waiting == "x"
    await hub.publish("a", "y")
    assert not hub._listeners


@pytest.mark.parametrize(("event", "fit"), [("x", 256), ("x" * (600 << 10), 1), ("\u0939" * (100 << 10), 3)])
async def test_slow_reader_loses_all_and_holds_up_nobody(event, fit):
    hub = LocalEventHub()
    with hub.subscribe("a") as slow, hub.subscribe("a") as quick:
        for _ in range(fit):
            await hub.publish("a", event)
            assert await quick.next() == event
        await hub.publish("a", event)
        assert await quick.next() == event
        await hub.publish("a", "later")
        assert await quick.next() == "later"
        with pytest.raises(SlowReaderError):
            await slow.next()


async def test_queue_that_is_just_full_loses_nothing():
    hub = LocalEventHub()
    with hub.subscribe("a") as listener:
        for number in range(256):
            await hub.publish("a", f"{number}")
        assert [await listener.next() for _ in range(256)] == [f"{number}" for number in range(256)]


async def test_event_larger_than_the_queue_reaches_a_reader_who_waits():
    hub = LocalEventHub()
    with hub.subscribe("a") as listener:
        await hub.publish("a", "x" * (2 << 20))
        assert len(await listener.next()) == 2 << 20
