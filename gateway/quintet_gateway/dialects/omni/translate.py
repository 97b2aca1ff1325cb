"""What the assistant returns, in the words of the document."""

import json
from collections.abc import Mapping, Sequence

from quintet.media.v1.engine_pb2 import Engine
from quintet.session.v1.session_service_pb2 import Session
from quintet.webhooks.v1.webhook_service_pb2 import Webhook
from quintet_gateway.assistant import ServiceHealth
from quintet_gateway.dialects.omni import times
from quintet_gateway.dialects.omni.ids import public_id
from quintet_gateway.dialects.omni.options import SAMPLE_RATE_INPUT_HZ, SAMPLE_RATE_OUTPUT_HZ, Generation
from quintet_gateway.dialects.omni.terms import terms_of
from quintet_gateway.http.large_json import pieces
from quintet_gateway.http.sound import base64_text, wav_file

_SPEAKING = ("llm", "stt", "tts")
_SPEECH_PROBABILITY = 0.5
# Voices begin at their full level, and players and recognisers miss what comes at once.
_LEAD_S = 0.05
_NOTHING: Mapping[str, object] = {}

_Json = dict[str, object]


def health(services: Mapping[str, ServiceHealth], active_sessions: int) -> _Json:
    """Returns how the process and the services behind it are; the process that says it is healthy."""
    engines = {name: state.engine for name, state in services.items() if state.serving and state.engine}
    return {
        "status": "healthy",
        "model_loaded": all(name in engines and engines[name].loaded for name in _SPEAKING),
        "gpu_available": any("gpu" in engine.capabilities for engine in engines.values()),
        "active_sessions": active_sessions,
        "timestamp": times.now(),
        "services": {name: "serving" if state.serving else "unavailable" for name, state in services.items()},
    }


def configuration(engine: Engine | None, generation: Generation) -> _Json:
    """Returns how answers are made; `engine` is None while the llm service is away."""
    return {
        "model_path": (engine.model or engine.name) if engine else "",
        "quantization": "none",
        "sample_rate_input": SAMPLE_RATE_INPUT_HZ,
        "sample_rate_output": SAMPLE_RATE_OUTPUT_HZ,
        "temperature": generation.temperature,
        "max_new_tokens": generation.max_new_tokens,
    }


def session(kept: Session) -> _Json:
    """Returns a session; the system prompt counts as its first message, and what the engine is not shown does not."""
    shown = min(kept.message_count, terms_of(kept).max_messages)
    return {
        "session_id": public_id(kept.session_id),
        "created_at": times.format_time(kept.create_time),
        "message_count": 1 + shown,
        "turn_count": shown // 2,
    }


def sessions(kept: Sequence[Session]) -> _Json:
    """Returns the ids of sessions."""
    return {"sessions": [public_id(one.session_id) for one in kept], "count": len(kept)}


def done(status: str, session_id: str) -> _Json:
    """Returns what was done to a session."""
    return {"status": status, "session_id": public_id(session_id)}


def processed(session_id: str, text: str, pcm: bytes, took_s: float) -> _Json:
    """Returns the answer to a recording; without sound, `audio_base64` is null."""
    return {
        "session_id": public_id(session_id),
        "text": text,
        "audio_base64": _sound(pcm) if pcm else None,
        "sample_rate": SAMPLE_RATE_OUTPUT_HZ,
        "processing_time_ms": times.milliseconds(took_s),
    }


def webhook(registered: Webhook) -> _Json:
    """Returns a webhook, without its secret."""
    return {
        "id": registered.webhook_id,
        "url": registered.url,
        "events": list(registered.event_types),
        "active": True,
        "created_at": times.format_time(registered.create_time),
    }


def webhooks(registered: Sequence[Webhook]) -> _Json:
    """Returns the webhooks of a key."""
    return {"webhooks": [webhook(one) for one in registered], "count": len(registered)}


def frame(kind: str, fields: Mapping[str, object] = _NOTHING) -> str:
    """Returns one message of a WebSocket."""
    return json.dumps({"type": kind, **fields})


def connected(session_id: str) -> str:
    """Returns the first message."""
    return frame("connected", {"session_id": public_id(session_id)})


def vad_status(probability: float) -> str:
    """Returns whether a chunk held speech."""
    told = {"is_speech": probability >= _SPEECH_PROBABILITY, "confidence": round(probability, 3)}
    return frame("vad_status", told)


def status(word: str) -> str:
    """Returns what goes on."""
    return frame("status", {"status": word})


def error(detail: str) -> str:
    """Returns what went wrong."""
    return frame("error", {"error": detail})


def transcript(text: str, *, is_final: bool) -> str:
    """Returns what was heard."""
    return frame("transcript", {"text": text, "is_final": is_final})


def response_text(index: int, text: str) -> str:
    """Returns the next piece of an answer's text."""
    return frame("response_chunk", {"index": index, "text": text})


def response_sound(index: int, pcm: bytes, sample_rate_hz: int) -> str:
    """Returns the next sound of an answer: raw 16-bit samples of one channel."""
    sound = {"audio_base64": base64_text(pcm), "sample_rate": sample_rate_hz, "format": "pcm_s16le"}
    return frame("response_chunk", {"index": index, "text": "", **sound})


def response(text: str, pcm: bytes, took_s: float) -> str:
    """Returns a whole answer; without sound, `audio_base64` is left out. Megabytes belong into a thread."""
    sound = {"audio_base64": _sound(pcm)} if pcm else {}
    rest = {"sample_rate": SAMPLE_RATE_OUTPUT_HZ, "processing_time_ms": times.milliseconds(took_s)}
    message = {"type": "response", "text": text, **sound, **rest}
    return "".join([piece.decode("ascii") for piece in pieces(message)])


def _sound(pcm: bytes) -> str:
    return base64_text(wav_file(pcm, SAMPLE_RATE_OUTPUT_HZ, _LEAD_S))
