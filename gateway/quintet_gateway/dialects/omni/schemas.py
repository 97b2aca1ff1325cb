"""What requests and frames may hold."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from quintet_audio.sniff import sniff_audio
from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.omni.chunk_format import NAMED_FORMATS, Chunk
from quintet_gateway.dialects.omni.errors import OmniError, invalid, session_not_found
from quintet_gateway.dialects.omni.events import EVENT_TYPES
from quintet_gateway.dialects.omni.ids import session_id_of
from quintet_gateway.dialects.omni.options import SAMPLE_RATE_INPUT_HZ
from quintet_gateway.dialects.omni.terms import LONGEST_PROMPT, MOST_TURNS, Terms
from quintet_gateway.http.body import parse_json, read_body
from quintet_gateway.http.forms import FileRule, Form, UploadedFile
from quintet_gateway.http.texts import has_half_character

MAX_UPLOAD_BYTES = 25 << 20

_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_LOWEST_RATE_HZ = 8_000
_HIGHEST_RATE_HZ = 192_000
_LONGEST_URL = 2000
_LONGEST_SECRET = 1000
_URL = re.compile(r"https?://[\x21-\x7e]+", re.IGNORECASE)
_WEBHOOK_ID = re.compile(r"[\x21-\x7e]{1,64}")

Fields = Mapping[str, object]


def _is_recording(head: bytes) -> bool:
    return sniff_audio(head) is not None


AUDIO_FILE = FileRule("audio", MAX_UPLOAD_BYTES, _is_recording)


@dataclass(frozen=True)
class ProcessOrder:
    """A recording to answer; `session_id` is None if a new session is to be made."""

    audio: UploadedFile
    session_id: str | None
    return_audio: bool


@dataclass(frozen=True)
class WebhookOrder:
    """A target to tell of events; `secret` is empty if it is to have no signatures."""

    url: str
    event_types: tuple[str, ...]
    secret: str


@dataclass(frozen=True)
class LiveOrder:
    """What a connection asks for; `session_id` is None for one that cannot exist. The rest is beyond the document."""

    session_id: str | None
    stream: bool
    interim: bool


@dataclass(frozen=True)
class Stop:
    """The person has ended to speak, or wants to hear no more."""


@dataclass(frozen=True)
class Reset:
    """Everything is to begin anew."""


async def read_terms(request: web.Request) -> Terms:
    """Reads the body of a new session, which may be absent.

    Raises:
        HttpError: MALFORMED_JSON, JSON_TOO_LARGE or BODY_TOO_SLOW.
        OmniError: 400.
    """
    body = await read_body(request)
    fields = _object(parse_json(body)) if body.strip() else {}
    terms = Terms()
    return Terms(
        _text(fields, "system_prompt", LONGEST_PROMPT) or terms.system_prompt, _turns(fields.get("max_history_turns"))
    )


def read_session_id(request: web.Request) -> str:
    """Returns the session that a path names.

    Raises:
        OmniError: 404 if no session can have the id.
    """
    told = request.match_info["session_id"]
    session_id = session_id_of(told)
    if session_id is None:
        raise session_not_found(told)
    return session_id


def read_process(form: Form) -> ProcessOrder:
    """Checks the form of a recording.

    Raises:
        OmniError: 400; 404 if no session can have the id.
    """
    if form.file is None:
        raise invalid("An `audio` file is required.")
    if not form.file.data:
        raise invalid("The `audio` file is empty.")
    told = form.fields.get("session_id", "").strip()
    session_id = session_id_of(told) if told else None
    if told and session_id is None:
        raise session_not_found(told)
    return ProcessOrder(form.file, session_id, _flag(form.fields.get("return_audio", ""), "return_audio", default=True))


async def read_webhook(request: web.Request) -> WebhookOrder:
    """Reads the body of a registration.

    Raises:
        HttpError: MALFORMED_JSON, JSON_TOO_LARGE or BODY_TOO_SLOW.
        OmniError: 400.
    """
    fields = _object(parse_json(await read_body(request)))
    url = _text(fields, "url", _LONGEST_URL)
    if not url:
        raise invalid("`url` is required.")
    return WebhookOrder(_checked_url(url), _events(fields.get("events")), _text(fields, "secret", _LONGEST_SECRET))


def read_webhook_id(request: web.Request) -> str:
    """Returns the webhook that a path names.

    Raises:
        DomainError: WEBHOOK_NOT_FOUND if no webhook can have the id.
    """
    webhook_id = request.match_info["webhook_id"]
    if not _WEBHOOK_ID.fullmatch(webhook_id):
        raise DomainError(Reason.WEBHOOK_NOT_FOUND, "No webhook has this id.")
    return webhook_id


def read_live(request: web.Request) -> LiveOrder:
    """Reads what the address of a connection asks for.

    Raises:
        OmniError: 400.
    """
    asked = request.query
    return LiveOrder(
        session_id_of(asked.get("session_id", "")),
        _flag(asked.get("stream", ""), "stream", default=False),
        _flag(asked.get("interim", ""), "interim", default=False),
    )


def read_frame(text: str) -> Chunk | Stop | Reset:
    """Reads one message of a connection.

    Raises:
        HttpError: MALFORMED_JSON.
        OmniError: for JSON that is no message.
    """
    try:
        frame = _object(parse_json(text.encode()))
    except OmniError:
        raise invalid("A message must be a JSON object.") from None
    kind = frame.get("type")
    if kind == "audio_chunk":
        return _chunk(frame)
    if kind == "control":
        return _control(frame.get("action"))
    raise invalid("`type` must be audio_chunk or control.")


def _control(action: object) -> Stop | Reset:
    if action == "stop":
        return Stop()
    if action == "reset":
        return Reset()
    raise invalid("`action` must be stop or reset.")


def _chunk(frame: Fields) -> Chunk:
    data = frame.get("data")
    if not isinstance(data, str) or not data:
        raise invalid("`data` must be sound in base64.")
    kind = frame.get("format")
    if kind is not None and kind not in NAMED_FORMATS:
        raise invalid(f"`format` must be one of {', '.join(NAMED_FORMATS)}.")
    return Chunk(_decode(data), _rate(frame.get("sample_rate")), kind if isinstance(kind, str) else None)


def _decode(data: str) -> bytes:
    # What browsers' file readers give has the type of the file before it.
    head, comma, _ = data[:100].partition(";base64,")
    encoded = data[len(head) + len(comma) :] if comma and head.startswith("data:") else data
    try:
        sound = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("`data` is not valid base64.") from None
    if not sound:
        raise invalid("`data` holds no sound.")
    return sound


def _rate(value: object) -> int:
    if value is None:
        return SAMPLE_RATE_INPUT_HZ
    whole = _whole(value)
    if whole is None or not _LOWEST_RATE_HZ <= whole <= _HIGHEST_RATE_HZ:
        raise invalid(f"`sample_rate` must be a whole number from {_LOWEST_RATE_HZ} to {_HIGHEST_RATE_HZ}.")
    return whole


def _turns(value: object) -> int:
    if value is None:
        return Terms().max_turns
    whole = _whole(value)
    if whole is None or not 1 <= whole <= MOST_TURNS:
        raise invalid(f"`max_history_turns` must be a whole number from 1 to {MOST_TURNS}.")
    return whole


def _whole(value: object) -> int | None:
    """Returns a whole number, also one written as `20.0`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def _flag(text: str, name: str, *, default: bool) -> bool:
    text = text.strip().lower()
    if not text:
        return default
    if text not in _FLAGS:
        raise invalid(f"`{name}` must be true or false.")
    return _FLAGS[text]


def _object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise invalid("The request body must be a JSON object.")
    return value


def _text(fields: Fields, name: str, longest: int) -> str:
    """Returns a text, empty if it is absent or blank."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or has_half_character(value):
        raise invalid(f"`{name}` must be a text.")
    if len(value) > longest:
        raise invalid(f"`{name}` may have at most {longest} characters.")
    return "" if value.isspace() else value


def _checked_url(url: str) -> str:
    try:
        is_target = _URL.fullmatch(url) is not None and bool(urlsplit(url).hostname)
    except ValueError:
        is_target = False
    if not is_target:
        raise invalid("`url` must be an http or https address.")
    return url


def _events(value: object) -> tuple[str, ...]:
    if value is None:
        return EVENT_TYPES
    if not isinstance(value, list) or not value:
        raise invalid("`events` must be a list of at least one name.")
    unknown = [name for name in value if name not in EVENT_TYPES]
    if unknown:
        raise invalid(f"`events` may hold {', '.join(EVENT_TYPES)}.")
    return tuple(dict.fromkeys(value))
