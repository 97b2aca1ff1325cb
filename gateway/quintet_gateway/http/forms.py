"""Multipart forms with files: bounded in every direction, in memory only, in any order of their parts."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    MultipartReader,
    StreamReader,
    hdrs,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from quintet_gateway.http.body import PACE, PacedBody, too_slow
from quintet_gateway.http.disposition import read_disposition
from quintet_gateway.http.failures import FailureKind, HttpError, too_large
from quintet_gateway.http.upload_budget import UPLOAD_BUDGET

# The parser warns with the text of a header, which may be private, and the warning is remembered for ever.
for _warning in (BadContentDispositionHeader, BadContentDispositionParam):
    warnings.simplefilter("ignore", _warning)

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
    files: dict[str, UploadedFile] = field(default_factory=dict)

    @property
    def file(self) -> UploadedFile | None:
        """The file of a form with one file."""
        return next(iter(self.files.values()), None)


class RefusedFormError(HttpError):
    """A form that is refused for its size; `fields` are those that came before."""

    def __init__(self, failure: HttpError, fields: Mapping[str, str]) -> None:
        super().__init__(failure.kind, failure.message, failure.facts, failure.headers)
        self.fields = fields


@asynccontextmanager
async def open_form(request: web.Request, *rules: FileRule, max_bytes: int = 0) -> AsyncIterator[Form]:
    """Reads a form; the memory of its files is reserved until the block ends. A body of another type is an empty form.

    `max_bytes` bounds the whole form where a document does; otherwise its files do.

    Raises:
        HttpError: UPLOAD_TOO_LARGE with the name of the `field` among its facts (none if the whole is meant),
            WRONG_FILE_FORMAT, MALFORMED_FORM, BODY_TOO_SLOW or OVERLOADED.
    """
    if request.content_type != "multipart/form-data":
        yield Form()
        return
    limit = max_bytes or sum(rule.max_bytes for rule in rules) + _OVERHEAD_BYTES
    announced = request.content_length
    if announced is not None and announced > limit:
        told = max_bytes or sum(rule.max_bytes for rule in rules)
        raise too_large(FailureKind.UPLOAD_TOO_LARGE, told, announced)
    size = limit if announced is None else announced
    async with request.app[UPLOAD_BUDGET].reserve(size):
        yield await _FormReader(request, rules, limit).read(request.app[PACE].form_s(size))


class _FormReader:
    """Reads one form."""

    def __init__(self, request: web.Request, rules: Sequence[FileRule], max_bytes: int) -> None:
        self._request = request
        self._rules = {rule.field_name: rule for rule in rules}
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
            raise self._with_real_size(failure) from None
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
        # The parser's own names are lost where a file's has semicolons.
        said = read_disposition(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))
        name, filename = said.name, said.filename
        if filename is not None and name in self._rules and name not in self._form.files:
            self._form.files[name] = await _read_file(part, filename, self._rules[name])
        elif filename is None and name and name not in self._form.fields:
            self._form.fields[name] = await self._read_field(part)
        else:
            await part.release()

    @staticmethod
    async def _read_field(part: BodyPartReader) -> str:
        data = bytearray()
        while not part.at_eof():
            data += await part.read_chunk(_READ_BYTES)
            if len(data) > _MAX_FIELD_BYTES:
                raise HttpError(FailureKind.MALFORMED_FORM, f"A field is longer than {_MAX_FIELD_BYTES} bytes.")
        return data.decode("utf-8")

    def _with_real_size(self, failure: HttpError) -> HttpError:
        if failure.kind is not FailureKind.UPLOAD_TOO_LARGE:
            return failure
        announced = self._request.content_length
        if "field" in failure.facts and (announced is None or len(self._rules) > 1):
            return RefusedFormError(failure, self._form.fields)
        # Of a form with one file the header tells best how large the upload would have been.
        told = sum(rule.max_bytes for rule in self._rules.values())
        whole = too_large(failure.kind, told, announced or int(failure.facts["receivedBytes"]))
        return RefusedFormError(whole, self._form.fields)


async def _read_file(part: BodyPartReader, filename: str, rule: FileRule) -> UploadedFile:
    data = bytearray()
    received = 0
    judged = not filename
    while not part.at_eof():
        piece = await part.read_chunk(_READ_BYTES)
        received += len(piece)
        # What is too large is counted to its end, which is not far, and kept no longer.
        if received <= rule.max_bytes:
            data += piece
        if not judged and len(data) >= _HEAD_BYTES:
            _judge(data, rule)
            judged = True
    if received > rule.max_bytes:
        raise _file_too_large(rule, received)
    if not judged:
        _judge(data, rule)
    return UploadedFile(filename, data)


def _judge(data: bytearray, rule: FileRule) -> None:
    if not rule.is_wanted(bytes(data[:_HEAD_BYTES])):
        told = "is not of a format that is read here" if data else "is empty"
        raise HttpError(FailureKind.WRONG_FILE_FORMAT, f"The file {told}.")


def _file_too_large(rule: FileRule, received: int) -> HttpError:
    failure = too_large(FailureKind.UPLOAD_TOO_LARGE, rule.max_bytes, received)
    return HttpError(failure.kind, failure.message, {**failure.facts, "field": rule.field_name})
