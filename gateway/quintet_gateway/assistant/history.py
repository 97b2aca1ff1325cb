"""What was said in conversations: reads it, and adds what is said now."""

import asyncio
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quintet.chat.v1.chat_service_pb2 import ChatMessage
from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import (
    AppendMessagesRequest,
    AppendMessagesResponse,
    ListMessagesRequest,
    Message,
    Session,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.session import SessionClient
from quintet_observability import get_logger

_log = get_logger(__name__)

# More cost time and no engine here uses them.
CONTEXT_MESSAGES = 100

_ROLES = {
    Message.ROLE_USER: ChatMessage.ROLE_USER,
    Message.ROLE_ASSISTANT: ChatMessage.ROLE_ASSISTANT,
    Message.ROLE_SYSTEM: ChatMessage.ROLE_SYSTEM,
}


@dataclass(frozen=True)
class Asked:
    """A question, None before it is stored, its session, and what was said before it, the oldest first."""

    question: Message | None
    session: Session
    earlier: list[ChatMessage]


class History:
    """The messages of sessions, as the llm service wants to see them."""

    def __init__(self, sessions: SessionClient) -> None:
        self._sessions = sessions
        self._storing: set[asyncio.Future[Any]] = set()

    async def close(self) -> None:
        """Waits for answers that are being stored."""
        await asyncio.gather(*self._storing, return_exceptions=True)

    async def read(self, owner: Owner, session_id: str) -> list[ChatMessage]:
        """Returns the newest messages of a session, the oldest first.

        Raises:
            DomainError: SESSION_NOT_FOUND.
        """
        return (await self.before(owner, session_id, CONTEXT_MESSAGES)).earlier

    async def before(self, owner: Owner, session_id: str, most: int) -> Asked:
        """Returns a session and its `most` newest messages, at most 1000, for a question that is not stored yet.

        Raises:
            DomainError: SESSION_NOT_FOUND.
        """
        page = await self._sessions.messages_page(_newest(owner, session_id, max(1, most)))
        earlier = [_to_chat_message(message) for message in reversed(page.messages[:most])]
        return Asked(None, page.session, earlier)

    async def add_question(
        self, owner: Owner, session_id: str, message: Message, title: str, context_messages: int
    ) -> Asked:
        """Stores a question durably; `title` becomes the session's if it held no message.

        Raises:
            DomainError: SESSION_NOT_FOUND.
        """
        appended, newest = await asyncio.gather(
            self._sessions.append(_append_request(owner, session_id, [message], title=title)),
            self._newest_messages(owner, session_id, context_messages),
        )
        # Both calls run at once, so the listing may hold the question already, and what others asked after it.
        question = appended.messages[0]
        earlier = [earlier for earlier in reversed(newest) if earlier.sequence < question.sequence]
        return Asked(question, appended.session, [_to_chat_message(message) for message in earlier])

    async def _newest_messages(self, owner: Owner, session_id: str, most: int) -> Sequence[Message]:
        try:
            return (await self._sessions.messages_page(_newest(owner, session_id, most))).messages
        except DomainError as error:
            # The question may be stored already: told of a failure, its writer would send it again.
            _log.warning("answering_without_context", reason=error.reason.value)
            return ()

    async def add(
        self,
        owner: Owner,
        session_id: str,
        messages: Sequence[Message],
        *,
        attributes: Mapping[str, str],
        event: Event | None = None,
        title: str = "",
    ) -> AppendMessagesResponse | None:
        """Stores messages with attributes of their session, and tells webhooks of them with `event`.

        Returns None if the session was deleted meanwhile.
        """
        request = _append_request(owner, session_id, messages, title=title, attributes=attributes, event=event)
        try:
            return await self._sessions.append(request)
        except DomainError as error:
            if error.reason is not Reason.SESSION_NOT_FOUND:
                raise
            return None

    async def completed(self, storing: Coroutine[Any, Any, None]) -> None:
        """Waits for `storing`, which runs to its end even if the one who waits leaves.

        The answer was made: a client that leaves in this moment must still find it in the history.
        """
        task = asyncio.ensure_future(storing)
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        await asyncio.shield(task)


def _newest(owner: Owner, session_id: str, most: int) -> ListMessagesRequest:
    return ListMessagesRequest(
        scope=owner.scope(),
        session_id=session_id,
        page_size=most,
        order=ListMessagesRequest.ORDER_NEWEST_FIRST,
    )


def _append_request(
    owner: Owner,
    session_id: str,
    messages: Sequence[Message],
    *,
    title: str = "",
    attributes: Mapping[str, str] | None = None,
    event: Event | None = None,
) -> AppendMessagesRequest:
    return AppendMessagesRequest(
        scope=owner.scope(),
        session_id=session_id,
        messages=messages,
        idempotency_key=uuid.uuid4().hex,
        title_if_first=title,
        attributes=attributes,
        event=event,
    )


def _to_chat_message(message: Message) -> ChatMessage:
    return ChatMessage(
        role=_ROLES[message.role],
        content=message.content,
        create_time=message.create_time,
        image_analysis=message.image_analysis if message.HasField("image_analysis") else None,
    )
