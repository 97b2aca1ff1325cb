"""The one error class."""

from collections.abc import Mapping

import grpc

from quintet_errors.reason import GRPC_CODES, Reason


class DomainError(Exception):
    """A failure that the caller can understand: a reason for machines, a sentence for people.

    Every variable part of the sentence also stands in `metadata`, under lowerCamelCase keys.
    """

    def __init__(self, reason: Reason, message: str, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = dict(metadata or {})

    def __reduce__(self) -> tuple[type["DomainError"], tuple[Reason, str, Mapping[str, str]]]:
        # Errors cross the border of worker processes, where the default would lose the metadata.
        return DomainError, (self.reason, self.message, self.metadata)

    def __repr__(self) -> str:
        return f"DomainError({self.reason}, {self.message!r}, {self.metadata!r})"

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC code that the error travels with."""
        return GRPC_CODES[self.reason]
