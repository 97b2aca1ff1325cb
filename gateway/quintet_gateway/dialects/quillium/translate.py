"""What the assistant returns, in the words of the document."""

import json
import unicodedata
from collections.abc import Mapping, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from quintet.identity.v1.identity_service_pb2 import ApiKey, User
from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_gateway.assistant import SettingsDocument, SignedIn
from quintet_gateway.dialects.quillium.errors import QuilliumProblem
from quintet_gateway.dialects.quillium.schemas import CHAT_PREFIX, Page
from quintet_gateway.http.times import format_time, now

NEW_TITLE = "New Chat"
MESSAGE_PREFIX = "msg_"
MODEL_ATTRIBUTE = "model"
_TITLE_LENGTH = 50
_ROLES: Mapping[int, str] = {
    Message.ROLE_USER: "user",
    Message.ROLE_ASSISTANT: "assistant",
    Message.ROLE_SYSTEM: "system",
}

USER_DEFAULTS: Mapping[str, object] = {"theme": "light", "language": "en", "notifications_enabled": True}
ADMIN_TEXTS: Mapping[str, str] = {
    "openai_base_url": "https://api.openai.com",
    "llm_profile_speed": "gpt-3.5-turbo",
    "llm_profile_balanced": "gpt-4o",
    "llm_profile_quality": "gpt-4o",
    "webcrawler_url": "",
    "elasticsearch_url": "",
    "elasticsearch_username": "",
}
ADMIN_FLAGS: Mapping[str, bool] = {"enable_sign_ups": True}
ADMIN_SECRETS = ("openai_api_key", "elasticsearch_password")
MASK = "encrypted"
"""What stands in the place of a secret that is set; sent back, it leaves the secret as it is."""

_Json = dict[str, object]


def tokens(signed_in: SignedIn) -> _Json:
    """Returns what a login is answered with."""
    pair = signed_in.tokens
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_in": pair.access_token_lifetime.seconds,
        "token_type": "Bearer",
    }


def profile(user: User, settings: SettingsDocument) -> _Json:
    """Returns a user with the settings."""
    return {
        "id": user.user_id,
        "email": user.email,
        "username": user.name,
        "name": user.name,
        "is_admin": user.is_admin,
        "is_sso": False,
        "settings": _values(settings, USER_DEFAULTS),
        "created_at": format_time(user.create_time),
        "updated_at": format_time(user.update_time),
    }


def api_key(key: ApiKey, secret: str) -> _Json:
    """Returns a new API key; this is the only time that it is seen."""
    return {"api_key": secret, "created_at": format_time(key.create_time)}


def chat_id(session_id: str) -> str:
    """Returns the public id of a chat."""
    return f"{CHAT_PREFIX}{session_id}"


def chat(session: Session) -> _Json:
    """Returns a chat as its creator is told."""
    return {
        "id": chat_id(session.session_id),
        "title": session.title,
        "model": session.attributes.get(MODEL_ATTRIBUTE, ""),
        "created_at": format_time(session.create_time),
        "updated_at": format_time(session.update_time),
    }


def chat_details(session: Session) -> _Json:
    """Returns a chat with the number of its messages."""
    return {**chat(session), "message_count": session.message_count}


def message(session_id: str, stored: Message) -> _Json:
    """Returns a message of a chat."""
    role, written = _ROLES.get(stored.role, "user"), format_time(stored.create_time)
    return {
        "id": f"{MESSAGE_PREFIX}{stored.message_id}",
        "chat_id": chat_id(session_id),
        "role": role,
        "sender": role,
        "content": stored.content,
        "created_at": written,
        "timestamp": written,
    }


def page(items: Sequence[_Json], total: int, asked: Page, path: str) -> _Json:
    """Returns a part of a list and where the parts beside it are; `path` is the one that the client used."""
    before = max(0, min(asked.offset, total) - asked.limit)
    after = asked.offset + asked.limit
    return {
        "data": items,
        "pagination": {
            "total": total,
            "limit": asked.limit,
            "offset": asked.offset,
            "next": f"{path}?limit={asked.limit}&offset={after}" if after < total else None,
            "previous": f"{path}?limit={asked.limit}&offset={before}" if asked.offset > 0 else None,
        },
    }


def user_settings(settings: SettingsDocument, unwritten: Timestamp) -> _Json:
    """Returns all settings of a user; `unwritten` is the time of defaults that nobody ever changed."""
    return {**_values(settings, USER_DEFAULTS), "updated_at": format_time(settings.update_time or unwritten)}


def admin_settings(settings: SettingsDocument, env_overrides: Sequence[str]) -> _Json:
    """Returns the settings of the surface, with its secrets masked."""
    found = _values(settings, {**ADMIN_TEXTS, **ADMIN_FLAGS})
    found["elasticsearch_password"] = MASK if "elasticsearch_password" in settings.secret_names else ""
    if "openai_api_key" in settings.secret_names:
        found["openai_api_key_encrypt"] = MASK
    found["env_overrides"] = list(env_overrides)
    found["updated_at"] = format_time(settings.update_time) if settings.update_time else None
    return found


def frame(kind: str, data: Mapping[str, object]) -> str:
    """Returns one message of a WebSocket."""
    return json.dumps({"type": kind, "data": data})


def error_frame(problem: QuilliumProblem, about_chat: str | None = None) -> str:
    """Returns the frame that tells of a failure."""
    about = {"chat_id": about_chat} if about_chat is not None else {}
    return frame("error", {"code": problem.code, "message": problem.message, **about, "timestamp": now()})


def typing_frame(about_chat: str, sender: str, *, is_typing: bool) -> str:
    """Returns the frame that tells who types."""
    return frame("typing", {"chat_id": about_chat, "sender": sender, "is_typing": is_typing, "timestamp": now()})


def title_of(text: str) -> str:
    """Returns the title of a chat whose first message is `text`."""
    text = text.strip()
    return text if len(text) <= _TITLE_LENGTH else f"{_cut(text, _TITLE_LENGTH - 3)}..."


def _cut(text: str, length: int) -> str:
    """Cuts a text between two characters as people see them, never within one that is made of several."""
    while length > 1 and (_continues(text[length]) or text[length - 1] == _JOINER):
        length -= 1
    return text[:length]


_JOINER = "\u200d"


def _continues(character: str) -> bool:
    skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return character == _JOINER or skin_tone or unicodedata.category(character).startswith("M")


def _values(settings: SettingsDocument, defaults: Mapping[str, object]) -> _Json:
    return {name: settings.values.get(name, default) for name, default in defaults.items()}
