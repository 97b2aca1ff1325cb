"""Checks of the settings that name a provider; no sentence of theirs repeats what was given, as it may be the key."""

from urllib.parse import urlsplit

from pydantic import SecretStr


def check_address(value: str) -> str:
    """Returns the base URL without a slash at its end.

    Raises:
        ValueError: if it is no http(s) address, or holds credentials, a query or a fragment.
    """
    value = value.strip().rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("this or OPENAI_BASE_URL must be an address such as http://127.0.0.1:11434/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "this or OPENAI_BASE_URL must hold no credentials, query or fragment; the key has a setting of its own"
        )
    return value


def check_key(value: SecretStr) -> SecretStr:
    """Returns the key without white space around it.

    Raises:
        ValueError: if it holds characters that no HTTP header can carry.
    """
    key = value.get_secret_value().strip()
    if not key.isascii() or not (key.isprintable() or not key) or " " in key:
        raise ValueError("this or OPENAI_API_KEY holds characters that no key has")
    return SecretStr(key)


def parse_model_map(value: str) -> dict[str, str]:
    """Returns `asked=served,asked=served` as a mapping.

    Raises:
        ValueError: if an entry is not of that form.
    """
    entries = [entry.strip() for entry in value.split(",") if entry.strip()]
    pairs = [tuple(part.strip() for part in entry.split("=", 1)) for entry in entries]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise ValueError("must have the form asked=served,asked=served")
    return {pair[0]: pair[1] for pair in pairs}
