"""Reads what a walk found, a bounded batch after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quintet.knowledge.v1.knowledge_service_pb2 import Document
from quintet_gateway.assistant.knowledge.digest import digest
from quintet_gateway.assistant.knowledge.reading import largest, read_stable
from quintet_gateway.assistant.knowledge.walk import SkipList, extension_of
from quintet_gateway.documents.formats import Format, kind_of
from quintet_gateway.documents.unreadable import UnreadableError

_BATCH_FILES = 250
_BATCH_BYTES = 16 << 20
DOCUMENT_ATTRIBUTES = ("source", "file_name", "extension", "file_type", "language", "size_bytes")
"""What is known of each document, as texts; what a document has not is an empty text."""
MAX_TOTAL_BYTES = 4 << 30
"""Bytes of all files of one collection together."""


@dataclass(frozen=True)
class SourceFile:
    """A file's bytes and how they are read."""

    document: Document
    format: Format
    data: bytes


@dataclass(frozen=True)
class Batch:
    """Some files; `file_count` counts those that were skipped as well."""

    files: list[SourceFile]
    file_count: int


class Reader:
    """Reads files in batches. It waits for disks: call `next_batch` in a thread."""

    def __init__(self, root: str, paths: Sequence[str], embedding_model: str, skips: SkipList) -> None:
        self._root = root
        self._paths = iter(paths)
        self._model = embedding_model
        self._skips = skips
        self._left_bytes = MAX_TOTAL_BYTES
        self.file_count = 0
        """Files that were read or skipped; it grows for as long as the disk answers."""

    def next_batch(self) -> Batch | None:
        """Returns the next files, at most 250 and, but for the last one, at most 16 MiB; None after the last ones."""
        files: list[SourceFile] = []
        count = size = 0
        for path in self._paths:
            count += 1
            self.file_count += 1
            for file in self._read(path):
                files.append(file)
                size += len(file.data)
            if count >= _BATCH_FILES or size >= _BATCH_BYTES:
                break
        return Batch(files, count) if count else None

    def _read(self, path: str) -> Iterator[SourceFile]:
        kind = kind_of(extension_of(path))
        try:
            data = read_stable(self._root, path, min(largest(kind.format), self._left_bytes))
        except UnreadableError as error:
            self._skips.add(path, str(error))
            return
        self._left_bytes -= len(data)
        size = str(len(data))
        known = (path, path.rpartition("/")[2], extension_of(path), kind.format.value, kind.language, size)
        attributes = dict(zip(DOCUMENT_ATTRIBUTES, known, strict=True))
        document = Document(source=path, digest=digest(data, kind.format, self._model), attributes=attributes)
        yield SourceFile(document, kind.format, data)
