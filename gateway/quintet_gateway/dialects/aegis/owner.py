"""Whose request it is: the document knows no accounts, only what the client claims."""

from quintet_gateway.assistant import Owner

SURFACE = "aegis"
DEFAULT_USER = "api-user"
LONGEST_USER_ID = 128


def owner_of(user_id: str) -> Owner:
    """Returns the owner that a checked claim stands for."""
    return Owner(SURFACE, user_id)
