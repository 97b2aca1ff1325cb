"""Checks of events. Each names the field in the error's metadata."""

import json

from google.protobuf.message import Message

from quintet.session.v1.event_pb2 import Event
from quintet_session import validation
from quintet_session.webhook_store import EventRecord

LONGEST_TYPE = 64
MAX_DATA_BYTES = 2 << 20


def event(message: Event, field: str) -> EventRecord:
    """Returns an event with a type, whose data are empty or a JSON object; `field` is where it stands in the request.

    Raises:
        DomainError: MISSING_FIELD, INVALID_ARGUMENT, or PAYLOAD_TOO_LARGE for more than 2 MiB of data.
    """
    event_type = validation.required(message.type, f"{field}.type", LONGEST_TYPE)
    size = len(message.data.encode())
    if size > MAX_DATA_BYTES:
        raise validation.too_large("The data of an event", MAX_DATA_BYTES, size)
    if message.data and not _is_object(message.data):
        raise validation.invalid(f"{field}.data", "a JSON object")
    return EventRecord(event_type, message.data)


def optional_event(request: Message, field: str) -> EventRecord | None:
    """Returns the event in a field of a request, None if the field is not set; raises what `event` raises."""
    return event(getattr(request, field), field) if request.HasField(field) else None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse_constant), dict)
    # Brackets within brackets, a thousand deep, overrun the stack of the reader.
    except (ValueError, RecursionError):
        return False


def _refuse_constant(name: str) -> None:
    """Refuses `NaN` and `Infinity`, which JSON does not have."""
    raise ValueError(name)
