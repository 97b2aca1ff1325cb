"""Every failure as `{"detail": "..."}`, and as the `error` event of a stream that has begun."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.http.failures import DialectError, FailureKind, HttpError
from quintet_gateway.http.rendering import INTERNAL, told_sentence


class Title(StrEnum):
    """The four names of failures in the document; details and events begin with them."""

    SERVICE = "AI service error"
    PROVIDER = "AI provider error"
    CONVERSATION = "Conversation error"
    UNEXPECTED = "Unexpected error"


@dataclass(frozen=True)
class AegisProblem:
    """What the client is told; `title` is empty where the document has the sentence alone."""

    status: int
    sentence: str
    title: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """The text of the body."""
        return f"{self.title}: {self.sentence}" if self.title else self.sentence


class AegisError(DialectError):
    """A request that this surface refuses."""

    def __init__(self, problem: AegisProblem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def invalid(sentence: str) -> AegisError:
    """Returns the error of a request that holds something that is not taken."""
    return AegisError(AegisProblem(400, sentence))


def invalid_conversation() -> AegisError:
    """Returns the error of an id that no conversation can have."""
    return AegisError(AegisProblem(400, "Invalid conversation_id", Title.CONVERSATION))


def conversation_not_found(conversation_id: str) -> AegisError:
    """Returns the error of a conversation that does not exist."""
    return AegisError(AegisProblem(404, f"Conversation {conversation_id} not found", Title.CONVERSATION))


def access_denied() -> AegisError:
    """Returns the error of somebody else's conversation."""
    return AegisError(AegisProblem(403, "Access denied"))


def not_found(sentence: str) -> AegisError:
    """Returns the error of anything else that does not exist."""
    return AegisError(AegisProblem(404, sentence))


def failed(what: str, error: DomainError, *, status: int = 500, passing: int = 503) -> AegisError:
    """Words a failure of a service as `what: sentence`, with `passing` as the status of one that will pass.

    A mistake of the client stays 400.
    """
    usual = describe(error).status
    if usual == 400:
        return invalid(error.message)
    chosen = passing if usual == 503 else status
    return AegisError(AegisProblem(chosen, told_sentence(error, OPERATORS_ONLY), what, _retry_after(error, chosen)))


def render(error: Exception) -> web.Response:
    """Words any exception."""
    problem = describe(error)
    return web.json_response({"detail": problem.detail}, status=problem.status, headers=problem.headers)


def describe(error: Exception) -> AegisProblem:
    """Returns what the client is told about any exception; details of unknown ones stay inside."""
    if isinstance(error, AegisError):
        return error.problem
    if isinstance(error, HttpError):
        status = _STATUSES.get(error.kind, error.status)
        return AegisProblem(status, _MESSAGES.get(error.kind, error.message), headers=error.headers)
    if isinstance(error, DomainError):
        status, title = _of_provider(error) or REASONS[error.reason]
        return AegisProblem(status, told_sentence(error, OPERATORS_ONLY), title, _retry_after(error, status))
    return AegisProblem(500, INTERNAL, Title.UNEXPECTED)


def told_in_stream(error: Exception) -> tuple[Title, str]:
    """Returns the two texts of the `error` event."""
    problem = describe(error)
    if problem.title in set(Title):
        return Title(problem.title), problem.sentence
    return (Title.CONVERSATION if problem.status in {403, 404} else Title.SERVICE), problem.sentence


def _of_provider(error: DomainError) -> tuple[int, str] | None:
    """Tells a provider's failure from one of this server; a provider that is full is no reason to spare the server."""
    if "provider" not in error.metadata or REASONS[error.reason][0] == 400:
        return None
    return _PROVIDER


def _retry_after(error: DomainError, status: int) -> Mapping[str, str]:
    known = error.metadata.get("retryAfterSeconds")
    if status == 503:
        return {"Retry-After": known or "1"}
    return {"Retry-After": known} if known and status in {429, 502} else {}


_MESSAGES: Mapping[FailureKind, str] = {
    FailureKind.NOT_FOUND: "Not Found",
    FailureKind.METHOD_NOT_ALLOWED: "Method Not Allowed",
}

# The document has neither 408 nor 413.
_STATUSES: Mapping[FailureKind, int] = {
    FailureKind.JSON_TOO_LARGE: 400,
    FailureKind.UPLOAD_TOO_LARGE: 400,
    FailureKind.BODY_TOO_SLOW: 400,
}

_INVALID = (400, "")
_MISSING = (404, "")
_SERVICE = (503, Title.SERVICE.value)
_PROVIDER = (502, Title.PROVIDER.value)
_BROKEN = (500, Title.UNEXPECTED.value)

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
    Reason.SESSION_NOT_FOUND: (404, Title.CONVERSATION.value),
    Reason.JOB_NOT_FOUND: _MISSING,
    Reason.JOB_STATE_CONFLICT: _BROKEN,
    Reason.LEASE_LOST: _BROKEN,
    Reason.MODEL_NOT_FOUND: _SERVICE,
    Reason.VOICE_NOT_FOUND: _MISSING,
    Reason.ENGINE_BUSY: _SERVICE,
    Reason.ENGINE_FAILED: _PROVIDER,
    Reason.SERVICE_UNAVAILABLE: _SERVICE,
    Reason.DEADLINE_EXCEEDED: _PROVIDER,
    Reason.CANCELLED: _SERVICE,
    Reason.RATE_LIMITED: _PROVIDER,
    Reason.UNAUTHENTICATED: (401, ""),
    Reason.STORAGE_FULL: _SERVICE,
    Reason.STORAGE_FAILED: _BROKEN,
    Reason.SOURCE_UNREACHABLE: _PROVIDER,
    Reason.INTERNAL: _BROKEN,
    Reason.NO_SPEECH: _INVALID,
    Reason.USER_NOT_FOUND: _MISSING,
    Reason.EMAIL_TAKEN: _INVALID,
    Reason.PERMISSION_DENIED: (403, ""),
    Reason.API_KEY_NOT_FOUND: _MISSING,
    Reason.MESSAGE_NOT_FOUND: _MISSING,
    Reason.COLLECTION_NOT_FOUND: _MISSING,
    Reason.WEBHOOK_NOT_FOUND: _MISSING,
    Reason.DELIVERY_NOT_FOUND: _MISSING,
    Reason.BUILD_LOST: _BROKEN,
    Reason.MODEL_NOT_INSTALLED: _SERVICE,
}
"""Status and title of each reason."""

OPERATORS_ONLY = frozenset(reason for reason, answer in REASONS.items() if answer is _BROKEN)
"""Reasons whose sentences are for whoever runs the services: they name folders, leases and states of the inside."""
