"""What was said in conversations: reads it, and adds what is said now."""

import asyncio
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quintet.chat.v1.chat_service_pb2 import ChatMessage
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

# Earlier messages that the engine sees. More cost time and no engine here uses them.
_CONTEXT_MESSAGES = 100

_ROLES = {
    Message.ROLE_USER: ChatMessage.ROLE_USER,
    Message.ROLE_ASSISTANT: ChatMessage.ROLE_ASSISTANT,
    Message.ROLE_SYSTEM: ChatMessage.ROLE_SYSTEM,
}


@dataclass(frozen=True)
class Asked:
    """A stored question, its session, and what was said before it, the oldest first."""

    question: Message
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
        page = await self._sessions.messages_page(_newest(owner, session_id))
        return [_to_chat_message(message) for message in reversed(page.messages)]

    async def add_question(self, owner: Owner, session_id: str, text: str, message_id: str, title: str) -> Asked:
        """Stores a question durably; `title` becomes the session's if it held no message.

        Raises:
            DomainError: SESSION_NOT_FOUND.
        """
        message = Message(message_id=message_id, role=Message.ROLE_USER, content=text)
        appended, newest = await asyncio.gather(
            self._sessions.append(_append_request(owner, session_id, message, title=title)),
            self._newest_messages(owner, session_id),
        )
        # Both calls run at once, so the listing may hold the question already, and what others asked after it.
        question = appended.messages[0]
        earlier = [earlier for earlier in reversed(newest) if earlier.sequence < question.sequence]
        return Asked(question, appended.session, [_to_chat_message(message) for message in earlier])

    async def _newest_messages(self, owner: Owner, session_id: str) -> Sequence[Message]:
        try:
            return (await self._sessions.messages_page(_newest(owner, session_id))).messages
        except DomainError as error:
            # The question may be stored already: told of a failure, its writer would send it again.
            _log.warning("answering_without_context", reason=error.reason.value)
            return ()

    async def add_answer(
        self, owner: Owner, session_id: str, text: str, message_id: str, attributes: Mapping[str, str]
    ) -> AppendMessagesResponse | None:
        """Stores an answer with attributes of its session; None if the session was deleted meanwhile."""
        message = Message(message_id=message_id, role=Message.ROLE_ASSISTANT, content=text)
        try:
            return await self._sessions.append(_append_request(owner, session_id, message, attributes=attributes))
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


def _newest(owner: Owner, session_id: str) -> ListMessagesRequest:
    return ListMessagesRequest(
        scope=owner.scope(),
        session_id=session_id,
        page_size=_CONTEXT_MESSAGES,
        order=ListMessagesRequest.ORDER_NEWEST_FIRST,
    )


def _append_request(
    owner: Owner,
    session_id: str,
    message: Message,
    *,
    title: str = "",
    attributes: Mapping[str, str] | None = None,
) -> AppendMessagesRequest:
    return AppendMessagesRequest(
        scope=owner.scope(),
        session_id=session_id,
        messages=[message],
        idempotency_key=uuid.uuid4().hex,
        title_if_first=title,
        attributes=attributes,
    )


def _to_chat_message(message: Message) -> ChatMessage:
    return ChatMessage(role=_ROLES[message.role], content=message.content, create_time=message.create_time)
