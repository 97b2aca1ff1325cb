"""Answers, conversations, and what the service says about itself."""

from collections.abc import Mapping, Sequence

from quintet.media.v1.engine_pb2 import Engine
from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_gateway.assistant import Outcome, ServiceHealth, Turn
from quintet_gateway.dialects.aegis.ids import conversation_id_of
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.http.times import format_time

_ROLES: Mapping[int, str] = {
    Message.ROLE_USER: "user",
    Message.ROLE_ASSISTANT: "assistant",
    Message.ROLE_SYSTEM: "system",
}
_TITLE_LENGTH = 50

VERSION: Mapping[str, Json] = {
    "service": "ai",
    "engine": "quintet",
    "version": "1.0",
    "features": [
        "chat",
        "conversation_management",
        "multi_provider_support",
        "health_monitoring",
        "api_endpoints",
        "cli_commands",
    ],
    "providers_supported": [
        "grounded",
        "openai",
        "anthropic",
        "google",
        "groq",
        "mistral",
        "ollama",
        "vllm",
        "localai",
    ],
}


def title_of(message: str) -> str:
    """Returns the title of the conversation that a message begins."""
    return message if len(message) <= _TITLE_LENGTH else f"{message[:_TITLE_LENGTH]}..."


def answer(turn: Turn, message_id: str, conversation_id: str) -> Mapping[str, Json]:
    """Returns the body of an answer."""
    return {
        "message_id": message_id,
        "content": turn.text,
        "conversation_id": conversation_id,
        "response_time_ms": _milliseconds(turn.outcome),
    }


def final_fields(turn: Turn) -> Mapping[str, Json]:
    """Returns what the last event of an answer says beside the text."""
    outcome = turn.outcome
    return {
        "response_time_ms": _milliseconds(outcome),
        "provider": (outcome.provider if outcome else "") or turn.engine,
        "model": turn.model,
        "stream_complete": True,
        "input_tokens": outcome.input_tokens if outcome else None,
        "output_tokens": outcome.output_tokens if outcome else None,
        "cost": outcome.cost_usd if outcome else None,
        "gen_tps": _tokens_per_second(outcome),
    }


def listed(session: Session, live: Engine | None) -> Mapping[str, Json]:
    """Returns a conversation as it stands in the list; `live` is the engine, named where nothing was answered yet."""
    provider, model = _answered_by(session, live)
    return {
        "id": conversation_id_of(session.session_id),
        "title": session.title or None,
        "message_count": session.message_count,
        "last_activity": format_time(session.update_time),
        "provider": provider,
        "model": model,
    }


def conversation(
    session: Session, messages: Sequence[Message], live: Engine | None, user_id: str
) -> Mapping[str, Json]:
    """Returns a conversation with all of its messages."""
    provider, model = _answered_by(session, live)
    return {
        "id": conversation_id_of(session.session_id),
        "title": session.title or None,
        "provider": provider,
        "model": model,
        "created_at": format_time(session.create_time),
        "updated_at": format_time(session.update_time),
        "message_count": session.message_count,
        "messages": [_message(message) for message in messages],
        "metadata": _metadata(session, user_id),
    }


def health(services: Mapping[str, ServiceHealth], conversation_count: int) -> Mapping[str, Json]:
    """Returns the health of what answers chats."""
    absent = [name for name in ("session", "llm") if not services[name].serving]
    engine = services["llm"].engine
    return {
        "service": "ai",
        "status": "unhealthy" if absent else "healthy",
        "enabled": True,
        "provider": provider_of(engine),
        "model": model_of(engine),
        "agent_ready": services["llm"].serving,
        "total_conversations": conversation_count,
        "configuration_valid": not absent,
        "validation_errors": [f"The {name} service is not available" for name in absent],
    }


def provider_of(engine: Engine | None) -> str:
    """Returns who runs the model of an engine: a provider elsewhere, or the engine itself."""
    return (engine.provider or engine.name) if engine else ""


def model_of(engine: Engine | None) -> str:
    """Returns the model of an engine; one without a model goes by its own name."""
    return (engine.model or engine.name) if engine else ""


def _answered_by(session: Session, live: Engine | None) -> tuple[str, str]:
    attributes = session.attributes
    provider = attributes.get("provider", "") or provider_of(live)
    return provider, attributes.get("answer_model", "") or model_of(live)


def _message(message: Message) -> Mapping[str, Json]:
    return {
        "id": message.message_id,
        "role": _ROLES.get(message.role, "system"),
        "content": message.content,
        "timestamp": format_time(message.create_time),
    }


def _metadata(session: Session, user_id: str) -> Mapping[str, Json]:
    return {
        "user_id": user_id,
        "created_by": "ai_service",
        "last_response_time_ms": _number(session.attributes.get("last_response_ms", "")),
        "total_messages": session.message_count,
        "last_activity": format_time(session.update_time),
        "streaming": session.attributes.get("streaming") == "true",
    }


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _milliseconds(outcome: Outcome | None) -> float | None:
    return round(outcome.response_s * 1000, 2) if outcome else None


def _tokens_per_second(outcome: Outcome | None) -> float | None:
    """Returns the speed over the whole answer; what comes in one burst has no meaningful speed after its first text."""
    if outcome is None or outcome.response_s <= 0:
        return None
    return round(outcome.output_tokens / outcome.response_s, 2)
