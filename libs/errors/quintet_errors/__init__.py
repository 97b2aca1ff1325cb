"""The one error class of Quintet, the one list of reasons, and their way over the wire."""

from quintet_errors.error import DomainError
from quintet_errors.reason import GRPC_CODES, Reason

__all__ = ["GRPC_CODES", "DomainError", "Reason"]
