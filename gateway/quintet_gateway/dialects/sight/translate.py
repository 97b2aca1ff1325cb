"""What the surface answers with: JSON and headers."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from google.protobuf.timestamp_pb2 import Timestamp

from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_gateway.assistant import ServiceHealth
from quintet_gateway.http.texts import cut

SERVICE = {"service": "Interactive AI Vision Assistant API", "version": "1.0.0", "status": "running"}
MOST_INTERACTIONS = 10
LANGUAGE = "language"
"""The attribute of sessions and questions that holds the language that was spoken."""
_LONGEST_PREVIEW = 200
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
# The name of each in the document, and the services that have to serve for it.
_SERVICES: Mapping[str, tuple[str, ...]] = {
    "stt": ("stt",),
    "gemini": ("vision", "llm"),
    "tts": ("tts",),
    "session": ("session",),
}


def health(services: Mapping[str, ServiceHealth]) -> tuple[int, dict[str, Any]]:
    """Returns status and body of the health check."""
    missing = [name for name, needed in _SERVICES.items() if not all(services[one].serving for one in needed)]
    states = {name: "unavailable" if name in missing else "available" for name in _SERVICES}
    if not missing:
        return 200, {"status": "healthy", "services": states}
    names = ", ".join("vision" if name == "gemini" else name for name in missing)
    return 500, {"status": "unhealthy", "services": states, "error": f"Not available: {names}"}


def session(session_id: str, found: Session, messages: Sequence[Message]) -> dict[str, Any]:
    """Returns a session as the document shows it; `messages` are the newest ones, the oldest first."""
    history = [_interaction(session_id, asked, said) for asked, said in _exchanges(messages)]
    return {
        "session_id": session_id,
        "created_at": _time(found.create_time),
        "last_activity": _time(found.update_time),
        "detected_language": found.attributes.get(LANGUAGE),
        "chat_history": history[-MOST_INTERACTIONS:],
    }


def preview(text: str) -> str:
    """Returns the beginning of a text for a header: ASCII stays as it is, everything else is percent-encoded UTF-8."""
    line = " ".join(text.split())
    short = cut(line, _LONGEST_PREVIEW)
    return quote(short if short == line else f"{short}...", safe=_PRINTABLE)


def _exchanges(messages: Sequence[Message]) -> Iterator[tuple[Message, Message]]:
    for one, other in pairwise(messages):
        if (one.role, other.role) == (Message.ROLE_USER, Message.ROLE_ASSISTANT):
            yield one, other


def _interaction(session_id: str, asked: Message, said: Message) -> dict[str, str]:
    return {
        "timestamp": _time(said.create_time),
        "user_query": asked.content,
        "detected_language": asked.attributes.get(LANGUAGE, ""),
        "image_path": f"temp_{session_id}.jpg",
        "ai_response": said.content,
    }


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime().isoformat(timespec="milliseconds") + "Z"
