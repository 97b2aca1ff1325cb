"""What requests hold, checked in the order in which the document names it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from aiohttp import hdrs, web

from quintet_gateway.dialects.sight.errors import SightError, missing
from quintet_gateway.http.body import read_body
from quintet_gateway.http.forms import FileRule, Form, UploadedFile, open_form
from quintet_gateway.http.texts import has_half_character

MAX_FORM_BYTES = 15 << 20
_MAX_IMAGE_BYTES = 10 << 20
_MAX_AUDIO_BYTES = 5 << 20
_LONGEST_ID = 128
_MAX_RESET_BYTES = 64 << 10
_MAX_RESET_FORM_BYTES = 1 << 20
_MOST_RESET_FIELDS = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_JPEG_HEAD = b"\xff\xd8\xff"
_WAV_TYPES = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")
_UNWANTED = re.compile(r";\s*q=0(\.0*)?\s*(;|$)")
_CONVERSATION = "conversation"


def _any(_head: bytes) -> bool:
    # Judged when the whole form is there, because a field that is missing is to be told first.
    return True


IMAGE_FILE = FileRule("image", _MAX_IMAGE_BYTES, _any)
AUDIO_FILE = FileRule("audio", _MAX_AUDIO_BYTES, _any)


@dataclass(frozen=True)
class AnalyzeRequest:
    """A picture to look at; `audio` is None unless a spoken question is to be answered."""

    session_id: str
    image: UploadedFile
    audio: UploadedFile | None


def read_analyze(form: Form) -> AnalyzeRequest:
    """Checks a form.

    Raises:
        SightError: with the sentence of the document for the first thing that is wrong.
    """
    mode = form.fields.get("mode", "").strip()
    session_id = form.fields.get("session_id", "")
    image, audio = (form.files.get(name) for name in ("image", "audio"))
    needed = [("session_id", session_id.strip()), ("mode", mode), ("image", image and image.data)]
    if mode == _CONVERSATION:
        needed.append(("audio", audio and audio.data))
    for name, value in needed:
        if not value:
            raise missing(name)
    check_session_id(session_id)
    if mode not in {"snapshot", _CONVERSATION}:
        raise SightError("Invalid mode. Must be 'snapshot' or 'conversation'")
    if image is None or not image.data.startswith(_JPEG_HEAD):
        raise SightError("Image must be JPEG format")
    if audio is not None and audio.data and not _is_wav(audio.data):
        raise SightError("Audio must be WAV format")
    if _asked_format(form.fields) not in {"", "mp3", "wav"}:
        raise SightError("Invalid response_format. Must be 'mp3' or 'wav'")
    return AnalyzeRequest(session_id, image, audio if mode == _CONVERSATION else None)


def check_session_id(session_id: str) -> None:
    """Checks an id that is not blank.

    Raises:
        SightError: if it is too long, or holds what may stand in no header and no label.
    """
    if len(session_id) > _LONGEST_ID or _CONTROL.search(session_id) or has_half_character(session_id):
        raise SightError(f"Invalid session_id. Must be 1 to {_LONGEST_ID} characters without control characters")


def is_session_id(session_id: str) -> bool:
    """Tells whether there can be a session of this id."""
    try:
        check_session_id(session_id)
    except SightError:
        return False
    return bool(session_id.strip())


def wants_wav(request: web.Request, fields: Mapping[str, str]) -> bool:
    """Tells whether a client wants a WAV file instead of MP3, which is the document's."""
    asked = _asked_format(fields)
    return asked == "wav" if asked else accepts_only_wav(request)


def accepts_only_wav(request: web.Request) -> bool:
    """Tells whether the `Accept` header names WAV and not MP3."""
    listed = ",".join(request.headers.getall(hdrs.ACCEPT, [])).lower().split(",")
    accepted = [one.partition(";")[0].strip() for one in listed if not _UNWANTED.search(one)]
    return "audio/mpeg" not in accepted and any(one in _WAV_TYPES for one in accepted)


async def read_reset(request: web.Request) -> str:
    """Reads the id of a session from a form of either type.

    Raises:
        SightError: if there is none, or it can be none.
    """
    if request.content_type == "multipart/form-data":
        async with open_form(request, max_bytes=_MAX_RESET_FORM_BYTES) as form:
            session_id = form.fields.get("session_id", "")
    else:
        session_id = _first_id((await read_body(request, _MAX_RESET_BYTES)).decode("utf-8", "replace"))
    if not session_id.strip():
        raise missing("session_id")
    check_session_id(session_id)
    return session_id


def _first_id(body: str) -> str:
    try:
        return next(iter(parse_qs(body, max_num_fields=_MOST_RESET_FIELDS).get("session_id", ())), "")
    except ValueError:
        raise SightError(f"The form has more than {_MOST_RESET_FIELDS} fields") from None


def _asked_format(fields: Mapping[str, str]) -> str:
    return fields.get("response_format", "").strip().lower()


def _is_wav(data: bytearray) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"
