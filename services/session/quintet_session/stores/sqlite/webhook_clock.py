"""Keeps the waits of deliveries true when the wall clock jumps. Each operation takes an open transaction.

Times in the database are of the wall clock, because they have to outlive the process. While a process runs, its
monotonic clock shows how far the wall clock has jumped, and waits are moved by that. A jump between two processes shows
as a wait that is longer than what it was set to, and is cut to that.
"""

import sqlite3
from dataclasses import dataclass

# Less is a clock that is being corrected slowly; it adds up until it is seen here.
_SMALLEST_JUMP_US = 500_000


@dataclass(frozen=True)
class Times:
    """The present time by both clocks, in microseconds."""

    now_us: int
    monotonic_us: int

    @property
    def ahead_us(self) -> int:
        """How far the wall clock is ahead of the monotonic one."""
        return self.now_us - self.monotonic_us


def begin(connection: sqlite3.Connection, times: Times) -> None:
    """Takes up the clocks of a new process; no wait is longer than what it was set to."""
    connection.execute("INSERT OR REPLACE INTO webhook_clock (clock_key, ahead_us) VALUES (1, ?)", (times.ahead_us,))
    connection.execute(
        "UPDATE webhook_deliveries SET due_us = :now_us + wait_us WHERE at_head = 1 AND due_us > :now_us + wait_us",
        {"now_us": times.now_us},
    )


def follow(connection: sqlite3.Connection, times: Times) -> None:
    """Moves waits by a jump of the wall clock since the last call.

    A jump back would make everything wait longer. A jump forward would end the leases of workers that are at work; that
    it ends pauses too does no harm, as after a sleep of the machine.
    """
    (ahead_us,) = connection.execute("SELECT ahead_us FROM webhook_clock WHERE clock_key = 1").fetchone()
    jump_us = times.ahead_us - ahead_us
    if abs(jump_us) < _SMALLEST_JUMP_US:
        return
    connection.execute("UPDATE webhook_clock SET ahead_us = ? WHERE clock_key = 1", (times.ahead_us,))
    if jump_us < 0:
        moved, later_than_us = "", times.now_us
    else:
        moved, later_than_us = " AND leased = 1", times.now_us - jump_us
    connection.execute(
        f"UPDATE webhook_deliveries SET due_us = due_us + ? WHERE at_head = 1 AND due_us > ?{moved}",  # noqa: S608
        (jump_us, later_than_us),
    )
