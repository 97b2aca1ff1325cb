"""The one interceptor of every server: request context, metrics, logs and errors, in that order from outside in.

It is one class and not four because each layer of interceptors costs every call and every message of a stream. The
wrapped handler of a method is built once and kept.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from prometheus_client import Gauge

from quintet_errors import DomainError, Reason
from quintet_errors.status import to_status
from quintet_observability import get_logger, metrics
from quintet_rpc.request_context import context_from_metadata, current_request, enter_request

_log = get_logger(__name__)
# Health checks and reflection come often and say nothing about the product.
_QUIET_PREFIX = "/grpc."
# How long a refused caller may go on sending before it is cut off, and how long it may pause in that.
_PATIENCE_S = 2.0
_PAUSE_S = 0.1

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler is generic only in the stubs.


class ServiceInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of all services."""

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Returns the wrapped handler of the called method."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or method.startswith(_QUIET_PREFIX):
            return handler
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = (handler, _wrap(handler, method))
            self._wrapped[method] = known
        return known[1]


def _wrap(handler: Handler, method: str) -> Handler:
    factory, behaviour = _parts(handler)
    wrap = _wrap_stream if handler.response_streaming else _wrap_unary
    wrapper = wrap(behaviour, method, uploads=handler.request_streaming)
    return factory(
        wrapper,
        request_deserializer=_checked(handler.request_deserializer),
        response_serializer=handler.response_serializer,
    )


def _parts(handler: Handler) -> tuple[Callable[..., Handler], Any]:
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler, handler.stream_stream
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler, handler.stream_unary
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler, handler.unary_stream
    return grpc.unary_unary_rpc_method_handler, handler.unary_unary


class _Malformed:
    """Stands for a message that could not be parsed and fails at its first use.

    gRPC answers a deserializer that raises with UNKNOWN and its traceback, before any of our code runs.
    """

    def __getattr__(self, name: str) -> Any:
        raise DomainError(Reason.INVALID_ARGUMENT, "The message is not of the documented type.")


def _checked(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _Malformed()

    return read


def _wrap_unary(behaviour: Any, method: str, *, uploads: bool) -> Any:
    active = metrics.RPC_ACTIVE.labels(method)

    async def call(request: Any, context: Context) -> Any:
        observed = _Observed(method, active, context)
        try:
            response = await behaviour(request, context)
        except BaseException as error:  # noqa: BLE001 - cancellation must be counted too, and is raised again
            await observed.failed(error, request if uploads else None)
        else:
            observed.ended("OK")
            return response

    return call


def _wrap_stream(behaviour: Any, method: str, *, uploads: bool) -> Any:
    active = metrics.RPC_ACTIVE.labels(method)

    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        observed = _Observed(method, active, context)
        responses = behaviour(request, context)
        try:
            async for response in responses:
                yield response
        except BaseException as error:  # noqa: BLE001 - cancellation must be counted too, and is raised again
            await observed.failed(error, request if uploads else None)
        else:
            observed.ended("OK")
        finally:
            # An abandoned inner generator would hold its engine until the garbage collector comes.
            await responses.aclose()

    return call


async def _read_rest(upload: AsyncIterator[Any]) -> None:
    """Lets the caller finish sending, within limits.

    A client of grpc.aio that is still sending when the status comes may see a failed write instead of the status. One
    that sends nothing is waiting for it.
    """
    ends_at = asyncio.get_running_loop().time() + _PATIENCE_S
    with contextlib.suppress(TimeoutError, DomainError, grpc.aio.UsageError, StopAsyncIteration):
        while True:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout(min(_PAUSE_S, ends_at - now)):
                await anext(upload)


class _Observed:
    """One call, from its start to its end."""

    def __init__(self, method: str, active: Gauge, context: Context) -> None:
        enter_request(context_from_metadata(context.invocation_metadata()))
        self._method = method
        self._active = active
        self._context = context
        self._started = time.perf_counter()
        active.inc()

    def ended(self, code: str) -> None:
        seconds = time.perf_counter() - self._started
        self._active.dec()
        metrics.RPC_SECONDS.labels(self._method, code).observe(seconds)
        if code != "OK":
            request_id = current_request().request_id
            _log.info("rpc_ended", method=self._method, code=code, seconds=round(seconds, 4), request_id=request_id)

    async def failed(self, error: BaseException, upload: AsyncIterator[Any] | None) -> None:
        """Counts the failure and ends the call with its status; always raises."""
        if isinstance(error, GeneratorExit) or _caller_is_gone(error):
            self.ended("CANCELLED")
            raise error
        if isinstance(error, grpc.aio.AbortError):
            self.ended(str(self._context.code()))
            raise error
        domain_error = error if isinstance(error, DomainError) else self._hidden(error)
        self.ended(domain_error.code.name)
        if upload is not None:
            await _read_rest(upload)
        await self._context.abort_with_status(rpc_status.to_status(to_status(domain_error)))

    def _hidden(self, error: BaseException) -> DomainError:
        if not isinstance(error, Exception | asyncio.CancelledError):
            raise error
        _log.error("rpc_crashed", method=self._method, request_id=current_request().request_id, exc_info=error)
        return DomainError(Reason.INTERNAL, "The service failed unexpectedly. Its log says why.")


def _caller_is_gone(error: BaseException) -> bool:
    """Tells a cancelled call from a handler that awaited something which was cancelled on its own."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
