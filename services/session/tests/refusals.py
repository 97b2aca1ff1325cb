"""Errors that tests expect, of stores and of calls."""

from collections.abc import Awaitable

import grpc
import pytest

from quintet_errors import DomainError, Reason
from quintet_errors.status import from_rpc_error


async def refused(call: Awaitable[object]) -> DomainError:
    """Returns the error of a call that must fail, be it over gRPC or not."""
    with pytest.raises((DomainError, grpc.aio.AioRpcError)) as caught:
        await call
    error = caught.value
    return error if isinstance(error, DomainError) else from_rpc_error(error)


async def reason_of(call: Awaitable[object]) -> Reason:
    """Returns why a call that must fail does."""
    return (await refused(call)).reason
