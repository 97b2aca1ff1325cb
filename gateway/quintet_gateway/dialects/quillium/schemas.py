"""What requests and frames may hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from quintet_gateway.dialects.quillium.errors import QuilliumError, chat_not_found, invalid
from quintet_gateway.http.body import parse_json, read_body
from quintet_gateway.http.texts import has_half_character

CHAT_PREFIX = "chat_"
_LONGEST_TITLE = 200
_LONGEST_MODEL = 200
_SHORTEST_NAME = 3
_LONGEST_NAME = 100
_LONGEST_EMAIL = 254
_SHORTEST_PASSWORD = 8
_LONGEST_PASSWORD = 1024
_LONGEST_WORD = 100
_LONGEST_TOKEN = 4096
_LONGEST_SETTING = 2000
_MOST_ITEMS = 100
_DEFAULT_ITEMS = 20

# Ids are opaque visible ASCII; anything else cannot exist, and stays out of logs and calls.
_ID = re.compile(r"[\x21-\x7e]{1,64}")
# More digits than any list has items, and fewer than a 64-bit number.
_NUMBER = re.compile(r"-?[0-9]{1,15}")

Fields = Mapping[str, object]
ValueT = TypeVar("ValueT", str, bool)


@dataclass(frozen=True)
class SignIn:
    """An address and a password."""

    email: str
    password: str


@dataclass(frozen=True)
class Registration:
    """A new account; `name` is empty if none was sent."""

    email: str
    password: str
    name: str


@dataclass(frozen=True)
class ProfileChange:
    """What changes in a profile; None leaves a field as it is."""

    email: str | None
    name: str | None
    password: str | None
    is_admin: bool | None


@dataclass(frozen=True)
class NewChat:
    """A chat to create; empty texts mean the defaults."""

    title: str
    model: str


@dataclass(frozen=True)
class Page:
    """Which part of a list."""

    limit: int
    offset: int


async def read_object(request: web.Request) -> Fields:
    """Reads a body that must hold a JSON object.

    Raises:
        HttpError: MALFORMED_JSON, JSON_TOO_LARGE or BODY_TOO_SLOW.
        QuilliumError: 400, if it is JSON of another kind.
    """
    return as_object(parse_json(await read_body(request)))


async def read_optional_object(request: web.Request) -> Fields:
    """Reads a body that may be absent or blank."""
    body = await read_body(request)
    return as_object(parse_json(body)) if body.strip() else {}


def as_object(value: object) -> Fields:
    """Returns a JSON object as it is, and refuses anything else."""
    if not isinstance(value, dict):
        raise invalid("The request body must be a JSON object")
    return value


def read_sign_in(fields: Fields) -> SignIn:
    """Checks the body of a login."""
    email, password = _required(fields, "email"), _required(fields, "password")
    _optional(fields, "remember_me", bool)
    return SignIn(email, password)


def read_registration(fields: Fields) -> Registration:
    """Checks the body of a registration; `name` and `username` are one field."""
    email, password = _required(fields, "email"), _required(fields, "password")
    return Registration(_short(email, "email", _LONGEST_EMAIL), _password(password), _name(fields) or "")


def read_refresh_token(fields: Fields) -> str:
    """Returns the refresh token, empty if there is none."""
    return _optional(fields, "refresh_token", str) or ""


def is_refresh_token(text: str) -> bool:
    """Tells whether a text could be a refresh token at all."""
    return 0 < len(text) <= _LONGEST_TOKEN


def read_profile_change(fields: Fields) -> ProfileChange:
    """Checks the body of a change to the own profile."""
    email = _optional(fields, "email", str)
    if email is not None:
        _short(_filled(email, "email"), "email", _LONGEST_EMAIL)
    password = _optional(fields, "password", str)
    if password is not None:
        _password(password)
    return ProfileChange(email, _name(fields), password, _optional(fields, "is_admin", bool))


def read_new_chat(fields: Fields) -> NewChat:
    """Checks the body of a new chat."""
    title, model = (_optional(fields, "title", str) or "").strip(), (_optional(fields, "model", str) or "").strip()
    return NewChat(_short(title, "title", _LONGEST_TITLE), _short(model, "model", _LONGEST_MODEL))


def read_content(fields: Fields) -> str:
    """Returns the text of a message as it was written."""
    return _required(fields, "content")


def read_user_settings(fields: Fields) -> dict[str, object]:
    """Returns the settings that a body changes."""
    texts = {name: _optional(fields, name, str) for name in ("theme", "language")}
    for name, text in texts.items():
        if text is not None:
            _short(_filled(text, name), name, _LONGEST_WORD)
    found: dict[str, object] = {**texts, "notifications_enabled": _optional(fields, "notifications_enabled", bool)}
    return {name: value for name, value in found.items() if value is not None}


def read_admin_settings(
    fields: Fields, texts: tuple[str, ...], flags: tuple[str, ...], secrets: tuple[str, ...]
) -> tuple[dict[str, object], dict[str, str]]:
    """Returns the values and the secrets that a body changes."""
    values: dict[str, object] = {name: _setting(fields, name) for name in texts}
    for name in (name for name in texts if name.endswith("_url")):
        _check_address(values[name], name)
    values |= {name: _optional(fields, name, bool) for name in flags}
    hidden = {name: _setting(fields, name) for name in secrets}
    return (
        {name: value for name, value in values.items() if value is not None},
        {name: value for name, value in hidden.items() if value is not None},
    )


def _check_address(value: object, name: str) -> None:
    """Refuses what is no HTTP address; an empty text means none."""
    if not value:
        return
    try:
        parts = urlsplit(str(value))
        complete = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        complete = False
    if not complete:
        raise invalid(f"{name} must be an http or https address", name)


def read_page(request: web.Request) -> Page:
    """Returns which part of a list is asked for; `limit` beyond the largest one means the largest one."""
    limit, offset = _number(request, "limit", _DEFAULT_ITEMS), _number(request, "offset", 0)
    if limit < 1:
        raise invalid("limit must be at least 1", "limit")
    if offset < 0:
        raise invalid("offset must not be negative", "offset")
    return Page(min(limit, _MOST_ITEMS), offset)


def session_id_of(chat_id: str) -> str:
    """Returns the id under which the assistant knows a chat.

    Raises:
        QuilliumError: 404, if no chat can have this id.
    """
    session_id = chat_id.removeprefix(CHAT_PREFIX)
    if session_id == chat_id or not _ID.fullmatch(session_id):
        raise chat_not_found()
    return session_id


def read_frame(text: str) -> tuple[str, Fields]:
    """Returns the type of a frame and its data.

    Raises:
        QuilliumError: 400, `Invalid message format`.
    """
    try:
        frame = parse_json(text.encode())
    except Exception:  # noqa: BLE001 - every way of being no JSON is the same to the client
        raise _malformed_frame() from None
    kind, data = (frame.get("type"), frame.get("data")) if isinstance(frame, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise _malformed_frame()
    return kind, data


def read_chat_id(fields: Fields) -> str:
    """Returns the chat that a frame is about."""
    return _required(fields, "chat_id")


def read_message_id(fields: Fields) -> str:
    """Returns the message that was read, empty if the frame names none."""
    return _short(_optional(fields, "message_id", str) or "", "message_id", _LONGEST_WORD)


def read_is_typing(fields: Fields) -> bool:
    """Tells whether somebody begins to type, or ends."""
    found = _optional(fields, "is_typing", bool)
    return True if found is None else found


def _malformed_frame() -> QuilliumError:
    return invalid("Invalid message format")


def _required(fields: Fields, name: str) -> str:
    value = _optional(fields, name, str)
    if value is None:
        raise invalid(f"{name} is required", name)
    return _filled(value, name)


def _filled(text: str, name: str) -> str:
    if not text.strip():
        raise invalid(f"{name} must not be empty", name)
    return text


def _password(text: str) -> str:
    if len(text) < _SHORTEST_PASSWORD:
        raise invalid(f"password must be at least {_SHORTEST_PASSWORD} characters", "password")
    return _short(text, "password", _LONGEST_PASSWORD)


def _short(text: str, name: str, longest: int) -> str:
    if len(text) > longest:
        raise invalid(f"{name} must be at most {longest} characters", name)
    return text


def _setting(fields: Fields, name: str) -> str | None:
    value = _optional(fields, name, str)
    return None if value is None else _short(value, name, _LONGEST_SETTING)


def _optional(fields: Fields, name: str, kind: type[ValueT]) -> ValueT | None:
    value: Any = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, kind):
        raise invalid(f"{name} must be a {'string' if kind is str else 'boolean'}", name)
    if isinstance(value, str) and has_half_character(value):
        raise invalid(f"{name} holds half of a character", name)
    return value


def _name(fields: Fields) -> str | None:
    both = [(key, _optional(fields, key, str)) for key in ("username", "name")]
    key, name = next(((key, value) for key, value in both if value is not None), ("name", None))
    if name is None:
        return None
    if len(name.strip()) < _SHORTEST_NAME:
        raise invalid(f"{key} must be at least {_SHORTEST_NAME} characters", key)
    return _short(name.strip(), key, _LONGEST_NAME)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise invalid(f"{name} must be an integer", name)
    return int(text)
