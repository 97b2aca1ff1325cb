"""One turn of a conversation: what the person said goes in, the answer comes out and is kept."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from quintet.chat.v1.chat_service_pb2 import ChatMessage, StreamChatRequest
from quintet.session.v1.session_service_pb2 import (
    AppendMessagesRequest,
    AppendMessagesResponse,
    ListMessagesRequest,
    Message,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.chat import ChatClient
from quintet_gateway.clients.session import SessionClient

# Earlier messages that the engine sees. More cost time and no engine here uses them.
_CONTEXT_MESSAGES = 100
_TITLE_LENGTH = 50

_ROLES = {
    Message.ROLE_USER: ChatMessage.ROLE_USER,
    Message.ROLE_ASSISTANT: ChatMessage.ROLE_ASSISTANT,
    Message.ROLE_SYSTEM: ChatMessage.ROLE_SYSTEM,
}


class ChatTurns:
    """Answers texts, with the conversation they belong to as context."""

    def __init__(self, sessions: SessionClient, chat: ChatClient) -> None:
        self._sessions = sessions
        self._chat = chat
        self._storing: set[asyncio.Future[AppendMessagesResponse]] = set()

    async def close(self) -> None:
        """Waits for answers that are being stored."""
        await asyncio.gather(*self._storing, return_exceptions=True)

    async def answer(self, owner: Owner, session_id: str | None, text: str) -> AsyncGenerator[str, None]:
        """Yields the answer as it is made; closing the generator stops the engine.

        The person's message is durable before the first text, the answer before the generator ends; of an answer that
        fails half way, what was said is kept. A session that does not exist is answered without context, and nothing
        is kept.

        Raises:
            DomainError: if a service fails.
        """
        history = await self._remember_question(owner, session_id, text) if session_id else None
        messages = [*(history or ()), ChatMessage(role=ChatMessage.ROLE_USER, content=text)]
        parts: list[str] = []
        try:
            async with aclosing(self.stream(messages)) as deltas:
                async for delta in deltas:
                    parts.append(delta)
                    yield delta
        except DomainError:
            if session_id and history is not None and parts:
                await self._remember_answer(owner, session_id, "".join(parts))
            raise
        if session_id and history is not None:
            await self._remember_answer(owner, session_id, "".join(parts))

    async def stream(self, messages: Sequence[ChatMessage], language: str = "") -> AsyncGenerator[str, None]:
        """Yields the answer to the last of `messages`; nothing is kept."""
        request = StreamChatRequest(messages=messages, language=language)
        async with aclosing(self._chat.stream(request)) as events:
            async for event in events:
                if event.text_delta:
                    yield event.text_delta

    async def history(self, owner: Owner, session_id: str) -> list[ChatMessage]:
        """Returns what was said in a session, the oldest first; nothing for a session that does not exist."""
        if not session_id:
            return []
        try:
            page = await self._sessions.messages_page(_newest(owner, session_id))
        except DomainError as error:
            if error.reason is Reason.SESSION_NOT_FOUND:
                return []
            raise
        return [_to_chat_message(message) for message in reversed(page.messages)]

    async def _remember_question(self, owner: Owner, session_id: str, text: str) -> list[ChatMessage] | None:
        """Stores the question and returns what was said before it; None if the session does not exist."""
        listing = _newest(owner, session_id)
        question = _append_request(owner, session_id, Message.ROLE_USER, text, title=_title(text))
        try:
            appended, page = await asyncio.gather(
                self._sessions.append(question), self._sessions.messages_page(listing)
            )
        except DomainError as error:
            if error.reason is Reason.SESSION_NOT_FOUND:
                return None
            raise
        # Both calls run at once, so the listing may hold the question already, and what others asked after it.
        first = appended.messages[0].sequence
        earlier = [message for message in reversed(page.messages) if message.sequence < first]
        return [_to_chat_message(message) for message in earlier]

    async def _remember_answer(self, owner: Owner, session_id: str, text: str) -> None:
        request = _append_request(owner, session_id, Message.ROLE_ASSISTANT, text)
        storing = asyncio.ensure_future(self._sessions.append(request))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        try:
            # The answer was made: a client that leaves in this moment must still find it in the history.
            await asyncio.shield(storing)
        except DomainError as error:
            if error.reason is not Reason.SESSION_NOT_FOUND:
                raise


def _newest(owner: Owner, session_id: str) -> ListMessagesRequest:
    return ListMessagesRequest(
        scope=owner.scope(),
        session_id=session_id,
        page_size=_CONTEXT_MESSAGES,
        order=ListMessagesRequest.ORDER_NEWEST_FIRST,
    )


def _append_request(
    owner: Owner, session_id: str, role: Message.Role.ValueType, text: str, title: str = ""
) -> AppendMessagesRequest:
    return AppendMessagesRequest(
        scope=owner.scope(),
        session_id=session_id,
        messages=[Message(role=role, content=text)],
        idempotency_key=uuid.uuid4().hex,
        title_if_first=title,
    )


def _to_chat_message(message: Message) -> ChatMessage:
    return ChatMessage(role=_ROLES[message.role], content=message.content, create_time=message.create_time)


def _title(text: str) -> str:
    return text if len(text) <= _TITLE_LENGTH else f"{text[:_TITLE_LENGTH]}..."
