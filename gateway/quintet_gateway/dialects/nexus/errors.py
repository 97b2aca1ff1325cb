"""Every failure in the shape of the document: `success`, `error`, `error_code`, `details`, `timestamp`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.http.failures import DialectError, FailureKind, HttpError
from quintet_gateway.http.rendering import INTERNAL, retry_after, told_sentence
from quintet_gateway.http.times import now

Details = Mapping[str, str | int]


@dataclass(frozen=True)
class NexusProblem:
    """What the client is told."""

    status: int
    code: str
    message: str
    details: Details = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class NexusError(DialectError):
    """A request that this surface refuses."""

    def __init__(self, problem: NexusProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def missing_field(name: str, message: str) -> NexusError:
    """Returns the error of a required field that is absent or blank."""
    return NexusError(NexusProblem(400, "MISSING_FIELD", message, {"field": name}))


def invalid_input(name: str, reason: str) -> NexusError:
    """Returns the error of a field with a value that is not taken."""
    return NexusError(NexusProblem(400, "INVALID_INPUT", "Invalid input", {"field": name, "reason": reason}))


def not_found(what: str) -> NexusError:
    """Returns the error of a session or a job that does not exist; `what` is `Session` or `Job`."""
    return NexusError(NexusProblem(404, f"{what.upper()}_NOT_FOUND", f"{what} not found"))


def render(error: Exception) -> web.Response:
    """Words any exception."""
    problem = describe(error)
    body = {
        "success": False,
        "error": problem.message,
        "error_code": problem.code,
        "details": problem.details,
        "timestamp": now(),
    }
    return web.json_response(body, status=problem.status, headers=problem.headers)


def describe(error: Exception) -> NexusProblem:
    """Returns what the client is told about any exception; details of unknown ones stay inside."""
    if isinstance(error, NexusError):
        return error.problem
    if isinstance(error, HttpError):
        return _FAILURES[error.kind](error)
    if isinstance(error, DomainError):
        status, code = REASONS[error.reason]
        sentence = told_sentence(error, OPERATORS_ONLY, _MESSAGES)
        return NexusProblem(status, code, sentence, _field_of(error), retry_after(error, status))
    return NexusProblem(500, "PROCESSING_ERROR", INTERNAL)


_MESSAGES: Mapping[Reason, str] = {
    Reason.SESSION_NOT_FOUND: "Session not found",
    Reason.JOB_NOT_FOUND: "Job not found",
}

_INVALID = (400, "INVALID_INPUT")
_FORMAT = (400, "INVALID_FORMAT")
_BROKEN = (500, "PROCESSING_ERROR")
_UNAVAILABLE = (503, "SERVICE_UNAVAILABLE")

REASONS: Mapping[Reason, tuple[int, str]] = {
    Reason.INVALID_ARGUMENT: _INVALID,
    Reason.MISSING_FIELD: (400, "MISSING_FIELD"),
    Reason.STREAM_OUT_OF_ORDER: _BROKEN,
    Reason.PAYLOAD_TOO_LARGE: (413, "FILE_TOO_LARGE"),
    Reason.UNSUPPORTED_FORMAT: _FORMAT,
    Reason.UNDECODABLE_MEDIA: _FORMAT,
    Reason.MEDIA_TOO_LONG: _INVALID,
    Reason.IMAGE_TOO_LARGE: _INVALID,
    Reason.UNSUPPORTED_LANGUAGE: _INVALID,
    Reason.SESSION_NOT_FOUND: (404, "SESSION_NOT_FOUND"),
    Reason.JOB_NOT_FOUND: (404, "JOB_NOT_FOUND"),
    Reason.JOB_STATE_CONFLICT: _BROKEN,
    Reason.LEASE_LOST: _BROKEN,
    Reason.MODEL_NOT_FOUND: _INVALID,
    Reason.VOICE_NOT_FOUND: _INVALID,
    Reason.ENGINE_BUSY: _UNAVAILABLE,
    Reason.ENGINE_FAILED: _BROKEN,
    Reason.SERVICE_UNAVAILABLE: _UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED: _UNAVAILABLE,
    Reason.CANCELLED: _UNAVAILABLE,
    Reason.RATE_LIMITED: (429, "RATE_LIMIT_EXCEEDED"),
    Reason.UNAUTHENTICATED: (401, "UNAUTHORIZED"),
    Reason.STORAGE_FULL: _UNAVAILABLE,
    Reason.STORAGE_FAILED: _BROKEN,
    Reason.SOURCE_UNREACHABLE: _UNAVAILABLE,
    Reason.INTERNAL: _BROKEN,
    Reason.NO_SPEECH: _INVALID,
    Reason.USER_NOT_FOUND: _BROKEN,
    Reason.EMAIL_TAKEN: _BROKEN,
    Reason.PERMISSION_DENIED: (401, "UNAUTHORIZED"),
    Reason.API_KEY_NOT_FOUND: _BROKEN,
    Reason.MESSAGE_NOT_FOUND: _BROKEN,
    Reason.COLLECTION_NOT_FOUND: _BROKEN,
    Reason.WEBHOOK_NOT_FOUND: _BROKEN,
    Reason.DELIVERY_NOT_FOUND: _BROKEN,
    Reason.BUILD_LOST: _BROKEN,
    Reason.MODEL_NOT_INSTALLED: _UNAVAILABLE,
}
"""Status and code of each reason; the document has no 504, so a deadline is 503 as well."""

_BROKEN_BUT_TOLD = frozenset({Reason.ENGINE_FAILED})
OPERATORS_ONLY = frozenset(reason for reason, answer in REASONS.items() if answer is _BROKEN) - _BROKEN_BUT_TOLD
"""Reasons whose sentences are for whoever runs the services: they name folders, leases and states of the inside."""


def _field_of(error: DomainError) -> Details:
    return {"field": error.metadata["field"]} if "field" in error.metadata else {}


def _as(status: int, code: str, message: str | None = None) -> Callable[[HttpError], NexusProblem]:
    """Words a failure under a code; its own sentence becomes the reason where the document fixes the message."""

    def word(failure: HttpError) -> NexusProblem:
        details = {"reason": failure.message} if message else {}
        return NexusProblem(status, code, message or failure.message, details, failure.headers)

    return word


def _too_large(failure: HttpError) -> NexusProblem:
    largest, received = int(failure.facts["maxBytes"]), int(failure.facts["receivedBytes"])
    details = {"max_size": f"{largest >> 20}MB", "received_size": f"{received / (1 << 20):.1f}MB"}
    return NexusProblem(413, "FILE_TOO_LARGE", f"File size exceeds {largest >> 20}MB limit", details)


def _rate_limited(failure: HttpError) -> NexusProblem:
    details = {"limit": failure.facts["limit"], "retry_after": failure.facts["retryAfterSeconds"]}
    return NexusProblem(429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded", details, failure.headers)


_FAILURES: Mapping[FailureKind, Callable[[HttpError], NexusProblem]] = {
    FailureKind.NOT_FOUND: _as(404, "NOT_FOUND"),
    FailureKind.METHOD_NOT_ALLOWED: _as(405, "METHOD_NOT_ALLOWED"),
    FailureKind.MISDIRECTED: _as(421, "MISDIRECTED_REQUEST"),
    FailureKind.FOREIGN_ORIGIN: _as(403, "FORBIDDEN"),
    FailureKind.RATE_LIMITED: _rate_limited,
    # The document knows 413 for files only; a JSON body beyond its fields' limits is invalid input.
    FailureKind.JSON_TOO_LARGE: _as(400, "INVALID_INPUT", "Request body is too large"),
    FailureKind.MALFORMED_JSON: _as(400, "INVALID_INPUT", "Invalid JSON data"),
    FailureKind.UPLOAD_TOO_LARGE: _too_large,
    FailureKind.MALFORMED_FORM: _as(400, "INVALID_INPUT", "Invalid form data"),
    FailureKind.WRONG_FILE_FORMAT: _as(400, "INVALID_FORMAT", "Invalid format"),
    FailureKind.BODY_TOO_SLOW: _as(400, "INVALID_INPUT", "Request timed out"),
    FailureKind.OVERLOADED: _as(503, "SERVICE_UNAVAILABLE"),
    FailureKind.UNKNOWN_EXPECTATION: _as(417, "EXPECTATION_FAILED"),
    FailureKind.NOT_A_WEBSOCKET: _as(426, "UPGRADE_REQUIRED"),
}
