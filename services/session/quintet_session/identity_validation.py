"""Checks of arguments about people. Each names the field in the error's metadata and repeats no value."""

import json
from collections.abc import Iterable, Mapping

import email_validator

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_session.identity_store import EmailAddress, SettingsKey, SettingsLimits
from quintet_session.validation import (
    LONGEST_OWNER,
    LONGEST_SURFACE,
    invalid,
    missing,
    required,
    time_us,
    too_large,
)

LONGEST_EMAIL = 254
LONGEST_NAME = 100
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
LONGEST_ID = 128
SCOPES = ("read", "write")
_MOST_ENTRIES = 64
_MOST_ENTRY_BYTES = 64 << 10
_LONGEST_ENTRY_NAME = 128
DOCUMENT_LIMITS = SettingsLimits(entries=256, value_bytes=256 << 10)

# Networks at home and test set-ups use these as their own; the library's list is meant to be changed by its users.
for _domain in ("local", "localhost", "test"):
    if _domain in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_domain)


def email(value: str) -> EmailAddress:
    """Returns an address that looks like one; nobody asks whether mail arrives there."""
    if len(required(value, "email")) > LONGEST_EMAIL:
        raise invalid("email", f"at most {LONGEST_EMAIL} characters long")
    try:
        email_validator.validate_email(value, check_deliverability=False)
    except email_validator.EmailNotValidError:
        raise invalid("email", "an e-mail address") from None
    return EmailAddress(value)


def new_password(value: str) -> str:
    """Returns a password that may be set."""
    if not SHORTEST_PASSWORD <= len(given(value, "password")) <= LONGEST_PASSWORD:
        raise invalid("password", f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters long")
    return value


def given(value: str, field: str) -> str:
    """Returns a text that is not empty; blanks are characters here."""
    if not value:
        raise missing(field)
    return value


def name(value: str) -> str:
    """Returns the name of a person."""
    return required(value, "name", LONGEST_NAME)


def surface(value: str, field: str = "surface") -> str:
    """Returns the name of a public surface."""
    return required(value, field, LONGEST_SURFACE)


def owner(value: str) -> str:
    """Returns the owner of an API key."""
    return required(value, "owner", LONGEST_OWNER)


def scopes(values: Iterable[str]) -> tuple[str, ...]:
    """Returns what an API key may do, each scope once."""
    found = tuple(dict.fromkeys(values))
    if not set(found) <= set(SCOPES):
        raise invalid("scopes", "`read` or `write`")
    return found


def expire_us(request: pb.CreateApiKeyRequest, now_us: int) -> int | None:
    """Returns when an API key ends, in microseconds since 1970; None for never."""
    if not request.HasField("expire_time"):
        return None
    expires = time_us(request.expire_time, "expire_time")
    if expires <= now_us:
        raise invalid("expire_time", "a time to come")
    return expires


def settings_key(key: pb.SettingsKey) -> SettingsKey:
    """Returns the name of a settings document."""
    return SettingsKey(surface(key.surface, "key.surface"), required(key.subject, "key.subject", LONGEST_OWNER))


def settings_values(values: Mapping[str, str]) -> dict[str, str | None]:
    """Returns values that are JSON texts; None stands for a value that `null` removes."""
    _check_entries(values, "values")
    return {name: None if _parsed(text) is None else text for name, text in values.items()}


def settings_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """Returns secrets of a size that can be kept."""
    _check_entries(values, "secrets")
    return dict(values)


def _check_entries(entries: Mapping[str, str], field: str) -> None:
    if len(entries) > _MOST_ENTRIES:
        raise invalid(field, f"at most {_MOST_ENTRIES} entries")
    if not all(key and len(key) <= _LONGEST_ENTRY_NAME for key in entries):
        raise invalid(field, f"named with 1 to {_LONGEST_ENTRY_NAME} characters")
    size = sum(len(key.encode()) + len(text.encode()) for key, text in entries.items())
    if size > _MOST_ENTRY_BYTES:
        raise too_large(f"`{field}`", _MOST_ENTRY_BYTES, size)


def _parsed(text: str) -> object:
    try:
        parsed: object = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid("values", "JSON texts") from None
    return parsed


def _no_constant(_name: str) -> None:
    # Python reads NaN and Infinity, which are no JSON.
    raise ValueError
