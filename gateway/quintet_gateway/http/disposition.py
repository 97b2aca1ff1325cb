"""What a part of a form says about itself: its name, and that of the file in it."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

# Nothing here is read twice, however a header is broken: it may be 8 KiB long, and there are many in a form.
_TYPE = re.compile(r'[^;"]*+')
_PARAMETER = re.compile(
    r"""
    ;\s*+
    (?:
        ([^;="\s]++)\s*+=\s*+
        (?: "((?:[^"\\]|\\.)*+)"\s*+ | ([^;"]*+) )
    )?+
    """,
    re.VERBOSE | re.DOTALL,
)
# Only these are escaped by anybody; any other backslash stands in a path of Windows.
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True)
class Disposition:
    """The name of a part, empty for none, and its file's, None if the part is no file."""

    name: str = ""
    filename: str | None = None


def read_disposition(header: str) -> Disposition:
    """Reads a Content-Disposition header; one that is broken names nothing."""
    parameters = _parameters(header)
    encoded = _decoded(parameters.get("filename*", ""))
    return Disposition(parameters.get("name", ""), parameters.get("filename") if encoded is None else encoded)


def _parameters(header: str) -> dict[str, str]:
    """Returns the parameters by their names in lower case; of several with one name the first one counts."""
    parameters: dict[str, str] = {}
    match = _TYPE.match(header)
    while match is not None and match.end() < len(header):
        match = _PARAMETER.match(header, match.end())
        if match is not None and match[1]:
            value = match[3].strip() if match[2] is None else _ESCAPED.sub(r"\1", match[2])
            parameters.setdefault(match[1].lower(), value)
    return parameters if match is not None else {}


def _decoded(value: str) -> str | None:
    """Returns a value that names its charset, as in RFC 5987; None if it is not written that way."""
    charset, _, rest = value.partition("'")
    _, mark, text = rest.partition("'")
    if not mark or charset.lower() not in {"", "utf-8", "iso-8859-1"}:
        return None
    try:
        return unquote(text, charset or "utf-8", "strict")
    except UnicodeDecodeError:
        return None
