"""Copying of bytes with progress."""

from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO

from quintet_errors import DomainError, Reason
from quintet_models.catalogue import ModelFile
from quintet_models.reporting import Reporter

_CHUNK = 1 << 20


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Reads a stream to its end, 1 MiB at a time."""
    while chunk := stream.read(_CHUNK):
        yield chunk


def append(chunks: Iterable[bytes], output: BinaryIO, file: ModelFile, reporter: Reporter) -> None:
    """Writes chunks behind what `output` holds already.

    Raises SOURCE_UNREACHABLE when they are more than the file may have: a hostile source must not fill the disk.
    """
    done = output.tell()
    for chunk in chunks:
        done += len(chunk)
        if done > file.size:
            raise DomainError(Reason.SOURCE_UNREACHABLE, f"It sent more than the {file.size} bytes of {file.path}.")
        output.write(chunk)
        reporter.progress(file.path, done, file.size)
