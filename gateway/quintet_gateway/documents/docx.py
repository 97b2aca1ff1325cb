"""DOCX to Markdown: headings, paragraphs, lists and tables; pictures are left out."""

import io
import zipfile

import mammoth

from quintet_gateway.documents.html import to_markdown as html_to_markdown
from quintet_gateway.documents.unreadable import UnreadableError

_MAX_UNPACKED = 128 << 20
_MAX_XML = 32 << 20
_MAX_PARTS = 5000


def to_markdown(data: bytes) -> str:
    """Returns the document as Markdown.

    Raises:
        UnreadableError: if it is no DOCX file, or a trap.
        Exception: whatever the parser fails with.
    """
    _check_archive(data)
    page = mammoth.convert_to_html(io.BytesIO(data), convert_image=lambda _image: [])
    return html_to_markdown(page.value)


def _check_archive(data: bytes) -> None:
    """Looks at an archive before anything is unpacked: zipfile never gives out more than an entry declares."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError):
        raise UnreadableError("is no DOCX file") from None
    with archive:
        parts = archive.infolist()
        texts = [part for part in parts if part.filename.endswith((".xml", ".rels"))]
        if (
            len(parts) > _MAX_PARTS
            or sum(part.file_size for part in parts) > _MAX_UNPACKED
            or sum(part.file_size for part in texts) > _MAX_XML
        ):
            raise UnreadableError("unpacks to more than it may")
        for part in texts:
            _check_xml(archive.read(part))


def _check_xml(part: bytes) -> None:
    # Office files declare no entities; bombs have to.
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part or part.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("holds XML that no DOCX file needs")
