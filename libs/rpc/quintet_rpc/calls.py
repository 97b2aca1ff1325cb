"""Calls to a service: every one has a deadline, carries the request context, and fails with `DomainError` only."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from grpc.aio import AioRpcError

from quintet_errors import DomainError
from quintet_errors.status import from_rpc_error
from quintet_rpc.request_context import current_request

ResponseT = TypeVar("ResponseT")


async def call_unary(method: Callable[..., Awaitable[ResponseT]], request: Any, *, deadline_s: float) -> ResponseT:
    """Calls a method with one response; `request` is a message, or an iterator of them for an upload.

    Raises:
        DomainError: whatever the call failed with.
    """
    try:
        return await method(request, timeout=deadline_s, metadata=current_request().metadata())
    except AioRpcError as error:
        raise from_rpc_error(error) from None


async def call_stream(
    method: Callable[..., grpc.aio.Call], request: Any, *, deadline_s: float
) -> AsyncGenerator[Any, None]:
    """Calls a method with a stream of responses and yields them.

    Closing the generator cancels the call: dropping a call object would let the engine run on.

    Raises:
        DomainError: whatever the call failed with, also after some responses.
    """
    call: Any = method(request, timeout=deadline_s, metadata=current_request().metadata())
    try:
        async for response in call:
            yield response
    except AioRpcError as error:
        raise from_rpc_error(error) from None
    finally:
        call.cancel()


def is_transient(error: DomainError) -> bool:
    """Tells whether the same call may succeed when it is repeated a moment later."""
    return error.code is grpc.StatusCode.UNAVAILABLE
