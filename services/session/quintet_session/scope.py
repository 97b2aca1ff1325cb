"""Whose data a call is about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """Whose data a call is about; data of other scopes does not exist for it."""

    surface: str
    owner: str
