"""Sessions whose ids their clients choose: each id owns one session, and nobody lists them."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Assistant, Owner, SessionBounds
from quintet_gateway.dialects.sight.translate import LANGUAGE, MOST_INTERACTIONS
from quintet_gateway.dialects.sight.wording import DEFAULT_LANGUAGE, LANGUAGES
from quintet_gateway.http.failures import FailureKind, HttpError

SURFACE = "sight"
_MOST_REMEMBERED = 10_000
# A quarter of what all uploads may take: a minute's allowance of usual photographs, or two of the largest forms.
_MOST_WAITING_BYTES = 32 << 20
_RETRY_AFTER_S = 5


def owner_of(session_id: str) -> Owner:
    """Returns whose data the session of a client's id is."""
    return Owner(SURFACE, session_id)


@dataclass
class _Queue:
    """The requests of one session: one at work, and those that wait with their files in memory."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0
    size: int = 0


class SightSessions:
    """Finds the session of an id, and lets one request of it go at a time."""

    def __init__(self, idle: timedelta) -> None:
        self._bounds = SessionBounds(only_one=True, idle=idle)
        self._queues: dict[str, _Queue] = {}
        self._languages: OrderedDict[str, str] = OrderedDict()

    @asynccontextmanager
    async def turn(self, session_id: str, size: int) -> AsyncIterator[None]:
        """Waits until no other request of the session is at work, and holds the others back for the block.

        Raises:
            HttpError: OVERLOADED, if with these `size` bytes too much would wait for one session.
        """
        queue = self._queues.setdefault(session_id, _Queue())
        if queue.requests and queue.size + size > _MOST_WAITING_BYTES:
            raise _crowded()
        queue.requests += 1
        queue.size += size
        try:
            async with queue.turn:
                yield
        finally:
            queue.requests -= 1
            queue.size -= size
            if not queue.requests:
                del self._queues[session_id]

    async def opened(self, assistant: Assistant, session_id: str) -> Session:
        """Returns the session, which is made by its first use."""
        return (await assistant.sessions.create_within(owner_of(session_id), self._bounds)).session

    async def newest_messages(self, assistant: Assistant, session_id: str) -> tuple[Session, list[Message]] | None:
        """Returns a session with its last interactions; None if there is none."""
        owner = owner_of(session_id)
        sessions, _ = await assistant.sessions.page(owner, 1)
        if not sessions:
            return None
        most = 2 * MOST_INTERACTIONS
        skipped = max(0, sessions[0].message_count - most)
        try:
            return await assistant.sessions.messages_page(owner, sessions[0].session_id, most, skipped)
        except DomainError as error:
            if error.reason is Reason.SESSION_NOT_FOUND:
                return None
            raise

    async def forget(self, assistant: Assistant, session_id: str) -> None:
        """Deletes the session, if there is one."""
        owner = owner_of(session_id)
        self._languages.pop(session_id, None)
        sessions, _ = await assistant.sessions.page(owner, 1)
        for session in sessions:
            try:
                await assistant.sessions.delete(owner, session.session_id)
            except DomainError as error:
                if error.reason is not Reason.SESSION_NOT_FOUND:
                    raise

    def spoke(self, session_id: str, language: str) -> None:
        """Notes the language in which a client was answered."""
        self._languages[session_id] = language
        self._languages.move_to_end(session_id)
        if len(self._languages) > _MOST_REMEMBERED:
            self._languages.popitem(last=False)

    async def language(self, assistant: Assistant, session_id: str) -> str:
        """Returns the language in which a client should be told that something failed; English if nobody knows."""
        if not session_id:
            return DEFAULT_LANGUAGE
        if session_id not in self._languages:
            try:
                sessions, _ = await assistant.sessions.page(owner_of(session_id), 1)
            except DomainError:
                return DEFAULT_LANGUAGE
            known = sessions[0].attributes.get(LANGUAGE, "") if sessions else ""
            self.spoke(session_id, known if known in LANGUAGES else DEFAULT_LANGUAGE)
        return self._languages[session_id]


def _crowded() -> HttpError:
    return HttpError(
        FailureKind.OVERLOADED,
        "Too many requests of this session wait. Try again in a moment.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
    )
