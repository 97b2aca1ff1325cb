"""Messages to answer, and conversations to read."""

from dataclasses import dataclass

from aiohttp import web

from quintet_gateway.assistant import Owner
from quintet_gateway.dialects.aegis.errors import invalid_conversation
from quintet_gateway.dialects.aegis.owner import owner_of
from quintet_gateway.dialects.aegis.schemas import fields
from quintet_gateway.dialects.aegis.schemas.fields import Fields

_LONGEST_ID = 128
_DEFAULT_LIMIT = 50
# More than this in one array helps nobody and would take memory without a bound.
_LARGEST_LIMIT = 10_000


@dataclass(frozen=True)
class ChatRequest:
    """A message to answer; `conversation_id` is as the client wrote it, None for a new conversation."""

    message: str
    conversation_id: str | None
    owner: Owner


async def read_chat_body(request: web.Request) -> ChatRequest:
    """Reads the body of a message."""
    return _chat_request(await fields.read_object(request))


def read_chat_query(request: web.Request) -> ChatRequest:
    """Reads the same three fields from the query; an empty conversation is what a page without one sends."""
    given = dict(request.query)
    if not given.get("conversation_id"):
        given.pop("conversation_id", None)
    return _chat_request(given)


def read_owner(request: web.Request) -> Owner:
    """Returns whose conversations a query is about."""
    return owner_of(fields.user_id(request.query))


def read_limit(request: web.Request) -> int:
    """Returns how many conversations to list."""
    return min(fields.query_integer(request, "limit", _DEFAULT_LIMIT, 1), _LARGEST_LIMIT)


def check_conversation_id(value: object) -> str:
    """Returns an id that a conversation could have.

    Raises:
        AegisError: 400. `null` as a text is what a script sends that kept the id of a failed answer.
    """
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_ID or value == "null":
        raise invalid_conversation()
    if fields.has_control_characters(value):
        raise invalid_conversation()
    return value


def _chat_request(given: Fields) -> ChatRequest:
    message = fields.text(given, "message")
    named = given.get("conversation_id")
    conversation_id = None if named is None else check_conversation_id(named)
    return ChatRequest(message, conversation_id, owner_of(fields.user_id(given)))
