"""Conversations: create, list, read, delete, clear."""

from quintet.session.v1.session_service_pb2 import ListMessagesRequest, Message, Session
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.session import SessionClient

_PAGE_SIZE = 1000


class Sessions:
    """The conversations of an owner. Methods that name a session raise DomainError SESSION_NOT_FOUND."""

    def __init__(self, client: SessionClient) -> None:
        self._client = client

    async def create(self, owner: Owner, title: str) -> Session:
        """Creates an empty conversation."""
        return await self._client.create(owner.scope(), title)

    async def list_all(self, owner: Owner) -> list[Session]:
        """Returns all conversations, the most recently updated first."""
        sessions: list[Session] = []
        token = ""
        while True:
            page = await self._client.list_page(owner.scope(), token, _PAGE_SIZE)
            sessions.extend(page.sessions)
            token = page.next_page_token
            if not token:
                return sessions

    async def messages(self, owner: Owner, session_id: str) -> tuple[Session, list[Message]]:
        """Returns a conversation with all of its messages, the oldest first."""
        messages: list[Message] = []
        request = ListMessagesRequest(scope=owner.scope(), session_id=session_id, page_size=_PAGE_SIZE)
        while True:
            page = await self._client.messages_page(request)
            messages.extend(page.messages)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return page.session, messages

    async def delete(self, owner: Owner, session_id: str) -> None:
        """Deletes a conversation and its messages."""
        await self._client.delete(owner.scope(), session_id)

    async def clear(self, owner: Owner, session_id: str) -> None:
        """Removes the messages of a conversation."""
        await self._client.clear(owner.scope(), session_id)
