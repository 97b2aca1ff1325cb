"""Lines of deliveries: those of one session to one webhook, one after the other. Operations take an open transaction.

The head of a line is the one that may be claimed. Those behind it are in no index of what is due, so that a long line
costs nobody anything. A delivery without a session is a line of its own.
"""

import sqlite3


def settle(connection: sqlite3.Connection, line: tuple[int, str], now_us: int) -> bool:
    """Puts the first pending delivery at the head of its line, unless another one is being attempted.

    A line is named by the key of its webhook and the id of its session.

    Returns:
        Whether the head has changed.
    """
    if not line[1]:
        return False
    head, attempted = _head(connection, line, now_us)
    first = _first(connection, line)
    if attempted or first == head:
        return False
    if head is not None:
        # One that comes before it was redelivered.
        connection.execute(
            "UPDATE webhook_deliveries SET at_head = 0, leased = 0, lease_token = NULL WHERE delivery_key = ?", (head,)
        )
    connection.execute(
        "UPDATE webhook_deliveries SET at_head = 1, due_us = ?, wait_us = 0 WHERE delivery_key = ?", (now_us, first)
    )
    return True


def _head(connection: sqlite3.Connection, line: tuple[int, str], now_us: int) -> tuple[int | None, bool]:
    row = connection.execute(
        "SELECT delivery_key, leased = 1 AND due_us > ? FROM webhook_deliveries"
        " WHERE webhook_key = ? AND session_id = ? AND at_head = 1 AND session_id <> ''",
        (now_us, *line),
    ).fetchone()
    return (None, False) if row is None else (int(row[0]), bool(row[1]))


def _first(connection: sqlite3.Connection, line: tuple[int, str]) -> int | None:
    row = connection.execute(
        "SELECT delivery_key FROM webhook_deliveries WHERE webhook_key = ? AND session_id = ? AND state = 'pending'"
        " ORDER BY delivery_key LIMIT 1",
        line,
    ).fetchone()
    return None if row is None else int(row[0])
