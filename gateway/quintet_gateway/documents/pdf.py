"""The texts of the pages of a PDF."""

import io
from collections.abc import Iterator

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, PdfReadError

from quintet_gateway.documents.unreadable import UnreadableError

_MAX_PAGES = 5000


def page_texts(data: bytes, max_text: int) -> list[str]:
    """Returns the text of each page, empty for one that is a picture or broken.

    Raises:
        UnreadableError: if it is no PDF, is locked, or is longer than `max_text` characters.
        Exception: whatever the parser fails with.
    """
    if b"%PDF-" not in data[:1024]:
        raise UnreadableError("is no PDF")
    texts = []
    left = max_text
    for page in _pages(data):
        texts.append(_text_of(page))
        left -= len(texts[-1])
        if left < 0:
            raise UnreadableError(f"holds more than {max_text >> 20} Mi characters of text")
    return texts


def _pages(data: bytes) -> Iterator[PageObject]:
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        # Many files are encrypted with no password, only to forbid changes.
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("is locked by a password")
        count = len(reader.pages)
    except DependencyError:
        raise UnreadableError("is encrypted") from None
    except PdfReadError:
        raise UnreadableError("is a broken PDF") from None
    if count > _MAX_PAGES:
        raise UnreadableError(f"has more than {_MAX_PAGES} pages")
    return iter(reader.pages)


def _text_of(page: PageObject) -> str:
    try:
        text = page.extract_text()
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with one page, the others may be fine
        return ""
    # Half of a surrogate pair comes from broken fonts, and cannot be sent.
    return text.encode("utf-8", "ignore").decode().replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
