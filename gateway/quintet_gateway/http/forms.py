"""Multipart forms with one file: bounded in every direction, in memory only, in any order of their parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from quintet_gateway.http.body import PACE, PacedBody, too_slow
from quintet_gateway.http.failures import FailureKind, HttpError, too_large
from quintet_gateway.http.upload_budget import UPLOAD_BUDGET

_MAX_PARTS = 64
_MAX_PART_HEADERS = 16
_MAX_FIELD_BYTES = 64 << 10
_OVERHEAD_BYTES = 256 << 10
"""What boundaries, part headers and the other fields may add to the file."""
_READ_BYTES = 64 << 10
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class FileRule:
    """Which part is the file, how large it may be, and whether its first 4 KiB are of a wanted format."""

    field_name: str
    max_bytes: int
    is_wanted: Callable[[bytes], bool]


@dataclass(frozen=True)
class UploadedFile:
    """The file of a form; `filename` is what the client says and must never touch a path."""

    filename: str
    data: bytearray

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields the file in pieces of 64 KiB."""
        view = memoryview(self.data)
        for start in range(0, len(view), _READ_BYTES):
            yield bytes(view[start : start + _READ_BYTES])


@dataclass
class Form:
    """The parts of a form; of several parts with one name the first one counts."""

    fields: dict[str, str] = field(default_factory=dict)
    file: UploadedFile | None = None


@asynccontextmanager
async def open_form(request: web.Request, rule: FileRule) -> AsyncIterator[Form]:
    """Reads a form; its file's memory is reserved until the block ends. A body of another type is an empty form.

    Raises:
        HttpError: UPLOAD_TOO_LARGE, WRONG_FILE_FORMAT, MALFORMED_FORM, BODY_TOO_SLOW or OVERLOADED.
    """
    if request.content_type != "multipart/form-data":
        yield Form()
        return
    max_bytes = rule.max_bytes + _OVERHEAD_BYTES
    announced = request.content_length
    if announced is not None and announced > max_bytes:
        raise too_large(FailureKind.UPLOAD_TOO_LARGE, rule.max_bytes, announced)
    size = max_bytes if announced is None else announced
    async with request.app[UPLOAD_BUDGET].reserve(size):
        yield await _FormReader(request, rule, max_bytes).read(request.app[PACE].form_s(size))


class _FormReader:
    """Reads one form."""

    def __init__(self, request: web.Request, rule: FileRule, max_bytes: int) -> None:
        self._request = request
        self._rule = rule
        self._body = PacedBody(request.content, max_bytes, request.app[PACE])
        self._form = Form()

    async def read(self, within_s: float) -> Form:
        """Reads all parts, and words every way in which that can fail."""
        try:
            async with asyncio.timeout(within_s):
                await self._read_parts()
        except TimeoutError:
            raise too_slow() from None
        except HttpError as failure:
            raise self._with_announced_size(failure) from None
        except (ValueError, RuntimeError, AssertionError, HttpProcessingError, web.RequestPayloadError):
            # The parser reports malformed input with any of these, and repeats the input in their texts.
            raise HttpError(FailureKind.MALFORMED_FORM, "The form is malformed or incomplete.") from None
        return self._form

    async def _read_parts(self) -> None:
        # PacedBody has the four methods that the parser calls.
        content = cast("StreamReader", self._body)
        parts = MultipartReader(self._request.headers, content, max_headers=_MAX_PART_HEADERS)
        for _ in range(_MAX_PARTS):
            part = await parts.next()
            if part is None:
                return
            if not isinstance(part, BodyPartReader):
                raise HttpError(FailureKind.MALFORMED_FORM, "A part of the form is a form itself.")
            await self._read_part(part)
        raise HttpError(FailureKind.MALFORMED_FORM, f"The form has more than {_MAX_PARTS} parts.")

    async def _read_part(self, part: BodyPartReader) -> None:
        name = part.name
        if part.filename is not None and name == self._rule.field_name and self._form.file is None:
            await self._read_file(part, part.filename)
        elif part.filename is None and name and name not in self._form.fields:
            self._form.fields[name] = await self._read_field(part)
        else:
            await part.release()

    async def _read_file(self, part: BodyPartReader, filename: str) -> None:
        data = bytearray()
        judged = not filename
        while not part.at_eof():
            data += await part.read_chunk(_READ_BYTES)
            if not judged and len(data) >= _HEAD_BYTES:
                self._judge(data)
                judged = True
            if len(data) > self._rule.max_bytes:
                raise too_large(FailureKind.UPLOAD_TOO_LARGE, self._rule.max_bytes, len(data))
        if not judged:
            self._judge(data)
        self._form.file = UploadedFile(filename, data)

    def _judge(self, data: bytearray) -> None:
        if not self._rule.is_wanted(bytes(data[:_HEAD_BYTES])):
            raise HttpError(FailureKind.WRONG_FILE_FORMAT, "The file is not of a format that is read here.")

    @staticmethod
    async def _read_field(part: BodyPartReader) -> str:
        data = bytearray()
        while not part.at_eof():
            data += await part.read_chunk(_READ_BYTES)
            if len(data) > _MAX_FIELD_BYTES:
                raise HttpError(FailureKind.MALFORMED_FORM, f"A field is longer than {_MAX_FIELD_BYTES} bytes.")
        return data.decode("utf-8")

    def _with_announced_size(self, failure: HttpError) -> HttpError:
        announced = self._request.content_length
        if failure.kind is FailureKind.UPLOAD_TOO_LARGE:
            # The reading stopped early; the header tells better how large the upload would have been.
            return too_large(failure.kind, self._rule.max_bytes, announced or int(failure.facts["receivedBytes"]))
        return failure
