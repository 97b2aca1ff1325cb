"""HTML to Markdown: what a reader of the page reads."""

import re

from bs4 import BeautifulSoup
from markdownify import ATX, MarkdownConverter

from quintet_gateway.documents.unreadable import UnreadableError

_NOT_READ = ("script", "style", "nav", "noscript", "template", "svg", "iframe", "object", "form", "img", "picture")
_MANY_BLANK_LINES = re.compile(r"\n{3,}")
# Escapes would stand between a word and its search, and addresses drown the words of a link.
_CONVERTER = MarkdownConverter(
    heading_style=ATX, bullets="-", strip=["a"], escape_asterisks=False, escape_underscores=False
)


def to_markdown(page: bytes | str) -> str:
    """Returns the page as Markdown, under its title if it has no heading of the first level.

    Raises:
        UnreadableError: if it is binary.
        RecursionError: if it is nested too deeply.
    """
    if isinstance(page, bytes) and b"\0" in page and not page.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("is binary")
    soup = BeautifulSoup(page, "html.parser")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    for element in soup.find_all([*_NOT_READ, "head"]):
        element.decompose()
    text = _MANY_BLANK_LINES.sub("\n\n", _CONVERTER.convert_soup(soup).replace("\0", ""))
    return f"# {title}\n\n{text}" if title and soup.h1 is None else str(text)
