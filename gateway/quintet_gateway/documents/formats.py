"""What an extension says about a file."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Format(StrEnum):
    """Ways to read a file; the values name them for people and for searches."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CODE = "code"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"


@dataclass(frozen=True)
class Kind:
    """How a file is read; `language` is the programming language if the extension names one."""

    format: Format
    language: str = ""


_DOCUMENTS = {
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
}
_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".toml": "toml",
    ".c": "c",
    ".h": "c",
    ".cc": "c++",
    ".cpp": "c++",
    ".hpp": "c++",
    ".cs": "c#",
    ".css": "css",
    ".go": "go",
    ".java": "java",
    ".kt": "kotlin",
    ".php": "php",
    ".proto": "protobuf",
    ".rb": "ruby",
    ".rs": "rust",
    ".sh": "shell",
    ".sql": "sql",
    ".swift": "swift",
    ".xml": "xml",
}
_KINDS = MappingProxyType(
    {extension: Kind(form) for extension, form in _DOCUMENTS.items()}
    | {extension: Kind(Format.CODE, language) for extension, language in _LANGUAGES.items()}
)

_USUAL_CODE = {".py", ".js", ".ts", ".tsx", ".yaml", ".yml", ".json", ".toml"}
_USUAL_TEXT = {".md", ".txt", ".rst", ".csv", ".html", ".htm", ".pdf", ".docx"}
DEFAULT_EXTENSIONS = frozenset(_USUAL_CODE | _USUAL_TEXT)
"""What is taken if nobody says what."""


def kind_of(extension: str) -> Kind:
    """Returns how files with this extension (lower case, with its dot) are read; an unknown one is plain text."""
    return _KINDS.get(extension, Kind(Format.TEXT))
