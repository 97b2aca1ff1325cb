"""Attributes of a session: what a surface keeps beside the title."""

from collections.abc import Mapping

from quintet_errors import DomainError, Reason

MOST_ATTRIBUTES = 32


def merge(kept: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Returns `kept` with `changes` on top; an empty value removes an entry.

    Raises:
        DomainError: INVALID_ARGUMENT if more than `MOST_ATTRIBUTES` would be left.
    """
    merged = {name: value for name, value in {**kept, **changes}.items() if value}
    if len(merged) > MOST_ATTRIBUTES:
        raise DomainError(
            Reason.INVALID_ARGUMENT,
            f"`attributes` must be at most {MOST_ATTRIBUTES} entries in a session.",
            {"field": "attributes"},
        )
    return merged
