"""Tells a session service that has not come up yet from one that was lost."""

import time
from collections.abc import Callable

from quintet_errors import DomainError, Reason
from quintet_observability import get_logger

_log = get_logger(__name__)

# All processes start together; a service that is not there after this is missing.
_PATIENCE_S = 15.0
_NOT_THERE = {Reason.SERVICE_UNAVAILABLE, Reason.DEADLINE_EXCEEDED}


class SessionContact:
    """Shared by all who keep a connection to the service, so that whoever reaches it speaks for the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._made = False
        self._told = False

    def made(self) -> None:
        """Notes that the service answered."""
        self._made = True

    def is_awaited(self, error: Exception) -> bool:
        """Tells whether a failure only means that the service is still starting; that is logged once, as no warning."""
        patient = not self._made and self._clock() - self._began <= _PATIENCE_S
        if not patient or not _is_absence(error):
            return False
        if not self._told:
            _log.info("waiting_for_session")
            self._told = True
        return True


def _is_absence(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or (isinstance(error, DomainError) and error.reason in _NOT_THERE)
