"""What can go wrong before a dialect's own code has a say; each surface words it in its own shape."""

from collections.abc import Mapping
from enum import StrEnum

from quintet_errors import DomainError
from quintet_observability import get_logger
from quintet_rpc.request_context import current_request_id

_log = get_logger(__name__)


class FailureKind(StrEnum):
    """Names of the failures that the plumbing finds."""

    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MISDIRECTED = "misdirected"
    FOREIGN_ORIGIN = "foreign_origin"
    RATE_LIMITED = "rate_limited"
    JSON_TOO_LARGE = "json_too_large"
    MALFORMED_JSON = "malformed_json"
    UPLOAD_TOO_LARGE = "upload_too_large"
    MALFORMED_FORM = "malformed_form"
    WRONG_FILE_FORMAT = "wrong_file_format"
    BODY_TOO_SLOW = "body_too_slow"
    OVERLOADED = "overloaded"
    UNKNOWN_EXPECTATION = "unknown_expectation"
    NOT_A_WEBSOCKET = "not_a_websocket"


STATUSES: Mapping[FailureKind, int] = {
    FailureKind.NOT_FOUND: 404,
    FailureKind.METHOD_NOT_ALLOWED: 405,
    FailureKind.MISDIRECTED: 421,
    FailureKind.FOREIGN_ORIGIN: 403,
    FailureKind.RATE_LIMITED: 429,
    FailureKind.JSON_TOO_LARGE: 413,
    FailureKind.MALFORMED_JSON: 400,
    FailureKind.UPLOAD_TOO_LARGE: 413,
    FailureKind.MALFORMED_FORM: 400,
    FailureKind.WRONG_FILE_FORMAT: 400,
    FailureKind.BODY_TOO_SLOW: 408,
    FailureKind.OVERLOADED: 503,
    FailureKind.UNKNOWN_EXPECTATION: 417,
    FailureKind.NOT_A_WEBSOCKET: 426,
}
"""The usual status of each kind; a surface whose document has another one uses that."""


class DialectError(Exception):
    """A refusal that a dialect words itself; only its own surface renders it."""


class HttpError(Exception):
    """A request that cannot be served as it came.

    `facts` hold the numbers of the sentence under lowerCamelCase keys; `headers` go into the response.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        facts: Mapping[str, int | str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.facts: Mapping[str, int | str] = dict(facts or {})
        self.headers: Mapping[str, str] = dict(headers or {})

    @property
    def status(self) -> int:
        """The usual HTTP status of the failure."""
        return STATUSES[self.kind]


def too_large(kind: FailureKind, max_bytes: int, received_bytes: int) -> HttpError:
    """Returns the failure of a body that is larger than `max_bytes`."""
    return HttpError(
        kind,
        f"The body is larger than {max_bytes} bytes.",
        {"maxBytes": max_bytes, "receivedBytes": received_bytes},
    )


def log_untold(error: DomainError) -> None:
    """Logs the sentence of a failure whose client is told only that something failed."""
    _log.error("internal_failure", reason=error.reason.value, sentence=error.message, request_id=current_request_id())
