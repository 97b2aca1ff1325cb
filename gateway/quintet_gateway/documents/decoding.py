"""From bytes to text."""

import codecs
import unicodedata

import charset_normalizer

from quintet_gateway.documents.unreadable import UnreadableError

# The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Guessing takes time, and what it looks at beyond this does not change the guess.
_SAMPLE_BYTES = 256 << 10
# Text holds hardly any control characters beside line ends, tabs, page breaks and escapes.
_MOST_CONTROLS = 0.01
_USUAL_CONTROLS = frozenset("\n\r\t\f\v\x1b")


def decode(data: bytes) -> str:
    r"""Returns the text of a file, its lines ended by `\n` only.

    Raises:
        UnreadableError: if it is binary, or nobody can tell its encoding.
    """
    text = _decode_marked(data)
    if text is None:
        text = _decode_unmarked(data)
    if "\0" in text or _is_noise(text):
        raise UnreadableError("is binary")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode_marked(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                raise UnreadableError(f"is not the {encoding} that its first bytes promise") from None
    return None


def _decode_unmarked(data: bytes) -> str:
    if b"\0" in data:
        raise UnreadableError("is binary")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_guessed(data)


def _decode_guessed(data: bytes) -> str:
    encoding = _guess(data[:_SAMPLE_BYTES])
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        raise UnreadableError("has an unknown encoding") from None


def _guess(sample: bytes) -> str:
    """Returns the likeliest encoding. Among equals it is that of Western Windows, the most usual."""
    matches = charset_normalizer.from_bytes(sample)
    best = matches.best()
    if best is None:
        raise UnreadableError("has an unknown encoding")
    is_western = any(
        match.encoding == "cp1252" and match.chaos <= best.chaos + 0.1 and match.coherence >= best.coherence
        for match in matches
    )
    return "cp1252" if is_western else best.encoding


def _is_noise(text: str) -> bool:
    sample = text[:_SAMPLE_BYTES]
    controls = sum(unicodedata.category(char) == "Cc" for char in sample) - sum(map(sample.count, _USUAL_CONTROLS))
    return controls > len(sample) * _MOST_CONTROLS
