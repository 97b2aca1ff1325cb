"""What requests may hold, checked by hand: the document fixes each message, and this is the hot path."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from quintet_audio.sniff import sniff_audio
from quintet_gateway.dialects.nexus.errors import invalid_input, missing_field
from quintet_gateway.dialects.nexus.languages import DEFAULT_LANGUAGE
from quintet_gateway.http.body import parse_json, read_body
from quintet_gateway.http.failures import FailureKind, HttpError
from quintet_gateway.http.forms import FileRule, Form, UploadedFile
from quintet_gateway.http.image_formats import sniff_image
from quintet_gateway.http.texts import has_half_character

MAX_TEXT_LENGTH = 5000
MAX_FILE_BYTES = 20 << 20
_MAX_LANGUAGE_LENGTH = 64

# Ids are opaque visible ASCII; anything else cannot exist, and stays out of logs and calls.
_ID = re.compile(r"[\x21-\x7e]{1,128}")

IMAGE_FILE = FileRule("image", MAX_FILE_BYTES, lambda head: sniff_image(head) is not None)
AUDIO_FILE = FileRule("audio", MAX_FILE_BYTES, lambda head: sniff_audio(head) is not None)


@dataclass(frozen=True)
class TextRequest:
    """A message to answer; `session_id` is None if there is none that could exist."""

    message: str
    session_id: str | None


@dataclass(frozen=True)
class SpeechRequest:
    """A text to speak."""

    text: str
    language: str
    session_id: str | None


@dataclass(frozen=True)
class UploadRequest:
    """A file and the fields beside it; `question` is empty where none is asked for."""

    file: UploadedFile
    question: str
    language: str
    session_id: str | None


async def read_text_request(request: web.Request) -> TextRequest:
    """Reads the body of a chat message."""
    body = await _read_object(request)
    return TextRequest(_required_text(body, "message", "Message is required"), _session_id(body))


async def read_speech_request(request: web.Request) -> SpeechRequest:
    """Reads the body of a speech request."""
    body = await _read_object(request)
    return SpeechRequest(_required_text(body, "text", "Text required"), _language(body), _session_id(body))


async def read_optional_object(request: web.Request) -> Mapping[str, object]:
    """Reads a body that may be absent or blank; clients send a JSON content type without a body."""
    body = await read_body(request)
    return _object(body) if body.strip() else {}


def read_session_id(body: Mapping[str, object]) -> str | None:
    """Returns the session that a body names, None for none."""
    return _session_id(body)


def is_id(text: str) -> bool:
    """Tells whether a session or a job could have this id."""
    return _ID.fullmatch(text) is not None


def read_image_form(form: Form, *, with_question: bool) -> UploadRequest:
    """Checks the parts of an image upload."""
    file = _required_file(form, "image", "No image file")
    question = _required_text(form.fields, "question", "Question required") if with_question else ""
    return UploadRequest(file, question, DEFAULT_LANGUAGE, _session_id(form.fields))


def read_audio_form(form: Form) -> UploadRequest:
    """Checks the parts of an audio upload."""
    file = _required_file(form, "audio", "No audio file")
    return UploadRequest(file, "", _language(form.fields), _session_id(form.fields))


async def _read_object(request: web.Request) -> Mapping[str, object]:
    return _object(await read_body(request))


def _object(body: bytes) -> Mapping[str, object]:
    value = parse_json(body)
    if not isinstance(value, dict):
        raise HttpError(FailureKind.MALFORMED_JSON, "The body is not a JSON object.")
    return value


def _required_text(fields: Mapping[str, object], name: str, absent: str) -> str:
    value = fields.get(name)
    if value is None:
        raise missing_field(name, absent)
    if not isinstance(value, str):
        raise invalid_input(name, f"{name} must be a string")
    text = value.strip()
    if not text:
        raise missing_field(name, absent)
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid_input(name, f"{name} must be at most {MAX_TEXT_LENGTH} characters")
    return _whole_characters(name, text)


def _optional_text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_input(name, f"{name} must be a string")
    return _whole_characters(name, value.strip())


def _whole_characters(name: str, text: str) -> str:
    if has_half_character(text):
        raise invalid_input(name, f"{name} holds half of a character")
    return text


def _session_id(fields: Mapping[str, object]) -> str | None:
    value = _optional_text(fields, "session_id")
    return value if is_id(value) else None


def _language(fields: Mapping[str, object]) -> str:
    return _optional_text(fields, "language")[:_MAX_LANGUAGE_LENGTH] or DEFAULT_LANGUAGE


def _required_file(form: Form, name: str, absent: str) -> UploadedFile:
    if form.file is None:
        raise missing_field(name, absent)
    if not form.file.filename:
        raise missing_field(name, "No file selected")
    return form.file
