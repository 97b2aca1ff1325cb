"""What every `Store` must do with deliveries that are handed out: their order, their pauses, and clocks that jump."""

import asyncio

import pytest
from refusals import reason_of
from store_fixtures import Stores
from webhook_pieces import (
    CREATED,
    DELIVERED,
    FAILED,
    SCOPE,
    URL,
    attempt,
    claim,
    claimed_data,
    data_of,
    listed,
    publish,
    register,
)

from quintet_errors import Reason
from quintet_session.store import Store
from quintet_session.webhook_store import AttemptOutcome, Claim, DeliveryLease, DeliveryState, EventRecord

PAUSES_S = (1, 5, 25, 125, 625, 3600, 3600)
HOUR_S = 3600.0


async def next_due_s(store: Store) -> float | None:
    return (await store.webhooks.claim_deliveries(Claim(1, 1 << 20, 30.0))).next_due_s


async def test_one_delivery_of_a_session_is_handed_out_at_a_time_and_in_order(store: Store) -> None:
    await register(store.webhooks)
    await publish(store.webhooks, "a", "a1", "a2", "a3")
    await publish(store.webhooks, "b", "b1", "b2")
    claimed = await claim(store.webhooks)
    assert data_of(claimed) == ["a1", "b1"]
    assert await claim(store.webhooks) == ()
    await store.webhooks.complete_delivery(claimed[1].lease, DELIVERED)
    assert await claimed_data(store.webhooks) == ["b2"]
    await store.webhooks.complete_delivery(claimed[0].lease, FAILED)
    assert await claim(store.webhooks) == ()


async def test_a_failing_webhook_holds_up_no_other_one(store: Store) -> None:
    await register(store.webhooks, f"{URL}/1")
    await register(store.webhooks, f"{URL}/2")
    await publish(store.webhooks, "s", "1", "2")
    for one in await claim(store.webhooks):
        await store.webhooks.complete_delivery(one.lease, FAILED if one.delivery.webhook.url[-1] == "1" else DELIVERED)
    (following,) = await claim(store.webhooks)
    assert (following.delivery.webhook.url[-1], following.delivery.event.data) == ("2", "2")


async def test_deliveries_without_a_session_wait_for_none(store: Store) -> None:
    await register(store.webhooks)
    await publish(store.webhooks, "", "1", "2", "3")
    assert await claimed_data(store.webhooks, 2) == ["1", "2"]
    assert await claimed_data(store.webhooks) == ["3"]


async def test_the_earliest_due_comes_first(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "a", "a")
    await attempt(store.webhooks, FAILED)
    await publish(store.webhooks, "b", "b")
    stores.clock.jump(1)
    await publish(store.webhooks, "c", "c")
    assert [await claimed_data(store.webhooks, 1) for _ in range(3)] == [["b"], ["a"], ["c"]]


async def test_claims_at_once_get_distinct_deliveries(store: Store) -> None:
    await register(store.webhooks)
    for number in range(40):
        await publish(store.webhooks, f"s{number}", str(number))
    claims = await asyncio.gather(*(claim(store.webhooks, 3) for _ in range(20)))
    handed = [one for claimed in claims for one in claimed]
    assert sorted(map(int, data_of(handed))) == list(range(40))
    assert len({one.lease.token for one in handed}) == 40


async def test_pauses_grow_to_an_hour_until_a_day_is_over(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1", "2")
    began_us = stores.clock.now_us
    for count, pause_s in enumerate(PAUSES_S, 1):
        await attempt(store.webhooks, FAILED)
        (first, second) = await listed(store.webhooks)
        assert first.due_us == stores.clock.now_us + pause_s * 1_000_000
        assert (first.attempt_count, first.last_status_code, first.last_error) == (count, 500, FAILED.error)
        assert (second.state, second.due_us) == (DeliveryState.PENDING, None)
        stores.clock.jump(pause_s - 0.001)
        assert await claim(store.webhooks) == ()
        stores.clock.jump(0.001)
    while (first := (await listed(store.webhooks))[0]).state is DeliveryState.PENDING:
        assert first.due_us is not None
        stores.clock.jump((first.due_us - stores.clock.now_us) / 1e6)
        await attempt(store.webhooks, FAILED)
    assert stores.clock.now_us == began_us + 24 * 3600 * 1_000_000
    assert (first.state, first.attempt_count, first.due_us) == (DeliveryState.DEAD, 30, None)
    # What waited behind it has its turn, although its day is over too.
    (second,) = await claim(store.webhooks)
    assert second.delivery.event.data == "2"
    await store.webhooks.complete_delivery(second.lease, FAILED)
    assert {one.state for one in await listed(store.webhooks)} == {DeliveryState.DEAD}


async def test_a_success_after_failures_forgets_the_error(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    await attempt(store.webhooks, FAILED)
    stores.clock.jump(1)
    await attempt(store.webhooks, DELIVERED)
    (ended,) = await listed(store.webhooks)
    assert (ended.state, ended.attempt_count) == (DeliveryState.DELIVERED, 2)
    assert (ended.last_status_code, ended.last_error, ended.due_us) == (200, "", None)


async def test_the_next_attempt_uses_what_was_registered_last(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks, secret=b"old")
    await publish(store.webhooks, "s", "1")
    await attempt(store.webhooks, FAILED)
    await register(store.webhooks, secret=b"new")
    stores.clock.jump(1)
    (again,) = await claim(store.webhooks)
    assert again.delivery.webhook.sealed_secret == b"new"


async def test_an_expired_lease_is_handed_out_again_and_the_old_token_is_lost(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    (old,) = await claim(store.webhooks, lease_s=30)
    assert await next_due_s(store) == 30
    stores.clock.jump(29.9)
    assert await claim(store.webhooks) == ()
    stores.clock.jump(0.1)
    (new,) = await claim(store.webhooks)
    assert new.delivery.delivery_id == old.delivery.delivery_id
    assert await reason_of(store.webhooks.complete_delivery(old.lease, DELIVERED)) is Reason.LEASE_LOST
    await store.webhooks.complete_delivery(new.lease, DELIVERED)
    assert (await listed(store.webhooks))[0].state is DeliveryState.DELIVERED


async def test_an_expired_lease_that_nobody_took_over_still_counts(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    (late,) = await claim(store.webhooks)
    stores.clock.jump(60)
    await store.webhooks.complete_delivery(late.lease, DELIVERED)
    assert await claim(store.webhooks) == ()


@pytest.mark.parametrize("outcome", [DELIVERED, FAILED])
async def test_repeating_a_completion_changes_nothing(store: Store, outcome: AttemptOutcome) -> None:
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    (claimed,) = await claim(store.webhooks)
    await store.webhooks.complete_delivery(claimed.lease, outcome)
    ended = await listed(store.webhooks)
    for repeated in (DELIVERED, FAILED):
        await store.webhooks.complete_delivery(claimed.lease, repeated)
    assert await listed(store.webhooks) == ended


async def test_a_token_that_was_never_given_out_ends_nothing(store: Store) -> None:
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1")
    (pending,) = await listed(store.webhooks)
    for _ in range(2):
        forged = DeliveryLease(pending.delivery_id, "forged")
        assert await reason_of(store.webhooks.complete_delivery(forged, DELIVERED)) is Reason.LEASE_LOST
        await claim(store.webhooks)
    unknown = DeliveryLease("dlv_none", "forged")
    assert await reason_of(store.webhooks.complete_delivery(unknown, DELIVERED)) is Reason.DELIVERY_NOT_FOUND


async def test_a_released_claim_is_as_if_it_had_never_been(store: Store) -> None:
    await register(store.webhooks)
    await publish(store.webhooks, "s", "1", "2")
    (gone,) = await claim(store.webhooks)
    await store.webhooks.release_deliveries([gone.lease, DeliveryLease("dlv_none", "x")])
    (again,) = await claim(store.webhooks)
    assert (again.delivery.event.data, again.delivery.attempt_count) == ("1", 0)
    await store.webhooks.release_deliveries([gone.lease])
    assert await claim(store.webhooks) == ()


async def test_a_clock_that_is_set_back_an_hour_makes_no_pause_longer(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "failed", "failed")
    await attempt(store.webhooks, FAILED)
    await publish(store.webhooks, "leased", "leased")
    (leased,) = await claim(store.webhooks)
    await publish(store.webhooks, "new", "new")
    stores.clock.step(-HOUR_S)
    assert await claimed_data(store.webhooks, 1) == ["new"]
    stores.clock.jump(0.999)
    assert await claim(store.webhooks) == ()
    stores.clock.jump(0.001)
    assert await claimed_data(store.webhooks) == ["failed"]
    stores.clock.jump(28)
    assert await claim(store.webhooks) == ()
    stores.clock.jump(2)
    assert await claimed_data(store.webhooks, 1) == [leased.delivery.event.data]


async def test_a_clock_that_is_set_back_while_no_process_runs_makes_no_pause_longer(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "failed", "failed")
    await attempt(store.webhooks, FAILED)
    await publish(store.webhooks, "new", "new")
    stores.clock.step(-HOUR_S)
    store = await stores.open()
    assert await claimed_data(store.webhooks) == ["new"]
    stores.clock.jump(1)
    assert await claimed_data(store.webhooks) == ["failed"]


async def test_a_clock_that_is_set_forward_and_back_ends_no_lease_and_adds_no_pause(stores: Stores) -> None:
    store = await stores.open()
    await register(store.webhooks)
    await publish(store.webhooks, "leased", "1")
    (leased,) = await claim(store.webhooks)
    stores.clock.step(HOUR_S)
    # Stored by the sessions, before the webhooks have seen the clock.
    await store.create_session(SCOPE, "", event=EventRecord(CREATED, "2"))
    await attempt(store.webhooks, FAILED)
    stores.clock.step(-HOUR_S)
    stores.clock.jump(1)
    assert await claimed_data(store.webhooks) == ["2"]
    await store.webhooks.complete_delivery(leased.lease, DELIVERED)
