"""Uploads over gRPC: a stream whose first message holds `config` and whose later ones hold bytes."""

import io
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from quintet_errors import DomainError, Reason

CHUNK_BYTES = 64 << 10
# A sender that ignores the documented chunk size is tolerated up to here.
_LARGEST_CHUNK = 1 << 20
# Uploads come and go within seconds: whoever was refused for want of memory may soon come again.
_RETRY_AFTER_S = 2

MessageT = TypeVar("MessageT")


async def read_chunks(requests: AsyncIterable[Any], data_field: str, max_bytes: int) -> AsyncIterator[Any]:
    """Yields the config message first and then each chunk of bytes.

    Raises:
        DomainError: STREAM_OUT_OF_ORDER or PAYLOAD_TOO_LARGE.
    """
    received = 0
    started = False
    async for request in requests:
        payload = request.WhichOneof("payload")
        if (payload == "config") is started or payload is None:
            raise _out_of_order(data_field)
        started = True
        if payload == "config":
            yield request.config
            continue
        chunk: bytes = getattr(request, data_field)
        received += len(chunk)
        if received > max_bytes or len(chunk) > _LARGEST_CHUNK:
            raise too_large(max_bytes, received)
        yield chunk
    if not started:
        raise _out_of_order(data_field)


class UploadShare:
    """What one upload takes of an `UploadMemory`."""

    def __init__(self, memory: "UploadMemory") -> None:
        self._memory = memory
        self._held_bytes = 0

    def take(self, size: int) -> None:
        """Reserves `size` more bytes.

        Raises:
            DomainError: ENGINE_BUSY if they are not free.
        """
        self._memory.take(size)
        self._held_bytes += size

    def release(self) -> None:
        """Gives back all that was taken, once the bytes themselves are gone; harmless when repeated."""
        self._memory.give_back(self._held_bytes)
        self._held_bytes = 0


class UploadMemory:
    """Bounds the bytes that all uploads of a process hold together, from their first chunk to the end of their use."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held_bytes = 0

    @contextmanager
    def share(self) -> Iterator[UploadShare]:
        """Gives the share of one upload, which is released at the end of the block at the latest."""
        share = UploadShare(self)
        try:
            yield share
        finally:
            share.release()

    def take(self, size: int) -> None:
        """Reserves `size` bytes.

        Raises:
            DomainError: ENGINE_BUSY at once if they are not free.
        """
        if self.held_bytes + size > self._max_bytes:
            raise DomainError(
                Reason.ENGINE_BUSY,
                f"Too many uploads are under way. Try again in {_RETRY_AFTER_S} s.",
                {"retryAfterSeconds": str(_RETRY_AFTER_S)},
            )
        self.held_bytes += size

    def give_back(self, size: int) -> None:
        """Frees `size` bytes for others."""
        self.held_bytes -= size


async def read_upload(
    requests: AsyncIterable[Any], *, data_field: str, max_bytes: int, share: UploadShare | None = None
) -> tuple[Any, bytes]:
    """Reads a whole upload and returns its config and its bytes, each chunk of which `share` has reserved.

    Raises:
        DomainError: STREAM_OUT_OF_ORDER, PAYLOAD_TOO_LARGE, or ENGINE_BUSY if `share` cannot grow.
    """
    chunks = read_chunks(requests, data_field, max_bytes)
    config = await anext(chunks)
    # Closed at once where the upload fails: errors are kept with the frames that they passed.
    with io.BytesIO() as data:
        async for chunk in chunks:
            if share is not None:
                share.take(len(chunk))
            data.write(chunk)
        # The buffer itself, where joining chunks or copying a bytearray would hold the upload twice for a moment.
        return config, data.getvalue()


async def upload_messages(
    first: MessageT, chunks: AsyncIterable[bytes] | Iterable[bytes], wrap: Callable[[bytes], MessageT]
) -> AsyncIterator[MessageT]:
    """Yields the messages of an upload: `first`, then `wrap` of pieces of at most 64 KiB."""
    yield first
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            for piece in pieces(chunk):
                yield wrap(piece)
        return
    for chunk in chunks:
        for piece in pieces(chunk):
            yield wrap(piece)


def pieces(data: bytes) -> Iterable[bytes]:
    """Cuts bytes into pieces of at most 64 KiB."""
    if len(data) <= CHUNK_BYTES:
        return (data,) if data else ()
    return (data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES))


def too_large(max_bytes: int, received_bytes: int) -> DomainError:
    """Returns the error of an upload that is larger than `max_bytes`."""
    return DomainError(
        Reason.PAYLOAD_TOO_LARGE,
        f"The upload is larger than {max_bytes} bytes.",
        {"maxBytes": str(max_bytes), "receivedBytes": str(received_bytes)},
    )


def _out_of_order(data_field: str) -> DomainError:
    return DomainError(
        Reason.STREAM_OUT_OF_ORDER,
        f"The first message must hold `config`, and every later one `{data_field}`.",
    )
