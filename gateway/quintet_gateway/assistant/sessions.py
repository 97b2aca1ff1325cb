"""Conversations: create, list, read, delete, clear."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import (
    CreateSessionRequest,
    ListMessagesRequest,
    ListMessagesResponse,
    ListSessionsRequest,
    Message,
    Session,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.session import SessionClient

_PAGE_SIZE = 1000
# A conversation of many pages is held in memory as a whole, twice: as messages and as the answer.
_LONGEST_BYTES = 64 << 20
_LONG_READERS = 2
_NO_ATTRIBUTES: Mapping[str, str] = {}


@dataclass(frozen=True)
class SessionBounds:
    """What keeps the sessions of an owner few and young.

    Of more than `most` the least recently updated are deleted, and of each of them `evicted` is told; 0 means no bound.
    A session that does not change for `idle` is deleted without a word. With `only_one`, an owner who has a session
    gets it again.
    """

    most: int = 0
    idle: timedelta | None = None
    only_one: bool = False
    evicted: Event | None = None


@dataclass(frozen=True)
class Created:
    """A session and the ids of those that had to leave for it."""

    session: Session
    evicted_ids: tuple[str, ...]


_UNBOUNDED = SessionBounds()


class Sessions:
    """The conversations of an owner. Methods that name a session raise DomainError SESSION_NOT_FOUND."""

    def __init__(self, client: SessionClient) -> None:
        self._client = client
        self._long_reader = asyncio.Semaphore(_LONG_READERS)

    async def create(self, owner: Owner, title: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES) -> Session:
        """Creates an empty conversation."""
        return (await self.create_within(owner, _UNBOUNDED, title, attributes)).session

    async def create_within(
        self,
        owner: Owner,
        bounds: SessionBounds,
        title: str = "",
        attributes: Mapping[str, str] = _NO_ATTRIBUTES,
        event: Event | None = None,
    ) -> Created:
        """Creates an empty conversation where bounds hold, and tells webhooks of it with `event`."""
        request = CreateSessionRequest(
            scope=owner.scope(),
            title=title,
            attributes=attributes,
            reuse_newest=bounds.only_one,
            max_sessions=bounds.most,
            created_event=event,
            evicted_event=bounds.evicted,
        )
        if bounds.idle is not None:
            idle = Duration()
            idle.FromTimedelta(bounds.idle)
            request.idle_lifetime.CopyFrom(idle)
        created = await self._client.create(request)
        return Created(created.session, tuple(created.evicted_session_ids))

    async def get(self, owner: Owner, session_id: str) -> Session:
        """Returns a conversation without its messages."""
        return await self._client.get(owner.scope(), session_id)

    async def page(self, owner: Owner, limit: int, offset: int = 0) -> tuple[list[Session], int]:
        """Returns `limit` conversations after the first `offset`, the newest update first, and how many there are."""
        request = ListSessionsRequest(scope=owner.scope(), offset=offset)
        sessions: list[Session] = []
        while True:
            request.page_size = min(limit - len(sessions), _PAGE_SIZE)
            page = await self._client.list_page(request)
            sessions.extend(page.sessions)
            if len(sessions) >= limit or not page.next_page_token:
                return sessions, page.total_count
            request.offset, request.page_token = 0, page.next_page_token

    async def list_all(self, owner: Owner) -> list[Session]:
        """Returns all conversations, the most recently updated first."""
        sessions: list[Session] = []
        request = ListSessionsRequest(scope=owner.scope(), page_size=_PAGE_SIZE)
        while True:
            page = await self._client.list_page(request)
            sessions.extend(page.sessions)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return sessions

    async def messages(self, owner: Owner, session_id: str) -> tuple[Session, list[Message]]:
        """Returns a conversation with all of its messages, the oldest first; few long ones are read at once.

        Raises:
            DomainError: PAYLOAD_TOO_LARGE for more than 64 MiB.
        """
        request = ListMessagesRequest(scope=owner.scope(), session_id=session_id, page_size=_PAGE_SIZE)
        page = await self._client.messages_page(request)
        messages = list(page.messages)
        if not page.next_page_token:
            return page.session, messages
        async with self._long_reader:
            return await self._rest(request, page, messages)

    async def _rest(
        self, request: ListMessagesRequest, page: ListMessagesResponse, messages: list[Message]
    ) -> tuple[Session, list[Message]]:
        size = page.ByteSize()
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = await self._client.messages_page(request)
            messages.extend(page.messages)
            size += page.ByteSize()
            if size > _LONGEST_BYTES:
                raise _too_long(size)
        return page.session, messages

    async def messages_page(
        self, owner: Owner, session_id: str, limit: int, offset: int = 0
    ) -> tuple[Session, list[Message]]:
        """Returns `limit` messages after the first `offset`, the oldest first.

        How many there are in all is the session's `message_count`.
        """
        request = ListMessagesRequest(scope=owner.scope(), session_id=session_id, offset=offset)
        messages: list[Message] = []
        while True:
            request.page_size = min(limit - len(messages), _PAGE_SIZE)
            page = await self._client.messages_page(request)
            messages.extend(page.messages)
            if len(messages) >= limit or not page.next_page_token:
                return page.session, messages
            request.offset, request.page_token = 0, page.next_page_token

    async def message(self, owner: Owner, message_id: str) -> Message:
        """Returns a message by the id that its writer gave it.

        Raises:
            DomainError: MESSAGE_NOT_FOUND.
        """
        return (await self._client.message(owner.scope(), message_id)).message

    async def owner_of(self, surface: str, session_id: str) -> Owner:
        """Tells whose a conversation is, for surfaces that tell a foreign one from one that does not exist."""
        scope = await self._client.owner(surface, session_id)
        return Owner(scope.surface, scope.owner)

    async def set_attributes(self, owner: Owner, session_id: str, attributes: Mapping[str, str]) -> Session:
        """Sets attributes, and removes those that are given as empty; the order of conversations stays as it is."""
        return await self._client.set_attributes(owner.scope(), session_id, attributes)

    async def count(self, surface: str) -> int:
        """Counts the conversations of a surface, of all owners together."""
        return await self._client.count(surface)

    async def delete(self, owner: Owner, session_id: str, event: Event | None = None) -> None:
        """Deletes a conversation and its messages, and tells webhooks of it with `event`."""
        await self._client.delete(owner.scope(), session_id, event)

    async def clear(self, owner: Owner, session_id: str) -> None:
        """Removes the messages of a conversation."""
        await self._client.clear(owner.scope(), session_id)


def _too_long(size: int) -> DomainError:
    return DomainError(
        Reason.PAYLOAD_TOO_LARGE,
        f"The conversation has more than {_LONGEST_BYTES >> 20} MiB and cannot be returned as a whole.",
        {"maxBytes": str(_LONGEST_BYTES), "receivedBytes": str(size)},
    )
