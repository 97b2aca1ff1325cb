"""Voice settings and previews."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from quintet_gateway.dialects.aegis.errors import invalid
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.schemas import fields

_LONGEST_NAME = 128
_LONGEST_TEXT = 4096
_SLOWEST = 0.25
_FASTEST = 4.0
_NAMES = ("tts_provider", "tts_model", "tts_voice", "stt_provider", "stt_model")


@dataclass(frozen=True)
class PreviewRequest:
    """A voice to hear; without a text it introduces itself."""

    voice_id: str
    text: str | None
    speed: float


async def read_settings(request: web.Request) -> Mapping[str, Json]:
    """Reads what is to change; null leaves a value as it is, and an empty language lets the engine find it."""
    given = await fields.read_object(request)
    changes: dict[str, Json] = {
        name: fields.label(given, name, _LONGEST_NAME) for name in _NAMES if given.get(name) is not None
    }
    if given.get("tts_speed") is not None:
        changes["tts_speed"] = _speed(given["tts_speed"])
    if given.get("stt_language") is not None:
        language = fields.optional_text(given, "stt_language", _LONGEST_NAME)
        changes["stt_language"] = fields.one_line("stt_language", language) if language else None
    return changes


async def read_preview_body(request: web.Request) -> PreviewRequest:
    """Reads the body of a preview."""
    given = await fields.read_object(request)
    voice_id = fields.label(given, "voice_id", _LONGEST_NAME)
    return PreviewRequest(voice_id, fields.optional_text(given, "text", _LONGEST_TEXT), 1.0)


def read_preview_query(request: web.Request) -> PreviewRequest:
    """Reads the path and the query of a preview."""
    text = fields.optional_text(request.query, "text", _LONGEST_TEXT)
    speed = fields.query_number(request, "speed", 1.0, _SLOWEST, _FASTEST)
    return PreviewRequest(fields.label(request.match_info, "voice_id", _LONGEST_NAME), text, speed)


def _speed(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("Field 'tts_speed' must be a number")
    return float(fields.number_within("tts_speed", value, _SLOWEST, _FASTEST))
