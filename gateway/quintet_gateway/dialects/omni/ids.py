"""Ids of sessions as the document writes them, with dashes, and as the services know them."""

import re
import uuid

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COMPACT = re.compile("[0-9a-f]{32}")


def public_id(session_id: str) -> str:
    """Returns the id that a client is told."""
    return str(uuid.UUID(session_id)) if _COMPACT.fullmatch(session_id) else session_id


def session_id_of(told_id: str) -> str | None:
    """Returns the session that a client's id means; None if no session can have it."""
    return uuid.UUID(told_id).hex if _UUID.fullmatch(told_id) else None
