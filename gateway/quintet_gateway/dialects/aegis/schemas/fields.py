"""Single values of bodies and queries. Every mistake is a 400 with one sentence; the document has no lists of them."""

import re
from collections.abc import Mapping, Sequence

from aiohttp import web

from quintet_gateway.dialects.aegis.errors import invalid
from quintet_gateway.dialects.aegis.owner import DEFAULT_USER, LONGEST_USER_ID
from quintet_gateway.http.body import parse_json, read_body
from quintet_gateway.http.failures import FailureKind, HttpError
from quintet_gateway.http.texts import has_half_character

Fields = Mapping[str, object]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


async def read_object(request: web.Request) -> Fields:
    """Reads a body that must be a JSON object."""
    value = parse_json(await read_body(request))
    if not isinstance(value, dict):
        raise HttpError(FailureKind.MALFORMED_JSON, "The body is not a JSON object.")
    return value


def text(fields: Fields, name: str, longest: int | None = None) -> str:
    """Returns a required text that is not blank, as it was written."""
    value = fields.get(name)
    if value is None:
        raise invalid(f"Field '{name}' is required")
    if not isinstance(value, str):
        raise invalid(f"Field '{name}' must be a string")
    if not value.strip():
        raise invalid(f"Field '{name}' must not be blank")
    return _checked(name, value, longest)


def optional_text(fields: Fields, name: str, longest: int | None = None) -> str | None:
    """Returns a text that may be absent or blank; None for both."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"Field '{name}' must be a string")
    return _checked(name, value, longest) if value and value.strip() else None


def label(fields: Fields, name: str, longest: int) -> str:
    """Returns a required text of one line."""
    return one_line(name, text(fields, name, longest))


def one_line(name: str, value: str) -> str:
    """Returns a text that may stand in a list or a log: it has no control characters."""
    if _CONTROL.search(value):
        raise invalid(f"Field '{name}' must not hold control characters")
    return value


def user_id(fields: Fields) -> str:
    """Returns the claimed user, `api-user` if nobody is."""
    return DEFAULT_USER if fields.get("user_id") is None else label(fields, "user_id", LONGEST_USER_ID)


def has_control_characters(value: str) -> bool:
    """Tells whether a text holds characters that no id has."""
    return _CONTROL.search(value) is not None or has_half_character(value)


def query_integer(request: web.Request, name: str, default: int, least: int, largest: int | None = None) -> int:
    """Returns a whole number of the query that lies within its bounds."""
    value = request.query.get(name)
    if value is None:
        return default
    if not _INTEGER.fullmatch(value.strip()):
        raise invalid(f"Field '{name}' must be an integer")
    return integer_within(name, int(value), least, largest)


def query_number(request: web.Request, name: str, default: float, least: float, largest: float) -> float:
    """Returns a number of the query that lies within its bounds."""
    value = request.query.get(name)
    if value is None:
        return default
    try:
        return number_within(name, float(value), least, largest)
    except ValueError:
        raise invalid(f"Field '{name}' must be a number") from None


def query_truth(request: web.Request, name: str) -> bool:
    """Returns a yes or no of the query, no if it is absent."""
    value = request.query.get(name, "false").strip().lower()
    if value not in _TRUTHS:
        raise invalid(f"Field '{name}' must be true or false")
    return _TRUTHS[value]


def integer(fields: Fields, name: str, default: int, least: int, largest: int) -> int:
    """Returns a whole number of a body that lies within its bounds."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"Field '{name}' must be an integer")
    return integer_within(name, value, least, largest)


def integer_within(name: str, value: int, least: int, largest: int | None) -> int:
    """Returns a whole number after a look at its bounds."""
    if value < least or (largest is not None and value > largest):
        bounds = f"at least {least}" if largest is None else f"between {least} and {largest}"
        raise invalid(f"Field '{name}' must be {bounds}")
    return value


def number_within(name: str, value: float, least: float, largest: float) -> float:
    """Returns a number after a look at its bounds."""
    # NaN fails every comparison; a whole number too large for a float can still be compared.
    if not least <= value <= largest:
        raise invalid(f"Field '{name}' must be between {least:g} and {largest:g}")
    return value


def texts(fields: Fields, name: str, most: int, longest: int) -> tuple[str, ...] | None:
    """Returns a list of texts that may be absent."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise invalid(f"Field '{name}' must be a list of strings")
    if len(value) > most:
        raise invalid(f"Field '{name}' must hold at most {most} strings")
    return tuple(one_line(name, _checked(name, one, longest)) for one in value if one.strip())


def _checked(name: str, value: str, longest: int | None) -> str:
    if has_half_character(value):
        raise invalid(f"Field '{name}' holds half of a character")
    if longest is not None and len(value) > longest:
        raise invalid(f"Field '{name}' must be at most {longest} characters long")
    return value
