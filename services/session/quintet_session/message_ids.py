"""Ids of messages whose writers gave none."""

import re

_DERIVED = re.compile(r"[0-9a-f]{32}-[0-9]+")


def derived(session_id: str, sequence: int) -> str:
    """Returns the id of a message; a sequence is never used again, so neither is the id."""
    return f"{session_id}-{sequence}"


def is_derived(message_id: str) -> bool:
    """Tells whether an id looks as if `derived` had made it, now or for a message to come."""
    return _DERIVED.fullmatch(message_id) is not None
