"""Uploads over gRPC: a stream whose first message holds `config` and whose later ones hold bytes."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from quintet_errors import DomainError, Reason

CHUNK_BYTES = 64 << 10
# A sender that ignores the documented chunk size is tolerated up to here.
_LARGEST_CHUNK = 1 << 20

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


async def read_upload(requests: AsyncIterable[Any], *, data_field: str, max_bytes: int) -> tuple[Any, bytes]:
    """Reads a whole upload and returns its config and its bytes.

    Raises:
        DomainError: STREAM_OUT_OF_ORDER or PAYLOAD_TOO_LARGE.
    """
    chunks = read_chunks(requests, data_field, max_bytes)
    config = await anext(chunks)
    data = bytearray()
    async for chunk in chunks:
        data += chunk
    return config, bytes(data)


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
