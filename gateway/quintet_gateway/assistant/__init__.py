"""What the assistant does, free of HTTP and of any surface: conversations, answers, jobs, health."""

from quintet_gateway.assistant.assistant import Assistant
from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.events import EventHub, Listening, LocalEventHub, SlowReaderError
from quintet_gateway.assistant.health import Health, ServiceHealth
from quintet_gateway.assistant.identity import Identity
from quintet_gateway.assistant.identity_records import Caller, KeyCheck, SettingsDocument, SignedIn
from quintet_gateway.assistant.jobs import Jobs
from quintet_gateway.assistant.look import Look, LookOrder
from quintet_gateway.assistant.metering import Outcome
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.sessions import Created, SessionBounds, Sessions
from quintet_gateway.assistant.turn import Ask, Turn

__all__ = [
    "Ask",
    "Assistant",
    "Caller",
    "ChatTurns",
    "Created",
    "EventHub",
    "Health",
    "Identity",
    "Jobs",
    "KeyCheck",
    "Listening",
    "LocalEventHub",
    "Look",
    "LookOrder",
    "Outcome",
    "Owner",
    "ServiceHealth",
    "SessionBounds",
    "Sessions",
    "SettingsDocument",
    "SignedIn",
    "SlowReaderError",
    "Turn",
]
