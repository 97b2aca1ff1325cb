"""Calls to a service: every one has a deadline, carries the request context, and fails with `DomainError` only."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any, TypeVar

import grpc
from grpc.aio import AioRpcError

from quintet_errors import DomainError
from quintet_errors.status import from_rpc_error
from quintet_rpc.request_context import current_request

ResponseT = TypeVar("ResponseT")

# How long the end of a call may follow its result.
_ENDING_S = 0.5


class _Upload:
    """The messages of an upload, and what ended them: gRPC cancels a call whose iterator fails, and hides why."""

    def __init__(self, messages: AsyncIterable[Any]) -> None:
        self._messages = messages
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._messages:
                yield message
        except Exception as error:
            self.error = error
            raise


async def call_unary(method: Callable[..., Awaitable[ResponseT]], request: Any, *, deadline_s: float) -> ResponseT:
    """Calls a method with one response; `request` is a message, or an iterator of them for an upload.

    Raises:
        DomainError: whatever the call failed with.
        Exception: whatever the iterator of an upload failed with.
    """
    upload = _upload_of(request)
    with _understood(upload):
        return await method(upload or request, timeout=deadline_s, metadata=current_request().metadata())


async def call_stream(
    method: Callable[..., grpc.aio.Call], request: Any, *, deadline_s: float
) -> AsyncGenerator[Any, None]:
    """Calls a method with a stream of responses and yields them.

    Closing the generator cancels the call: dropping a call object would let the engine run on.

    Raises:
        DomainError: whatever the call failed with, also after some responses.
        Exception: whatever the iterator of an upload failed with.
    """
    upload = _upload_of(request)
    call: Any = method(upload or request, timeout=deadline_s, metadata=current_request().metadata())
    try:
        with _understood(upload):
            async for response in call:
                yield response
    finally:
        call.cancel()


async def result_of(responses: AsyncGenerator[Any, None], report: Callable[[int], object] | None = None) -> Any:
    """Returns the `result` of a stream of `progress_percent` and then one `result`; None if it ends without.

    `report` takes the progress, 0 to 99 percent. The stream is read to its end, and closed in any case: a call that is
    closed before its end counts as cancelled.

    Raises:
        DomainError: whatever the call failed with before its result.
        Exception: whatever the iterator of an upload failed with.
    """
    async with aclosing(responses):
        async for response in responses:
            if response.WhichOneof("event") == "result":
                await _end(responses)
                return response.result
            if report is not None:
                report(response.progress_percent)
    return None


async def _end(responses: AsyncGenerator[Any, None]) -> None:
    """Waits shortly for the end of a call whose result is known, whatever that end is."""
    with suppress(TimeoutError, DomainError):
        async with asyncio.timeout(_ENDING_S):
            async for _ in responses:
                pass


def _upload_of(request: Any) -> _Upload | None:
    return _Upload(request) if isinstance(request, AsyncIterable) else None


@contextmanager
def _understood(upload: _Upload | None) -> Iterator[None]:
    """Raises what a call really failed with."""
    try:
        yield
    except AioRpcError as error:
        if upload is not None and upload.error is not None:
            raise upload.error from None
        raise from_rpc_error(error) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if upload is not None and upload.error is not None and task is not None and not task.cancelling():
            raise upload.error from None
        raise


def is_transient(error: DomainError) -> bool:
    """Tells whether the same call may succeed when it is repeated a moment later."""
    return error.code is grpc.StatusCode.UNAVAILABLE
