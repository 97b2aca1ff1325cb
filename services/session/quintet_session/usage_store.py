"""What calls of models cost: records, and the `UsageStore` protocol over them.

All times are microseconds, points in time since 1970 (UTC). Methods raise DomainError as those of `Store` do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quintet_session.scope import Scope


class Outcome(StrEnum):
    """How a call ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class UsageRecord:
    """One call of a model. `start_us` None means the time of storing; a stored record has one."""

    record_id: str
    scope: Scope
    action: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_micro_usd: int
    latency_us: int
    first_token_us: int | None
    outcome: Outcome
    estimated: bool
    start_us: int | None = None


@dataclass(frozen=True)
class UsageFilter:
    """Chooses records of a surface: of one owner unless None, that began within [`start_us`, `end_us`)."""

    surface: str
    owner: str | None = None
    start_us: int | None = None
    end_us: int | None = None


class UsageDimension(StrEnum):
    """What records can be grouped by; a model stands with its provider, a day is one of UTC."""

    OWNER = "owner"
    MODEL = "model"
    ACTION = "action"
    DAY = "day"


@dataclass(frozen=True)
class UsageGroup:
    """Sums of one group of records; what was not grouped by is empty. `day` is `YYYY-MM-DD`."""

    owner: str
    provider: str
    model: str
    action: str
    day: str
    call_count: int
    success_count: int
    input_tokens: int
    output_tokens: int
    cost_micro_usd: int
    total_latency_us: int


@dataclass(frozen=True)
class UsagePage:
    """A page of records; `next_position` is None on the last page."""

    records: tuple[UsageRecord, ...]
    next_position: int | None


class UsageStore(Protocol):
    """Keeps usage records and sums them up."""

    async def record_usage(self, records: Sequence[UsageRecord]) -> None:
        """Stores records, all or none; one whose id is known in its scope is left as it was."""

    async def summarize_usage(
        self, chosen: UsageFilter, dimensions: frozenset[UsageDimension], limit: int
    ) -> tuple[UsageGroup, ...]:
        """Sums up records: at most `limit` groups, the one with the most calls first, ties by name.

        Without dimensions there is exactly one group, also of no records.
        """

    async def list_usage(self, chosen: UsageFilter, limit: int, position: int | None = None) -> UsagePage:
        """Lists the records that are behind `position`, the newest first."""

    async def purge_step(self, began_before_us: int) -> bool:
        """Removes a little of what began before a time, and tells whether there was anything."""
