"""What every `Store` must do with webhooks, and with deliveries that are listed, redelivered and removed."""

import asyncio

import pytest
from refusals import reason_of
from store_fixtures import Stores
from webhook_pieces import (
    CREATED,
    DELIVERED,
    ENDED,
    FAILED,
    SCOPE,
    URL,
    attempt,
    claim,
    claimed_data,
    listed,
    publish,
    register,
)

from quintet_errors import Reason
from quintet_session.store import Scope, Store
from quintet_session.webhook_store import DeliveryFilter, DeliveryState, EventRecord, NewWebhook

DAY_S = 86_400
DAY_US = DAY_S * 1_000_000


async def kill_off(stores: Stores, store: Store) -> None:
    """Lets the only delivery that is due fail until it is given up."""
    await attempt(store.webhooks, FAILED)
    stores.clock.jump(DAY_S)
    await attempt(store.webhooks, FAILED)


async def test_a_registered_webhook_is_listed_until_it_is_deleted(store: Store) -> None:
    first = await register(store.webhooks, types=(ENDED, CREATED), secret=b"sealed")
    second = await register(store.webhooks, f"{URL}/2")
    assert first.webhook_id.startswith("wh_")
    assert (first.scope, first.url, first.event_types, first.sealed_secret) == (SCOPE, URL, (ENDED, CREATED), b"sealed")
    assert await store.webhooks.list_webhooks(SCOPE) == [first, second]
    await store.webhooks.delete_webhook(SCOPE, first.webhook_id)
    assert await store.webhooks.list_webhooks(SCOPE) == [second]
    assert await reason_of(store.webhooks.delete_webhook(SCOPE, first.webhook_id)) is Reason.WEBHOOK_NOT_FOUND


async def test_the_same_url_is_replaced_and_keeps_its_id(stores: Stores) -> None:
    store = await stores.open()
    first = await register(store.webhooks, types=(CREATED, ENDED), secret=b"sealed")
    stores.clock.jump(10)
    again = await register(store.webhooks, types=(ENDED,))
    assert (again.webhook_id, again.create_us) == (first.webhook_id, first.create_us)
    assert (again.event_types, again.sealed_secret) == ((ENDED,), None)
    assert await store.webhooks.list_webhooks(SCOPE) == [again]
    await publish(store.webhooks, "s", "{}")
    assert await listed(store.webhooks) == ()


async def test_a_deleted_url_can_be_registered_again_without_its_past(store: Store) -> None:
    first = await register(store.webhooks)
    await publish(store.webhooks, "s", '{"n": 1}')
    await store.webhooks.delete_webhook(SCOPE, first.webhook_id)
    again = await register(store.webhooks)
    assert again.webhook_id != first.webhook_id
    await publish(store.webhooks, "s", '{"n": 2}')
    assert await claimed_data(store.webhooks) == ['{"n": 2}']


async def test_webhooks_of_other_scopes_do_not_exist(store: Store) -> None:
    mine = await register(store.webhooks)
    for other in (Scope("omni", "key-2"), Scope("nexus", "key-1")):
        assert await store.webhooks.list_webhooks(other) == []
        assert await reason_of(store.webhooks.delete_webhook(other, mine.webhook_id)) is Reason.WEBHOOK_NOT_FOUND
        assert (await register(store.webhooks, scope=other)).webhook_id != mine.webhook_id
        await publish(store.webhooks, "s", "{}", scope=other)
    assert {delivery.webhook.scope.owner for delivery in await listed(store.webhooks)} == {"key-1", "key-2"}
    assert mine.webhook_id not in {delivery.webhook.webhook_id for delivery in await listed(store.webhooks)}


async def test_a_full_scope_takes_no_other_url_but_replaces_its_own(store: Store) -> None:
    for number in range(3):
        await store.webhooks.register_webhook(NewWebhook(SCOPE, f"{URL}/{number}", (CREATED,), None), 3)
    one_more = NewWebhook(SCOPE, f"{URL}/3", (CREATED,), None)
    assert await reason_of(store.webhooks.register_webhook(one_more, 3)) is Reason.INVALID_ARGUMENT
    replacing = NewWebhook(SCOPE, f"{URL}/1", (ENDED,), None)
    assert (await store.webhooks.register_webhook(replacing, 3)).event_types == (ENDED,)
    first = (await store.webhooks.list_webhooks(SCOPE))[0]
    await store.webhooks.delete_webhook(SCOPE, first.webhook_id)
    await store.webhooks.register_webhook(one_more, 3)


async def test_an_event_makes_one_delivery_for_each_webhook_that_asks_for_it(store: Store) -> None:
    await register(store.webhooks, f"{URL}/1", (CREATED, ENDED))
    await register(store.webhooks, f"{URL}/2", (ENDED,))
    await register(store.webhooks, f"{URL}/3", (CREATED,))
    await publish(store.webhooks, "s", '{"n": 1}')
    deliveries = await listed(store.webhooks)
    assert [delivery.webhook.url[-1] for delivery in deliveries] == ["1", "3"]
    assert len({delivery.event_id for delivery in deliveries}) == 1
    assert len({delivery.delivery_id for delivery in deliveries}) == 2
    first = deliveries[0]
    assert (first.session_id, first.event, first.state) == (
        "s",
        EventRecord(CREATED, '{"n": 1}'),
        DeliveryState.PENDING,
    )
    assert (first.attempt_count, first.due_us, first.last_status_code, first.last_error) == (0, first.event_us, 0, "")


async def test_a_change_that_fails_leaves_no_delivery(store: Store) -> None:
    await register(store.webhooks, types=(ENDED,))
    gone = store.delete_session(SCOPE, "no-session", EventRecord(ENDED, "{}"))
    assert await reason_of(gone) is Reason.SESSION_NOT_FOUND
    assert await listed(store.webhooks) == ()
    session = await store.create_session(SCOPE, "")
    await store.delete_session(SCOPE, session.session.session_id, EventRecord(ENDED, '{"reason": "deleted"}'))
    assert [one.session_id for one in await listed(store.webhooks)] == [session.session.session_id]


async def test_deliveries_survive_a_restart_with_their_leases(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks, secret=b"sealed")
    await publish(store.webhooks, "s", "1", "2")
    (claimed,) = await claim(store.webhooks)
    store = await stores.open()
    assert await claim(store.webhooks) == ()
    await store.webhooks.complete_delivery(claimed.lease, DELIVERED)
    (following,) = await claim(store.webhooks)
    assert (following.delivery.event.data, following.delivery.webhook.sealed_secret) == ("2", b"sealed")


async def test_deleting_a_webhook_deletes_its_deliveries_only(stores: Stores) -> None:
    store = await stores.open()
    webhook = await register(store.webhooks)
    await register(store.webhooks, f"{URL}/2")
    await publish(store.webhooks, "s", *map(str, range(150)))
    held = (await claim(store.webhooks))[0]
    assert held.delivery.webhook == webhook
    await store.webhooks.delete_webhook(SCOPE, webhook.webhook_id)
    assert {one.webhook.url for one in await listed(store.webhooks)} == {f"{URL}/2"}
    assert len(await listed(store.webhooks)) == 150
    assert await reason_of(store.webhooks.complete_delivery(held.lease, DELIVERED)) is Reason.DELIVERY_NOT_FOUND


async def test_a_page_of_deliveries_goes_on_behind_the_last_one(store: Store) -> None:
    await register(store.webhooks)
    await publish(store.webhooks, "s", *map(str, range(7)))
    first = await store.webhooks.list_deliveries(DeliveryFilter(), 3, 1 << 20)
    assert [one.event.data for one in first.deliveries] == ["6", "5", "4"]
    await publish(store.webhooks, "s", "7")
    second = await store.webhooks.list_deliveries(DeliveryFilter(), 3, 1 << 20, first.next_position)
    last = await store.webhooks.list_deliveries(DeliveryFilter(), 3, 1 << 20, second.next_position)
    assert [one.event.data for one in second.deliveries + last.deliveries] == ["3", "2", "1", "0"]
    assert last.next_position is None


async def test_a_page_and_a_claim_end_where_the_data_are_enough(store: Store) -> None:
    await register(store.webhooks)
    for number in range(5):
        await publish(store.webhooks, f"s{number}", "x" * 600_000)
    page = await store.webhooks.list_deliveries(DeliveryFilter(), 10, 1 << 20)
    assert (len(page.deliveries), page.next_position is None) == (1, False)
    assert len(await claim(store.webhooks)) == 1


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (DeliveryFilter(), ["a1", "a2", "a3", "b1", "c1"]),
        (DeliveryFilter("omni"), ["a1", "a2", "a3", "b1"]),
        (DeliveryFilter("omni", "a"), ["a1", "a2", "a3"]),
        (DeliveryFilter("omni", "a", DeliveryState.DELIVERED), ["a1"]),
        (DeliveryFilter("omni", None, DeliveryState.PENDING), ["a2", "a3", "b1"]),
        (DeliveryFilter(state=DeliveryState.PENDING), ["a2", "a3", "b1", "c1"]),
        (DeliveryFilter(state=DeliveryState.DEAD), []),
        (DeliveryFilter("aegis"), []),
    ],
)
async def test_a_filter_leaves_what_it_names(store: Store, chosen: DeliveryFilter, found: list[str]) -> None:
    for surface, owner, count in (("omni", "a", 3), ("omni", "b", 1), ("sight", "c", 1)):
        scope = Scope(surface, owner)
        await register(store.webhooks, scope=scope)
        await publish(store.webhooks, "s", *(f"{owner}{number + 1}" for number in range(count)), scope=scope)
    first = (await claim(store.webhooks, 1))[0]
    await store.webhooks.complete_delivery(first.lease, DELIVERED)
    assert [one.event.data for one in await listed(store.webhooks, chosen)] == found


async def test_a_pending_delivery_cannot_be_redelivered_and_an_ended_one_can(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    (pending,) = await listed(store.webhooks)
    everything = DeliveryFilter()
    refusal = await reason_of(store.webhooks.redeliver(pending.delivery_id, everything))
    assert refusal is Reason.INVALID_ARGUMENT
    await attempt(store.webhooks, DELIVERED)
    assert await claim(store.webhooks) == ()
    await store.webhooks.redeliver(pending.delivery_id, everything)
    (again,) = await claim(store.webhooks)
    assert (again.delivery.event_id, again.delivery.attempt_count) == (pending.event_id, 1)
    for chosen in (DeliveryFilter("omni", "other"), DeliveryFilter("sight")):
        refusal = await reason_of(store.webhooks.redeliver(pending.delivery_id, chosen))
        assert refusal is Reason.DELIVERY_NOT_FOUND
    assert await reason_of(store.webhooks.redeliver("dlv_none", everything)) is Reason.DELIVERY_NOT_FOUND


async def test_a_dead_delivery_gets_a_new_day(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    await kill_off(stores, store)
    (dead,) = await listed(store.webhooks)
    assert (dead.state, dead.due_us, dead.last_error) == (DeliveryState.DEAD, None, FAILED.error)
    await store.webhooks.redeliver(dead.delivery_id, DeliveryFilter())
    stores.clock.jump(DAY_S - 100)
    await attempt(store.webhooks, FAILED)
    (pending,) = await listed(store.webhooks)
    assert pending.state is DeliveryState.PENDING
    assert pending.due_us == stores.clock.now_us + 1_000_000
    assert pending.attempt_count == 3


async def fail_all(store: Store) -> None:
    while claimed := await claim(store.webhooks):
        await asyncio.gather(*(store.webhooks.complete_delivery(one.lease, FAILED) for one in claimed))


async def test_all_dead_ones_of_a_filter_are_redelivered(stores: Stores) -> None:
    store = await stores.open()
    other = Scope("omni", "other")
    for scope, count in ((SCOPE, 205), (other, 1)):
        await register(store.webhooks, scope=scope)
        await asyncio.gather(*(publish(store.webhooks, "", "{}", scope=scope) for _ in range(count)))
    stores.clock.jump(DAY_S)
    await fail_all(store)
    assert {one.state for one in await listed(store.webhooks)} == {DeliveryState.DEAD}
    chosen = DeliveryFilter("omni", SCOPE.owner)
    assert await store.webhooks.redeliver_dead(chosen) == 205
    assert await store.webhooks.redeliver_dead(chosen) == 0
    (dead,) = await listed(store.webhooks, DeliveryFilter(state=DeliveryState.DEAD))
    assert dead.webhook.scope == other
    assert await store.webhooks.redeliver_dead(DeliveryFilter()) == 1


async def test_dead_ones_come_again_in_the_order_of_their_session(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1", "2", "3")
    stores.clock.jump(DAY_S)
    await fail_all(store)
    await publish(store.webhooks, "s", "4")
    assert await store.webhooks.redeliver_dead(DeliveryFilter()) == 3
    order = []
    while claimed := await claim(store.webhooks):
        (one,) = claimed
        order.append(one.delivery.event.data)
        await store.webhooks.complete_delivery(one.lease, DELIVERED)
    assert order == ["1", "2", "3", "4"]


async def test_a_redelivered_one_waits_for_the_attempt_at_a_later_one_and_comes_before_it_then(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1", "2", "3")
    await attempt(store.webhooks, DELIVERED)
    first = (await listed(store.webhooks))[0]
    (second,) = await claim(store.webhooks)
    await store.webhooks.redeliver(first.delivery_id, DeliveryFilter())
    assert await claim(store.webhooks) == ()
    await store.webhooks.complete_delivery(second.lease, FAILED)
    for _ in range(3):
        stores.clock.jump(1)
        await attempt(store.webhooks, DELIVERED)
    # The same with a worker that fell silent.
    await publish(store.webhooks, "s", "4")
    (silent,) = await claim(store.webhooks)
    await store.webhooks.redeliver(first.delivery_id, DeliveryFilter())
    stores.clock.jump(31)
    assert await claimed_data(store.webhooks) + await claimed_data(store.webhooks) == ["1"]
    assert await reason_of(store.webhooks.complete_delivery(silent.lease, DELIVERED)) is Reason.LEASE_LOST


async def test_what_has_ended_is_removed_when_its_time_has_passed(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "delivered", "1")
    await attempt(store.webhooks, DELIVERED)
    await publish(store.webhooks, "dead", "2")
    await kill_off(stores, store)
    await publish(store.webhooks, "pending", "3")
    now_us = stores.clock.now_us

    async def purge(delivered_before_us: int, dead_before_us: int) -> list[str]:
        while await store.webhooks.purge_step(delivered_before_us, dead_before_us):
            pass
        return [one.session_id for one in await listed(store.webhooks)]

    assert await purge(now_us - DAY_US, now_us) == ["delivered", "dead", "pending"]
    assert await purge(now_us, now_us) == ["dead", "pending"]
    assert await purge(now_us + 1, now_us + 1) == ["pending"]
    assert await claimed_data(store.webhooks) == ["3"]
