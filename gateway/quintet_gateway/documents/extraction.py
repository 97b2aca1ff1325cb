"""From the bytes of a file to its text in sections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quintet_gateway.documents.decoding import decode
from quintet_gateway.documents.formats import Format
from quintet_gateway.documents.unreadable import UnreadableError

MAX_TEXT = 16 << 20
"""Characters of text that one file may hold."""


@dataclass(frozen=True)
class Section:
    """A stretch of text; `heading` is known beside it, `is_markdown` says that it holds headings of its own."""

    text: str
    heading: str = ""
    is_markdown: bool = False


@dataclass(frozen=True)
class Extracted:
    """The text of a file; `has_lines` says that lines of the only section are lines of the file."""

    sections: tuple[Section, ...]
    has_lines: bool = False


def extract(form: Format, data: bytes) -> Extracted:
    """Returns the text of a file.

    Raises:
        UnreadableError: if it holds none, or cannot be read.
        Exception: whatever the parser of a format fails with.
    """
    extracted = _READERS[form](data)
    if sum(len(section.text) for section in extracted.sections) > MAX_TEXT:
        raise UnreadableError(f"holds more than {MAX_TEXT >> 20} Mi characters of text")
    if not any(section.text.strip() for section in extracted.sections):
        raise UnreadableError("holds no text")
    return extracted


def _read_text(data: bytes) -> Extracted:
    return Extracted((Section(decode(data)),), has_lines=True)


def _read_markdown(data: bytes) -> Extracted:
    return Extracted((Section(decode(data), is_markdown=True),), has_lines=True)


# A parser is loaded when its first file comes: a worker that reads only code stays small.
def _read_html(data: bytes) -> Extracted:
    from quintet_gateway.documents.html import to_markdown  # noqa: PLC0415

    return Extracted((Section(to_markdown(data), is_markdown=True),))


def _read_docx(data: bytes) -> Extracted:
    from quintet_gateway.documents.docx import to_markdown  # noqa: PLC0415

    return Extracted((Section(to_markdown(data), is_markdown=True),))


def _read_pdf(data: bytes) -> Extracted:
    from quintet_gateway.documents.pdf import page_texts  # noqa: PLC0415

    pages = enumerate(page_texts(data, MAX_TEXT), start=1)
    return Extracted(tuple(Section(text, f"Page {number}") for number, text in pages))


_READERS: Mapping[Format, Callable[[bytes], Extracted]] = {
    Format.TEXT: _read_text,
    Format.CODE: _read_text,
    Format.MARKDOWN: _read_markdown,
    Format.HTML: _read_html,
    Format.DOCX: _read_docx,
    Format.PDF: _read_pdf,
}
