"""What the error answers of all surfaces have in common."""

from collections.abc import Collection, Mapping

from quintet_errors import DomainError, Reason
from quintet_gateway.http.failures import log_untold

INTERNAL = "Internal server error"
"""What a client is told of a failure whose sentence is for the operator."""


def told_sentence(
    error: DomainError, untold: Collection[Reason], documented: Mapping[Reason, str] | None = None
) -> str:
    """Returns the sentence for the client: the document's, else the error's own; those of `untold` are logged."""
    if error.reason in untold:
        log_untold(error)
        return INTERNAL
    return (documented or {}).get(error.reason, error.message)


def retry_after(error: DomainError, status: int) -> Mapping[str, str]:
    """Returns when a request that came too early may come again."""
    return {"Retry-After": error.metadata.get("retryAfterSeconds", "1")} if status in {429, 503} else {}
