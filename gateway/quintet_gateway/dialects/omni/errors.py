"""Every failure as `{"error", "detail", "timestamp"}`, with the statuses that the document has."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.omni.ids import public_id
from quintet_gateway.dialects.omni.times import now
from quintet_gateway.http.failures import DialectError, FailureKind, HttpError
from quintet_gateway.http.rendering import INTERNAL, told_sentence

_LONGEST_ECHO = 100


@dataclass(frozen=True)
class OmniProblem:
    """What the client is told."""

    status: int
    error: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """Returns the body of an answer."""
        told: dict[str, object] = {"error": self.error, "detail": self.detail, "timestamp": now()}
        if self.status == 429:
            told["retry_after"] = int(self.headers.get("Retry-After", "1"))
        return told


class OmniError(DialectError):
    """A request or a frame that this surface refuses."""

    def __init__(self, problem: OmniProblem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def invalid(detail: str) -> OmniError:
    """Returns the error of a request that holds something that is not taken."""
    return OmniError(OmniProblem(*_INVALID, detail))


def key_required() -> OmniError:
    """Returns the error of a request without a key."""
    told = "Send a key as `Authorization: Bearer qo_...`, or as `api_key` in the address."
    return OmniError(OmniProblem(*_NO_KEY, told, {"WWW-Authenticate": "Bearer"}))


def invalid_key() -> OmniError:
    """Returns the error of a key that is wrong, revoked or expired."""
    return OmniError(OmniProblem(403, "Invalid API key", "The key is not known, or it is not valid any more."))


def forbidden() -> OmniError:
    """Returns the error of a key that may not do this."""
    return OmniError(OmniProblem(*_FORBIDDEN, "This API key may not do that."))


def session_not_found(told_id: str) -> OmniError:
    """Returns the error of a session that does not exist or is somebody else's."""
    return OmniError(OmniProblem(*_NO_SESSION, _no_session(told_id)))


def render(error: Exception) -> web.Response:
    """Words any exception."""
    problem = describe(error)
    return web.json_response(problem.body(), status=problem.status, headers=problem.headers)


def describe(error: Exception) -> OmniProblem:
    """Returns what the client is told about any exception; details of unknown ones stay inside."""
    if isinstance(error, OmniError):
        return error.problem
    if isinstance(error, HttpError):
        status, name = _FAILURES.get(error.kind, _INVALID)
        return OmniProblem(status, name, error.message, _with_pause(status, error.headers))
    if isinstance(error, DomainError):
        return _of_domain(error)
    return OmniProblem(*_BROKEN, INTERNAL)


def _of_domain(error: DomainError) -> OmniProblem:
    status, name = REASONS[error.reason]
    told = told_sentence(error, OPERATORS_ONLY)
    headers: Mapping[str, str] = {}
    if error.reason is Reason.SESSION_NOT_FOUND and "sessionId" in error.metadata:
        told = _no_session(public_id(error.metadata["sessionId"]))
    if status == 429:
        headers = {"Retry-After": error.metadata.get("retryAfterSeconds", "1")}
    return OmniProblem(status, name, told, headers)


def _with_pause(status: int, headers: Mapping[str, str]) -> Mapping[str, str]:
    return {"Retry-After": "1", **headers} if status == 429 else headers


def _no_session(told_id: str) -> str:
    return f"No session with ID: {told_id[:_LONGEST_ECHO]}"


_INVALID = (400, "Bad Request")
_NO_KEY = (401, "API key required")
_FORBIDDEN = (403, "Forbidden")
_MISSING = (404, "Not found")
_NO_SESSION = (404, "Session not found")
_BUSY = (429, "Rate limited")
_BROKEN = (500, "Internal error")
_FAILED = (500, "Processing failed")

REASONS: Mapping[Reason, tuple[int, str]] = {
    Reason.INVALID_ARGUMENT: _INVALID,
    Reason.MISSING_FIELD: _INVALID,
    Reason.STREAM_OUT_OF_ORDER: _BROKEN,
    Reason.PAYLOAD_TOO_LARGE: _INVALID,
    Reason.UNSUPPORTED_FORMAT: _INVALID,
    Reason.UNDECODABLE_MEDIA: _INVALID,
    Reason.MEDIA_TOO_LONG: _INVALID,
    Reason.IMAGE_TOO_LARGE: _INVALID,
    # Nobody names a language here, so that it is no mistake of the client.
    Reason.UNSUPPORTED_LANGUAGE: _FAILED,
    Reason.SESSION_NOT_FOUND: _NO_SESSION,
    Reason.JOB_NOT_FOUND: _MISSING,
    Reason.JOB_STATE_CONFLICT: _BROKEN,
    Reason.LEASE_LOST: _BROKEN,
    Reason.MODEL_NOT_FOUND: _FAILED,
    Reason.VOICE_NOT_FOUND: _FAILED,
    Reason.ENGINE_BUSY: _BUSY,
    Reason.ENGINE_FAILED: _FAILED,
    Reason.SERVICE_UNAVAILABLE: _FAILED,
    Reason.DEADLINE_EXCEEDED: _FAILED,
    Reason.CANCELLED: _FAILED,
    Reason.RATE_LIMITED: _BUSY,
    Reason.UNAUTHENTICATED: _NO_KEY,
    Reason.STORAGE_FULL: _FAILED,
    Reason.STORAGE_FAILED: _BROKEN,
    Reason.SOURCE_UNREACHABLE: _FAILED,
    Reason.INTERNAL: _BROKEN,
    Reason.NO_SPEECH: _INVALID,
    Reason.USER_NOT_FOUND: _FORBIDDEN,
    Reason.EMAIL_TAKEN: _INVALID,
    Reason.PERMISSION_DENIED: _FORBIDDEN,
    Reason.API_KEY_NOT_FOUND: _FORBIDDEN,
    Reason.MESSAGE_NOT_FOUND: _MISSING,
    Reason.COLLECTION_NOT_FOUND: _MISSING,
    Reason.WEBHOOK_NOT_FOUND: _MISSING,
    Reason.DELIVERY_NOT_FOUND: _MISSING,
    Reason.BUILD_LOST: _BROKEN,
    Reason.MODEL_NOT_INSTALLED: _FAILED,
}
"""Status and error of each reason. The document has no 413, 422 or 503."""

OPERATORS_ONLY = frozenset(reason for reason, answer in REASONS.items() if answer is _BROKEN)
"""Reasons whose sentences are for whoever runs the services: they name folders, leases and states of the inside."""

_FAILURES: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.NOT_FOUND: _MISSING,
    FailureKind.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    FailureKind.MISDIRECTED: (421, "Misdirected request"),
    FailureKind.FOREIGN_ORIGIN: _FORBIDDEN,
    FailureKind.RATE_LIMITED: _BUSY,
    FailureKind.OVERLOADED: _BUSY,
}
"""What is not a plain 400; a method or a host that is not served at all has no row in the document."""
