"""How many conversations are followed at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from quintet_errors import DomainError, Reason
from quintet_observability import metrics

# Conversations last for minutes, but one of a hundred ends every few seconds.
_RETRY_AFTER_S = 5


class Places:
    """A bounded number of places."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Holds a place for the length of the block.

        Raises:
            DomainError: ENGINE_BUSY at once if there is none.
        """
        if self._taken >= self._most:
            raise DomainError(
                Reason.ENGINE_BUSY,
                f"Too many conversations are followed. Try again in {_RETRY_AFTER_S} s.",
                {"retryAfterSeconds": str(_RETRY_AFTER_S)},
            )
        self._taken += 1
        metrics.SPEECH_STREAMS_ACTIVE.inc()
        try:
            yield
        finally:
            self._taken -= 1
            metrics.SPEECH_STREAMS_ACTIVE.dec()
