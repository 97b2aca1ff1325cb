# ruff: noqa: D102 - the methods are documented at the protocol
# ruff: noqa: S608 - only constants of this package are put into statements, never a value
"""Usage records in SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from quintet_session.scope import Scope
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.usage_store import Outcome, UsageDimension, UsageFilter, UsageGroup, UsagePage, UsageRecord

_COLUMNS = (
    "record_id, surface, owner, action, provider, model, input_tokens, output_tokens, cost_micro_usd, latency_us, "
    "first_token_us, outcome, estimated, start_us"
)
_DIMENSION_COLUMNS = {
    UsageDimension.OWNER: {"owner": "owner"},
    UsageDimension.MODEL: {"provider": "provider", "model": "model"},
    UsageDimension.ACTION: {"action": "action"},
    UsageDimension.DAY: {"day": "date(start_us / 1000000, 'unixepoch')"},
}
_ROWS_A_STEP = 500
_GROUP_COLUMNS = ("owner", "provider", "model", "action", "day")
_SUMS = (
    "count(*) AS call_count, coalesce(sum(outcome = 'succeeded'), 0), coalesce(sum(input_tokens), 0),"
    " coalesce(sum(output_tokens), 0), coalesce(sum(cost_micro_usd), 0), coalesce(sum(latency_us), 0)"
)


class SqliteUsage:
    """Keeps usage records. Methods are documented at `UsageStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def record_usage(self, records: Sequence[UsageRecord]) -> None:
        await self._database.write(lambda connection: record(connection, records, self._database.now_us()))

    async def summarize_usage(
        self, chosen: UsageFilter, dimensions: frozenset[UsageDimension], limit: int
    ) -> tuple[UsageGroup, ...]:
        return await self._database.read(
            lambda connection: summarize(connection, chosen, dimensions, limit), heavy=True
        )

    async def list_usage(self, chosen: UsageFilter, limit: int, position: int | None = None) -> UsagePage:
        return await self._database.read(lambda connection: list_page(connection, chosen, limit, position))

    async def purge_step(self, began_before_us: int) -> bool:
        return await self._database.write(lambda connection: purge_step(connection, began_before_us))


def record(connection: sqlite3.Connection, records: Sequence[UsageRecord], now_us: int) -> None:
    """Stores records; those whose ids are known in their scopes stay as they were."""
    connection.executemany(
        f"INSERT INTO usage_records ({_COLUMNS}) VALUES ({', '.join('?' * 14)})"
        " ON CONFLICT (record_id, surface, owner) DO NOTHING",
        [_to_row(record, now_us) for record in records],
    )


def summarize(
    connection: sqlite3.Connection, chosen: UsageFilter, dimensions: frozenset[UsageDimension], limit: int
) -> tuple[UsageGroup, ...]:
    """Sums up the chosen records."""
    grouped = {name: source for dimension in dimensions for name, source in _DIMENSION_COLUMNS[dimension].items()}
    names = ", ".join(f"{grouped.get(name, repr(''))} AS {name}_of_group" for name in _GROUP_COLUMNS)
    group_by = f"GROUP BY {', '.join(f'{name}_of_group' for name in _GROUP_COLUMNS if name in grouped)}"
    order = ", ".join(f"{name}_of_group" for name in _GROUP_COLUMNS)
    where, parameters = _where(chosen)
    rows = connection.execute(
        f"SELECT {names}, {_SUMS} FROM usage_records WHERE {where} {group_by if grouped else ''}"
        f" ORDER BY call_count DESC, {order} LIMIT :limit",
        {**parameters, "limit": limit},
    )
    return tuple(UsageGroup(*row) for row in rows)


def list_page(connection: sqlite3.Connection, chosen: UsageFilter, limit: int, position: int | None) -> UsagePage:
    """Lists the chosen records, the newest first."""
    where, parameters = _where(chosen)
    if position is not None:
        where += (
            " AND (start_us, record_key) <"
            " ((SELECT start_us FROM usage_records WHERE record_key = :position), :position)"
        )
    rows = connection.execute(
        f"SELECT {_COLUMNS}, record_key FROM usage_records WHERE {where}"
        " ORDER BY start_us DESC, record_key DESC LIMIT :limit",
        {**parameters, "position": position, "limit": limit + 1},
    ).fetchall()
    page = rows[:limit]
    return UsagePage(tuple(_to_record(row[:-1]) for row in page), page[-1][-1] if len(rows) > limit else None)


def purge_step(connection: sqlite3.Connection, began_before_us: int) -> bool:
    """Removes some records that began before a time, the oldest first."""
    removed = connection.execute(
        "DELETE FROM usage_records WHERE record_key IN"
        " (SELECT record_key FROM usage_records WHERE start_us < ? ORDER BY start_us LIMIT ?)",
        (began_before_us, _ROWS_A_STEP),
    )
    return removed.rowcount > 0


def _where(chosen: UsageFilter) -> tuple[str, dict[str, Any]]:
    conditions = ["surface = :surface"]
    if chosen.owner is not None:
        conditions.append("owner = :owner")
    if chosen.start_us is not None:
        conditions.append("start_us >= :start_us")
    if chosen.end_us is not None:
        conditions.append("start_us < :end_us")
    return " AND ".join(conditions), {
        "surface": chosen.surface,
        "owner": chosen.owner,
        "start_us": chosen.start_us,
        "end_us": chosen.end_us,
    }


def _to_row(record: UsageRecord, now_us: int) -> tuple[Any, ...]:
    return (
        record.record_id,
        record.scope.surface,
        record.scope.owner,
        record.action,
        record.provider,
        record.model,
        record.input_tokens,
        record.output_tokens,
        record.cost_micro_usd,
        record.latency_us,
        record.first_token_us,
        record.outcome.value,
        int(record.estimated),
        now_us if record.start_us is None else record.start_us,
    )


def _to_record(row: tuple[Any, ...]) -> UsageRecord:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    scope = Scope(values.pop("surface"), values.pop("owner"))
    outcome, estimated = Outcome(values.pop("outcome")), bool(values.pop("estimated"))
    return UsageRecord(scope=scope, outcome=outcome, estimated=estimated, **values)
