"""`DomainError` to `google.rpc.Status` and back."""

from typing import cast

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc.aio import AioRpcError
from grpc_status import rpc_status

from quintet_errors.error import DomainError
from quintet_errors.reason import REASONS_OF_BARE_CODES, Reason

DOMAIN = "quintet"
# Trailers are limited to 8 KiB, and the sentence stands in them twice, once with three bytes for each byte that is not
# ASCII; a longer one would lose the whole status.
_LONGEST_MESSAGE_BYTES = 1000
_LONGEST_VALUE = 256

_BARE_MESSAGES = {
    Reason.SERVICE_UNAVAILABLE: "The service cannot be reached. Try again in a moment.",
    Reason.DEADLINE_EXCEEDED: "The service did not answer in time.",
    Reason.CANCELLED: "The call was cancelled.",
    Reason.PAYLOAD_TOO_LARGE: "The message is larger than the service takes.",
}


def to_status(error: DomainError) -> status_pb2.Status:
    """Packs an error with exactly one `ErrorInfo`."""
    metadata = {key: value[:_LONGEST_VALUE] for key, value in error.metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=metadata)
    detail = any_pb2.Any()
    detail.Pack(info)
    code: int = error.code.value[0]
    message = error.message.encode()[:_LONGEST_MESSAGE_BYTES].decode(errors="ignore")
    return status_pb2.Status(code=code, message=message, details=[detail])


def from_rpc_error(error: AioRpcError) -> DomainError:
    """Unpacks what a call failed with; never raises itself."""
    try:
        # The stubs know only the synchronous call; the function reads the code and the trailers of either.
        status = rpc_status.from_call(cast("grpc.Call", error))
    except ValueError:
        # The trailers contradict the code: the peer is not one of ours, so only the code counts.
        status = None
    if status is not None:
        for detail in status.details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.__members__:
                return DomainError(Reason(info.reason), status.message, dict(info.metadata))
    return _from_bare_code(error.code())


def _from_bare_code(code: StatusCode) -> DomainError:
    reason = REASONS_OF_BARE_CODES.get(code, Reason.INTERNAL)
    return DomainError(reason, _BARE_MESSAGES.get(reason, "The service failed."), {"code": code.name})
