"""What every `Store` must do with usage records."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest
from store_fixtures import Stores

from quintet_session.store import Scope, Store
from quintet_session.usage_store import Outcome, UsageDimension, UsageFilter, UsageGroup, UsageRecord

ANN = Scope("omni", "ann")
ALL = UsageFilter("omni")
NOW_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000
TOTAL: frozenset[UsageDimension] = frozenset()
EVERY_COMBINATION = [frozenset(chosen) for size in range(5) for chosen in combinations(UsageDimension, size)]
ODD_TEXTS = ("'; DROP TABLE usage_records;--", "<b>x</b>", "a\r\nb", "a\x00b", "{0}%s", "नमस्ते")


def record(record_id: str, scope: Scope = ANN, **changes: Any) -> UsageRecord:
    values = UsageRecord(
        record_id=record_id,
        scope=scope,
        action="chat",
        provider="openai",
        model="small",
        input_tokens=10,
        output_tokens=5,
        cost_micro_usd=7,
        latency_us=1_500_000,
        first_token_us=300_000,
        outcome=Outcome.SUCCEEDED,
        estimated=False,
        start_us=NOW_US,
    )
    return replace(values, **changes)


def random_records(seed: int, count: int) -> list[UsageRecord]:
    rng = random.Random(seed)
    return [
        record(
            str(number),
            Scope(rng.choice(["omni", "omni", "quillium"]), rng.choice(["ann", "bob", "carol"])),
            action=rng.choice(["chat", "stream_chat", "transcribe"]),
            provider=rng.choice(["openai", "grounded"]),
            model=rng.choice(["small", "large"]),
            input_tokens=rng.randrange(10**9),
            output_tokens=rng.randrange(10**9),
            cost_micro_usd=rng.randrange(10**12),
            latency_us=rng.randrange(DAY_US),
            first_token_us=rng.choice([None, rng.randrange(DAY_US)]),
            outcome=rng.choice(list(Outcome)),
            estimated=rng.random() < 0.5,
            # Some begin exactly at midnight, and many at the same time.
            start_us=rng.choice([NOW_US, rng.randrange(30) * DAY_US, NOW_US + rng.randrange(30 * DAY_US)]),
        )
        for number in range(count)
    ]


def chosen(records: list[UsageRecord], wanted: UsageFilter) -> list[UsageRecord]:
    return [
        one
        for one in records
        if one.scope.surface == wanted.surface
        and wanted.owner in {None, one.scope.owner}
        and (wanted.start_us or 0) <= (one.start_us or 0) < (wanted.end_us or 2**63)
    ]


def group_key(one: UsageRecord, dimensions: frozenset[UsageDimension]) -> tuple[str, ...]:
    day = datetime.fromtimestamp((one.start_us or 0) // 10**6, UTC).strftime("%Y-%m-%d")
    by_model = UsageDimension.MODEL in dimensions
    return (
        one.scope.owner if UsageDimension.OWNER in dimensions else "",
        one.provider if by_model else "",
        one.model if by_model else "",
        one.action if UsageDimension.ACTION in dimensions else "",
        day if UsageDimension.DAY in dimensions else "",
    )


def summed(records: list[UsageRecord], dimensions: frozenset[UsageDimension]) -> list[UsageGroup]:
    """Returns what the store should say, made in Python."""
    groups: dict[tuple[str, ...], list[UsageRecord]] = defaultdict(list)
    if not dimensions:
        groups["", "", "", "", ""] = []
    for one in records:
        groups[group_key(one, dimensions)].append(one)
    found = [
        UsageGroup(
            *key,
            call_count=len(members),
            success_count=len([one for one in members if one.outcome is Outcome.SUCCEEDED]),
            input_tokens=sum(one.input_tokens for one in members),
            output_tokens=sum(one.output_tokens for one in members),
            cost_micro_usd=sum(one.cost_micro_usd for one in members),
            total_latency_us=sum(one.latency_us for one in members),
        )
        for key, members in groups.items()
    ]
    return sorted(
        found, key=lambda group: (-group.call_count, group.owner, group.provider, group.model, group.action, group.day)
    )


async def walk(store: Store, wanted: UsageFilter, limit: int) -> list[UsageRecord]:
    found: list[UsageRecord] = []
    position = None
    while True:
        page = await store.usage.list_usage(wanted, limit, position)
        assert len(page.records) <= limit
        found.extend(page.records)
        assert len(found) < 10_000, "the pages never end"
        position = page.next_position
        if position is None:
            return found


async def test_records_are_kept_as_they_are(stores: Stores) -> None:
    store = await stores.open()
    records = [
        record("1"),
        record("2", first_token_us=None, provider="", outcome=Outcome.ABORTED, estimated=True, start_us=NOW_US - 1),
        *(
            record(text, Scope(text, text), action=text, provider=text, model=text, outcome=Outcome.FAILED)
            for text in ODD_TEXTS
        ),
    ]
    await store.usage.record_usage(records)
    store = await stores.open()
    assert await walk(store, ALL, 10) == records[:2]
    for one in records[2:]:
        assert await walk(store, UsageFilter(one.scope.surface, one.scope.owner), 10) == [one]
        (group,) = await store.usage.summarize_usage(UsageFilter(one.scope.surface), frozenset(UsageDimension), 10)
        assert (group.owner, group.model, group.action) == (one.record_id,) * 3


async def test_a_record_without_a_time_began_now(stores: Stores) -> None:
    store = await stores.open()
    await store.usage.record_usage([record("1", start_us=None)])
    stores.clock.jump(60)
    await store.usage.record_usage([record("2", start_us=None)])
    later, sooner = await walk(store, ALL, 10)
    assert (later.record_id, sooner.record_id) == ("2", "1")
    assert later.start_us is not None
    assert sooner.start_us is not None
    assert later.start_us - sooner.start_us == 60_000_000


async def test_a_record_is_stored_once(store: Store) -> None:
    await store.usage.record_usage([record("1"), record("1", input_tokens=99)])
    await store.usage.record_usage([record("1", input_tokens=77), record("2")])
    assert sorted(one.record_id for one in await walk(store, ALL, 10)) == ["1", "2"]
    (total,) = await store.usage.summarize_usage(ALL, TOTAL, 10)
    assert (total.call_count, total.input_tokens) == (2, 20)


@pytest.mark.parametrize("other", [Scope("omni", "bob"), Scope("quillium", "ann")])
async def test_an_id_of_one_owner_takes_nothing_from_another_one(store: Store, other: Scope) -> None:
    await store.usage.record_usage([record("1"), record("1", other, input_tokens=3)])
    for scope, tokens in ((ANN, 10), (other, 3)):
        (total,) = await store.usage.summarize_usage(UsageFilter(scope.surface, scope.owner), TOTAL, 10)
        assert (total.call_count, total.input_tokens) == (1, tokens)
        assert [one.scope for one in await walk(store, UsageFilter(scope.surface, scope.owner), 10)] == [scope]


@pytest.mark.parametrize("dimensions", EVERY_COMBINATION, ids=lambda chosen: "-".join(sorted(chosen)) or "total")
async def test_nothing_is_one_total_and_no_group(store: Store, dimensions: frozenset[UsageDimension]) -> None:
    groups = await store.usage.summarize_usage(ALL, dimensions, 10)
    assert list(groups) == summed([], dimensions)
    assert len(groups) == (0 if dimensions else 1)


async def test_sums_are_those_made_in_python(store: Store) -> None:
    records = random_records(seed=3, count=400)
    await store.usage.record_usage(records)
    middle_us = NOW_US + 5 * DAY_US
    filters = [
        ALL,
        UsageFilter("omni", "bob"),
        UsageFilter("omni", "nobody"),
        UsageFilter("quillium", "ann", start_us=NOW_US),
        UsageFilter("omni", None, start_us=NOW_US, end_us=middle_us),
        UsageFilter("omni", "ann", end_us=NOW_US),
        UsageFilter("omni", "ann", start_us=middle_us, end_us=middle_us),
    ]
    for wanted in filters:
        for dimensions in EVERY_COMBINATION:
            groups = await store.usage.summarize_usage(wanted, dimensions, 10_000)
            assert list(groups) == summed(chosen(records, wanted), dimensions)


async def test_days_end_at_midnight_of_utc(store: Store) -> None:
    midnight_us = NOW_US // DAY_US * DAY_US
    await store.usage.record_usage([record("1", start_us=midnight_us - 1), record("2", start_us=midnight_us)])
    groups = await store.usage.summarize_usage(ALL, frozenset({UsageDimension.DAY}), 10)
    assert [group.day for group in groups] == ["2023-11-13", "2023-11-14"]


async def test_only_the_largest_groups_are_returned(store: Store) -> None:
    models = ["b", "a", "c", "c", "d"]
    await store.usage.record_usage([record(str(number), model=model) for number, model in enumerate(models)])
    groups = await store.usage.summarize_usage(ALL, frozenset({UsageDimension.MODEL}), 3)
    assert [group.model for group in groups] == ["c", "a", "b"]


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_pages_hold_each_record_once_the_newest_first(store: Store, limit: int) -> None:
    records = random_records(seed=4, count=60)
    await store.usage.record_usage(records)
    for wanted in (ALL, UsageFilter("omni", "ann"), UsageFilter("quillium", None, start_us=NOW_US)):
        # Of those that began at the same time, the one that was stored last comes first.
        numbered = sorted(enumerate(chosen(records, wanted)), key=lambda one: (one[1].start_us, one[0]), reverse=True)
        assert await walk(store, wanted, limit) == [one for _, one in numbered]


async def test_old_records_are_purged_a_little_at_a_time(store: Store) -> None:
    old = [record(f"old{number}", start_us=NOW_US - 1 - number % 3) for number in range(1200)]
    await store.usage.record_usage([*old, record("new", start_us=NOW_US)])
    assert not await store.usage.purge_step(NOW_US - 3)
    steps = 0
    while await store.usage.purge_step(NOW_US):
        steps += 1
        if steps == 1:
            (total,) = await store.usage.summarize_usage(ALL, TOTAL, 1)
            assert total.call_count > 600
    assert [one.record_id for one in await walk(store, ALL, 10)] == ["new"]


async def test_pages_stay_whole_while_others_record(store: Store) -> None:
    await store.usage.record_usage([record(str(number), start_us=NOW_US) for number in range(10)])
    seen: list[str] = []
    position = None
    while True:
        page = await store.usage.list_usage(ALL, 3, position)
        seen += [one.record_id for one in page.records]
        await store.usage.record_usage([record(f"new{len(seen)}", start_us=NOW_US + len(seen))])
        position = page.next_position
        if position is None:
            break
    assert seen == [str(number) for number in range(9, -1, -1)]
