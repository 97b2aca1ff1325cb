"""Follows the service's watch of credentials, and opens it again whenever it ends."""

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing, suppress

from quintet.identity.v1.identity_service_pb2 import WatchCredentialsResponse
from quintet_errors import Reason
from quintet_gateway.assistant.session_contact import SessionContact
from quintet_gateway.clients.identity import IdentityClient
from quintet_observability import get_logger

_log = get_logger(__name__)

# A stream that is this silent is dead, whatever the connection below says.
_SILENCE_S = 5.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0


class CredentialWatch:
    """Hands every event to `apply`, and calls `lose` when there are no more for now."""

    def __init__(
        self,
        client: IdentityClient,
        apply: Callable[[WatchCredentialsResponse], None],
        lose: Callable[[], None],
        contact: SessionContact,
    ) -> None:
        self._client = client
        self._contact = contact
        self._apply = apply
        self._lose = lose
        self._task: asyncio.Task[None] | None = None
        self._told = False
        self._pause_s = _FIRST_PAUSE_S

    def start(self) -> None:
        """Begins to watch."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends the watch."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - whatever it is, the watch must be opened again
                self._tell(error)
            self._lose()
            # Many gateways lose the same service at the same moment.
            await asyncio.sleep(self._pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _tell(self, error: Exception) -> None:
        reason = getattr(error, "reason", None)
        # The end of the hour that a watch lasts is no event.
        if self._told or reason is Reason.DEADLINE_EXCEEDED:
            return
        if not self._contact.is_awaited(error):
            _log.warning("credential_watch_lost", reason=str(reason or ""), error=type(error).__name__)
            self._told = True

    async def _follow(self) -> None:
        async with aclosing(self._client.watch()) as events:
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    event = await anext(events, None)
                if event is None:
                    return
                self._contact.made()
                self._apply(event)
                self._told = False
                self._pause_s = _FIRST_PAUSE_S
