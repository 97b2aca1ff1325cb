"""Every failure as `{"error": {"code", "message", "details"}}`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.http.failures import DialectError, FailureKind, HttpError, log_untold
from quintet_gateway.http.rendering import INTERNAL, retry_after, told_sentence


@dataclass(frozen=True)
class QuilliumProblem:
    """What the client is told."""

    status: int
    code: str
    message: str
    details: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class QuilliumError(DialectError):
    """A request that this surface refuses."""

    def __init__(self, problem: QuilliumProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class GenerationError(Exception):
    """An answer that could not be made; `cause` says why. The client's request was in order."""

    def __init__(self, cause: DomainError) -> None:
        super().__init__(cause.message)
        self.cause = cause


def invalid(message: str, details: str = "") -> QuilliumError:
    """Returns the error of a request that holds something that is not taken."""
    return QuilliumError(QuilliumProblem(400, "invalid_request", message, details))


def unauthorized(message: str = "Unauthorized") -> QuilliumError:
    """Returns the error of a credential that is absent or not valid."""
    return QuilliumError(QuilliumProblem(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"}))


def forbidden(message: str) -> QuilliumError:
    """Returns the error of a caller who may not do this."""
    return QuilliumError(QuilliumProblem(403, "forbidden", message))


def chat_not_found() -> QuilliumError:
    """Returns the error of a chat that does not exist or is somebody else's."""
    return QuilliumError(QuilliumProblem(404, "not_found", _CHAT_NOT_FOUND))


def too_many(message: str) -> QuilliumError:
    """Returns the error of a client that sends more than is worked on at once."""
    return QuilliumError(QuilliumProblem(429, "rate_limit_exceeded", message, headers={"Retry-After": "1"}))


def render(error: Exception) -> web.Response:
    """Words any exception."""
    problem = describe(error)
    body = {"error": {"code": problem.code, "message": problem.message, "details": problem.details}}
    return web.json_response(body, status=problem.status, headers=problem.headers)


def describe(error: Exception) -> QuilliumProblem:
    """Returns what the client is told about any exception; details of unknown ones stay inside."""
    if isinstance(error, QuilliumError):
        return error.problem
    if isinstance(error, HttpError):
        status, code, message = _FAILURES.get(error.kind, (error.status, "invalid_request", ""))
        details = error.message if message else ""
        return QuilliumProblem(status, code, message or error.message, details, error.headers)
    if isinstance(error, GenerationError):
        return _of_generation(error.cause)
    if isinstance(error, DomainError):
        status, code = REASONS[error.reason]
        return QuilliumProblem(
            status, code, told_sentence(error, OPERATORS_ONLY, _MESSAGES), _field_of(error), _headers(error, status)
        )
    return QuilliumProblem(500, "internal_error", INTERNAL)


def _of_generation(cause: DomainError) -> QuilliumProblem:
    passing = cause.reason in _PASSING and "provider" not in cause.metadata
    status, code = _UNAVAILABLE if passing else _PROVIDER
    message = cause.message
    if cause.reason in OPERATORS_ONLY:
        log_untold(cause)
        message = "The answer could not be made"
    return QuilliumProblem(status, code, message, headers=_headers(cause, status))


def _field_of(error: DomainError) -> str:
    return error.metadata.get("field", "") if error.reason in {Reason.INVALID_ARGUMENT, Reason.MISSING_FIELD} else ""


def _headers(error: DomainError, status: int) -> Mapping[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return retry_after(error, status)


_CHAT_NOT_FOUND = "Chat not found"
_MESSAGES: Mapping[Reason, str] = {
    Reason.UNAUTHENTICATED: "Unauthorized",
    Reason.SESSION_NOT_FOUND: _CHAT_NOT_FOUND,
    Reason.EMAIL_TAKEN: "User already exists",
}

_INVALID = (400, "invalid_request")
_MISSING = (404, "not_found")
_BROKEN = (500, "internal_error")
_PROVIDER = (502, "provider_error")
_UNAVAILABLE = (503, "service_unavailable")

REASONS: Mapping[Reason, tuple[int, str]] = {
    Reason.INVALID_ARGUMENT: _INVALID,
    Reason.MISSING_FIELD: _INVALID,
    Reason.STREAM_OUT_OF_ORDER: _BROKEN,
    Reason.PAYLOAD_TOO_LARGE: _INVALID,
    Reason.UNSUPPORTED_FORMAT: _INVALID,
    Reason.UNDECODABLE_MEDIA: _INVALID,
    Reason.MEDIA_TOO_LONG: _INVALID,
    Reason.IMAGE_TOO_LARGE: _INVALID,
    Reason.UNSUPPORTED_LANGUAGE: _INVALID,
    Reason.SESSION_NOT_FOUND: _MISSING,
    Reason.JOB_NOT_FOUND: _MISSING,
    Reason.JOB_STATE_CONFLICT: _BROKEN,
    Reason.LEASE_LOST: _BROKEN,
    Reason.MODEL_NOT_FOUND: _PROVIDER,
    Reason.VOICE_NOT_FOUND: _MISSING,
    Reason.ENGINE_BUSY: _UNAVAILABLE,
    Reason.ENGINE_FAILED: _PROVIDER,
    Reason.SERVICE_UNAVAILABLE: _UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED: _UNAVAILABLE,
    Reason.CANCELLED: _UNAVAILABLE,
    Reason.RATE_LIMITED: (429, "rate_limit_exceeded"),
    Reason.UNAUTHENTICATED: (401, "unauthorized"),
    Reason.STORAGE_FULL: _UNAVAILABLE,
    Reason.STORAGE_FAILED: _BROKEN,
    Reason.SOURCE_UNREACHABLE: _PROVIDER,
    Reason.INTERNAL: _BROKEN,
    Reason.NO_SPEECH: _INVALID,
    # A token of a user who was deleted a moment ago.
    Reason.USER_NOT_FOUND: (401, "unauthorized"),
    Reason.EMAIL_TAKEN: (409, "conflict"),
    Reason.PERMISSION_DENIED: (403, "forbidden"),
    Reason.API_KEY_NOT_FOUND: _MISSING,
    Reason.MESSAGE_NOT_FOUND: _MISSING,
    Reason.COLLECTION_NOT_FOUND: _MISSING,
    Reason.WEBHOOK_NOT_FOUND: _MISSING,
    Reason.DELIVERY_NOT_FOUND: _MISSING,
    Reason.BUILD_LOST: _BROKEN,
    Reason.MODEL_NOT_INSTALLED: _UNAVAILABLE,
}
"""Status and code of each reason."""

OPERATORS_ONLY = frozenset(reason for reason, answer in REASONS.items() if answer is _BROKEN)
"""Reasons whose sentences are for whoever runs the services: they name folders, leases and states of the inside."""

_PASSING = frozenset(
    {Reason.ENGINE_BUSY, Reason.SERVICE_UNAVAILABLE, Reason.DEADLINE_EXCEEDED, Reason.CANCELLED, Reason.STORAGE_FULL}
)

# Status, code, and the message if it is not the failure's own. The document has neither 408 nor 413.
_FAILURES: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.NOT_FOUND: (404, "not_found", "Not found"),
    FailureKind.METHOD_NOT_ALLOWED: (405, "method_not_allowed", "Method not allowed"),
    FailureKind.FOREIGN_ORIGIN: (403, "forbidden", ""),
    FailureKind.RATE_LIMITED: (429, "rate_limit_exceeded", "Rate limit exceeded"),
    FailureKind.JSON_TOO_LARGE: (400, "invalid_request", "The request body is too large"),
    FailureKind.MALFORMED_JSON: (400, "invalid_request", "The request body is not valid JSON"),
    FailureKind.BODY_TOO_SLOW: (400, "invalid_request", "The request timed out"),
    FailureKind.OVERLOADED: (503, "service_unavailable", ""),
}
