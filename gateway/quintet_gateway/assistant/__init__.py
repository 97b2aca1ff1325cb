"""What the assistant does, free of HTTP and of any surface: conversations, answers, jobs, health."""

from quintet_gateway.assistant.assistant import Assistant
from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.health import Health, ServiceHealth
from quintet_gateway.assistant.jobs import Jobs
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.sessions import Sessions

__all__ = ["Assistant", "ChatTurns", "Health", "Jobs", "Owner", "ServiceHealth", "Sessions"]
