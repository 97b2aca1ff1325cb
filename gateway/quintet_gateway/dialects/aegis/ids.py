"""Ids as the document writes them, uuid4 with dashes, and as the services know them."""

import re
import uuid

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COMPACT = re.compile("[0-9a-f]{32}")


def new_message_id() -> str:
    """Returns an id for an answer."""
    return str(uuid.uuid4())


def question_id_of(answer_id: str) -> str:
    """Returns the id of the question that the answer with this id belongs to.

    A client that lost its stream knows the id of the answer only, which is stored after the question or never.
    """
    return str(uuid.uuid5(uuid.UUID(answer_id), "question"))


def is_uuid(text: str) -> bool:
    """Tells whether a text is a UUID with its dashes."""
    return _UUID.fullmatch(text) is not None


def conversation_id_of(session_id: str) -> str:
    """Returns the id that a client is told."""
    return str(uuid.UUID(session_id)) if _COMPACT.fullmatch(session_id) else session_id


def session_id_of(conversation_id: str) -> str | None:
    """Returns the session that a client's id means; None if no session can have it."""
    return uuid.UUID(conversation_id).hex if is_uuid(conversation_id) else None
