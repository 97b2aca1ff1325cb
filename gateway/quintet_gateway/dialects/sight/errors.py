"""Every failure as `{"detail": "..."}`, and which of them are spoken where speech is expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.sight.wording import Sentence
from quintet_gateway.http.failures import DialectError, FailureKind, HttpError
from quintet_gateway.http.rate_limits import RateLimitedError
from quintet_gateway.http.rendering import INTERNAL, told_sentence

_BYTES_A_MEGABYTE = 1 << 20
_FILE_NAMES = {"image": "Image", "audio": "Audio"}


@dataclass(frozen=True)
class SightProblem:
    """What the client is told; `spoken` is None for what only the writer of a client can mend."""

    status: int
    detail: str
    kind: str
    spoken: Sentence | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class SightError(DialectError):
    """A request that this surface refuses."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


def missing(name: str) -> SightError:
    """Returns the error of a form without a field."""
    return SightError(f"Missing required field: {name}")


def session_not_found() -> SightError:
    """Returns the error of a session that does not exist, or no more."""
    return SightError("Session not found", 404)


def render(error: Exception) -> web.Response:
    """Words any exception as JSON."""
    problem = describe(error)
    return web.json_response({"detail": problem.detail}, status=problem.status, headers=problem.headers)


def describe(error: Exception) -> SightProblem:
    """Returns what the client is told about any exception; details of unknown ones stay inside."""
    if isinstance(error, SightError):
        return SightProblem(error.status, str(error), "ValueError")
    if isinstance(error, RateLimitedError):
        headers = {"X-Rate-Limit-Exceeded": "true", **error.headers}
        return SightProblem(429, "Rate limit exceeded", "RateLimitError", Sentence.RATE_LIMITED, headers)
    if isinstance(error, HttpError):
        return _of_plumbing(error)
    if isinstance(error, DomainError):
        return _of_service(error)
    return SightProblem(500, INTERNAL, "InternalError", Sentence.FAILED)


def _of_plumbing(error: HttpError) -> SightProblem:
    if error.kind is FailureKind.UPLOAD_TOO_LARGE:
        return SightProblem(413, _too_large(error), "ValueError", headers=error.headers)
    status = _STATUSES.get(error.kind, error.status)
    detail = _DETAILS.get(error.kind, error.message)
    spoken = Sentence.BUSY if error.kind is FailureKind.OVERLOADED else None
    return SightProblem(status, detail, _type_name(error.kind.value), spoken, error.headers)


def _of_service(error: DomainError) -> SightProblem:
    status = REASONS[error.reason]
    detail, kind = told_sentence(error, OPERATORS_ONLY), _type_name(error.reason.value)
    if status == 429:
        headers = {"Retry-After": error.metadata.get("retryAfterSeconds", "1")}
        return SightProblem(status, detail, kind, Sentence.BUSY, headers)
    return SightProblem(status, detail, kind, Sentence.FAILED if status == 500 else None)


def _too_large(error: HttpError) -> str:
    name = _FILE_NAMES.get(str(error.facts.get("field", "")), "Request")
    received, most = (int(error.facts[key]) / _BYTES_A_MEGABYTE for key in ("receivedBytes", "maxBytes"))
    # A byte too many would otherwise read as the limit itself.
    return f"{name} too large: {max(received, most + 0.01):.2f}MB (max: {most:g}MB)"


def _type_name(name: str) -> str:
    return f"{''.join(word.capitalize() for word in name.lower().split('_'))}Error"


_DETAILS: Mapping[FailureKind, str] = {
    FailureKind.NOT_FOUND: "Not Found",
    FailureKind.METHOD_NOT_ALLOWED: "Method Not Allowed",
}

# The document has none of their usual statuses.
_STATUSES: Mapping[FailureKind, int] = {
    FailureKind.JSON_TOO_LARGE: 413,
    FailureKind.BODY_TOO_SLOW: 400,
    FailureKind.OVERLOADED: 429,
}

_INVALID, _MISSING, _BUSY, _FAILED, _BROKEN = 400, 404, 429, 500, 500

REASONS: Mapping[Reason, int] = {
    Reason.INVALID_ARGUMENT: _INVALID,
    Reason.MISSING_FIELD: _INVALID,
    Reason.STREAM_OUT_OF_ORDER: _BROKEN,
    Reason.PAYLOAD_TOO_LARGE: _INVALID,
    Reason.UNSUPPORTED_FORMAT: _INVALID,
    Reason.UNDECODABLE_MEDIA: _INVALID,
    Reason.MEDIA_TOO_LONG: _INVALID,
    Reason.IMAGE_TOO_LARGE: _INVALID,
    Reason.UNSUPPORTED_LANGUAGE: _FAILED,
    Reason.SESSION_NOT_FOUND: _MISSING,
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
    Reason.RATE_LIMITED: _FAILED,
    Reason.UNAUTHENTICATED: 401,
    Reason.STORAGE_FULL: _FAILED,
    Reason.STORAGE_FAILED: _BROKEN,
    Reason.SOURCE_UNREACHABLE: _FAILED,
    Reason.INTERNAL: _BROKEN,
    Reason.NO_SPEECH: _INVALID,
    Reason.USER_NOT_FOUND: _MISSING,
    Reason.EMAIL_TAKEN: _INVALID,
    Reason.PERMISSION_DENIED: 403,
    Reason.API_KEY_NOT_FOUND: _MISSING,
    Reason.MESSAGE_NOT_FOUND: _MISSING,
    Reason.COLLECTION_NOT_FOUND: _MISSING,
    Reason.WEBHOOK_NOT_FOUND: _MISSING,
    Reason.DELIVERY_NOT_FOUND: _MISSING,
    Reason.BUILD_LOST: _BROKEN,
    Reason.MODEL_NOT_INSTALLED: _FAILED,
}
"""Status of each reason."""

OPERATORS_ONLY = frozenset(
    {
        Reason.STREAM_OUT_OF_ORDER,
        Reason.JOB_STATE_CONFLICT,
        Reason.LEASE_LOST,
        Reason.STORAGE_FAILED,
        Reason.INTERNAL,
        Reason.BUILD_LOST,
    }
)
"""Reasons whose sentences are for whoever runs the services."""
