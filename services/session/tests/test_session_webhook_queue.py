"""Claims that wait for deliveries."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from webhook_pieces import DELIVERED, FAILED, URL, claim, data_of, publish, register

from quintet_rpc.request_context import shutting_down
from quintet_session.stores.sqlite import DatabaseOptions
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.webhooks import SqliteWebhooks
from quintet_session.webhook_queue import DeliveryQueue
from quintet_session.webhook_store import Claim, Claimed, ClaimedDelivery
from quintet_testing import eventually

ONE = Claim(1, 1 << 20, 30.0)
LONG_S = 60.0


class CountedWebhooks(SqliteWebhooks):
    """Counts how often the database was asked for deliveries."""

    looks = 0

    async def claim_deliveries(self, claim: Claim) -> Claimed:
        claimed = await super().claim_deliveries(claim)
        self.looks += 1
        return claimed


@dataclass
class Line:
    store: CountedWebhooks
    queue: DeliveryQueue

    async def wait(self, count: int, wanted: Claim = ONE) -> "list[asyncio.Task[tuple[ClaimedDelivery, ...]]]":
        """Returns claims that have found nothing and wait."""
        before = self.store.looks
        waiting = [asyncio.create_task(self.queue.claim(wanted, LONG_S)) for _ in range(count)]

        async def all_have_looked() -> bool:
            return self.store.looks == before + count

        await eventually(all_have_looked)
        assert not any(task.done() for task in waiting)
        return waiting


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    shutting_down.renew()
    database = SqliteDatabase(DatabaseOptions(tmp_path, synchronous="normal"))
    await database.open()
    store = CountedWebhooks(database)
    await store.open()
    await register(store)
    queue = DeliveryQueue(store)
    await queue.start()
    yield Line(store, queue)
    await queue.close()
    await database.close()


async def arrived(task: "asyncio.Task[tuple[ClaimedDelivery, ...]]") -> list[str]:
    async with asyncio.timeout(20):
        return data_of(await task)


async def test_waiting_claims_get_distinct_deliveries(line: Line) -> None:
    waiting = await line.wait(8)
    await asyncio.gather(*(publish(line.store, f"s{number}", str(number)) for number in range(8)))
    assert sorted([(await arrived(task))[0] for task in waiting]) == [str(number) for number in range(8)]


async def test_one_event_for_many_webhooks_calls_many_waiting_claims(line: Line) -> None:
    for number in range(4):
        await register(line.store, f"{URL}/{number}")
    waiting = await line.wait(5)
    await publish(line.store, "s", "1")
    assert [await arrived(task) for task in waiting] == [["1"]] * 5
    assert len({task.result()[0].delivery.webhook.webhook_id for task in waiting}) == 5


async def test_the_next_one_of_a_session_comes_when_the_one_before_has_ended(line: Line) -> None:
    await publish(line.store, "s", "1", "2")
    (first,) = await claim(line.store)
    (waiting,) = await line.wait(1)
    await line.store.complete_delivery(first.lease, DELIVERED)
    assert await arrived(waiting) == ["2"]


async def test_a_failed_one_comes_again_after_its_pause(line: Line) -> None:
    await publish(line.store, "s", "1")
    (first,) = await claim(line.store)
    waiting = await line.wait(3)
    looks, began = line.store.looks, asyncio.get_running_loop().time()
    await line.store.complete_delivery(first.lease, FAILED)
    (got,), _ = await asyncio.wait(waiting, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    assert data_of(got.result()) == ["1"]
    assert asyncio.get_running_loop().time() - began > 0.9
    # One at the failure, one when the pause was over, and no busy loop in between.
    assert line.store.looks - looks <= 4


async def test_what_a_silent_worker_held_comes_when_its_lease_ends(line: Line) -> None:
    await publish(line.store, "s", "1")
    (held,) = await line.queue.claim(Claim(1, 1 << 20, 0.2), 0)
    (waiting,) = await line.wait(1)
    (again,) = await asyncio.wait_for(waiting, 20)
    assert again.delivery.delivery_id == held.delivery.delivery_id
    assert again.lease.token != held.lease.token


async def test_a_claim_that_waits_in_vain_asks_once_at_each_end(line: Line) -> None:
    await publish(line.store, "s", "1")
    await claim(line.store)
    before = line.store.looks
    assert await line.queue.claim(ONE, 0.5) == ()
    assert line.store.looks - before == 2


async def test_a_cancelled_claim_gives_back_what_it_was_given(line: Line) -> None:
    await publish(line.store, "s", "1")
    leaving = asyncio.create_task(line.queue.claim(ONE, LONG_S))
    staying = asyncio.create_task(line.queue.claim(ONE, LONG_S))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await arrived(staying) == ["1"]
    assert leaving.cancelled()
    (claimed,) = staying.result()
    assert claimed.delivery.attempt_count == 0
    await line.store.complete_delivery(claimed.lease, DELIVERED)


async def test_claims_that_are_cancelled_while_they_wait_leave_nothing_behind(line: Line) -> None:
    tasks = len(asyncio.all_tasks())
    leaving = await line.wait(50)
    staying = (await line.wait(1))[0]
    publishing = asyncio.create_task(publish(line.store, "s", "1"))
    for task in leaving:
        task.cancel()
    await publishing
    assert await arrived(staying) == ["1"]

    async def gone() -> bool:
        return len(asyncio.all_tasks()) == tasks

    await eventually(gone)


async def test_a_queue_that_closes_ends_all_waits(line: Line) -> None:
    waiting = await line.wait(3)
    await line.queue.close()
    assert [await arrived(task) for task in waiting] == [[], [], []]
    await publish(line.store, "s", "1")
    assert await line.queue.claim(ONE, LONG_S) == ()
