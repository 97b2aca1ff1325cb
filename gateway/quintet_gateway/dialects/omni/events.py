"""What webhooks are told, and what the connections of a session are."""

import json

from quintet.session.v1.event_pb2 import Event
from quintet_errors import DomainError
from quintet_gateway.assistant import Assistant, EventHub, Owner
from quintet_gateway.dialects.omni.errors import describe
from quintet_gateway.dialects.omni.times import milliseconds
from quintet_observability import get_logger

_log = get_logger(__name__)

CREATED = "session.created"
ENDED = "session.ended"
COMPLETED = "response.completed"
FAILED = "error.occurred"
EVENT_TYPES = (CREATED, ENDED, COMPLETED, FAILED)

# It never reaches a client.
_SESSION_ENDED = '{"type": "session_ended"}'


def session_created() -> Event:
    """Tells of a new session; which one and when is told with every event."""
    return Event(type=CREATED)


def session_ended(reason: str) -> Event:
    """Tells of a session that is no more."""
    return _event(ENDED, {"reason": reason})


def response_completed(text: str, took_s: float) -> Event:
    """Tells of an answer that is kept."""
    return _event(COMPLETED, {"text": text, "processing_time_ms": milliseconds(took_s)})


async def tell_of_failure(assistant: Assistant, owner: Owner, session_id: str, error: Exception) -> None:
    """Tells webhooks of a failure that is ours; what the client did wrong or may try again concerns nobody else."""
    problem = describe(error)
    if problem.status < 500:
        return
    try:
        await assistant.webhooks.publish(owner, session_id, _event(FAILED, {"error": problem.detail}))
    except DomainError as failure:
        _log.warning("failure_not_published", reason=failure.reason.value)


def topic_of(session_id: str) -> str:
    """Returns the topic that the connections of a session listen to: all that comes is its end."""
    return f"omni:{session_id}"


async def end_connections(events: EventHub, session_id: str) -> None:
    """Ends all connections of a session that is no more, wherever they are."""
    await events.publish(topic_of(session_id), _SESSION_ENDED)


def _event(kind: str, data: dict[str, object]) -> Event:
    return Event(type=kind, data=json.dumps(data))
