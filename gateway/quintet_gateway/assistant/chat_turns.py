"""Turns of conversations: what the person said goes in, the answer comes out and is kept."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Protocol

from quintet.chat.v1.chat_service_pb2 import ChatMessage, Passage, StreamChatRequest
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.follow_up import continues, with_topic
from quintet_gateway.assistant.history import Asked, History
from quintet_gateway.assistant.metering import Meter
from quintet_gateway.assistant.model_call import ModelCall
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.turn import Ask, Turn
from quintet_gateway.clients.chat import ChatClient
from quintet_observability import get_logger

_log = get_logger(__name__)

_TITLE_LENGTH = 50
_MOST_PASSAGES = 20
# Documents are a help; a slow search must not hold the answer for longer.
_PASSAGES_DEADLINE_S = 3.0


class FindsPassages(Protocol):
    """Whatever knows the indexed documents."""

    async def passages(self, question: str) -> list[Passage]:
        """Returns what fits the question well, the best first; nothing if nothing does."""

    async def has_documents(self) -> bool:
        """Tells whether there is anything to search."""


class ChatTurns:
    """Answers texts, with the conversation they belong to as context."""

    def __init__(
        self, chat: ChatClient, history: History, models: ChatModels, knowledge: FindsPassages, meter: Meter
    ) -> None:
        self._chat = chat
        self._history = history
        self._models = models
        self._knowledge = knowledge
        self._meter = meter

    async def begin(self, ask: Ask) -> Turn:
        """Stores the question durably, unless the caller keeps it, and returns the turn whose answer can be read.

        A session that does not exist is answered without context, and nothing is kept.

        Raises:
            DomainError: SESSION_NOT_FOUND if the session must exist, and whatever the session service fails with.
        """
        storing = asyncio.ensure_future(self._store_question(ask))
        preparing = asyncio.ensure_future(self._prepare(ask, storing))
        try:
            asked = await storing
            request = await preparing
        finally:
            preparing.cancel()
        request.messages.extend(_conversation(ask, asked))
        call = ModelCall(self._chat, self._meter, ask.owner, ask.action, request, repeated=ask.repeated)
        return Turn(ask, call, self._history, asked)

    async def answer(self, owner: Owner, session_id: str | None, text: str) -> AsyncGenerator[str, None]:
        """Yields the answer of a turn that is titled with its own text, if it is the first one of its session.

        Raises:
            DomainError: if a service fails.
        """
        turn = await self.begin(Ask(owner, text, session_id=session_id, title=_title(text), documents=True))
        async with aclosing(turn.deltas()) as deltas:
            async for delta in deltas:
                yield delta

    async def stream(
        self, owner: Owner, action: str, messages: Sequence[ChatMessage], language: str = ""
    ) -> AsyncGenerator[str, None]:
        """Yields the answer to the last of `messages`; nothing but its usage is kept."""
        request = StreamChatRequest(messages=messages, language=language)
        call = ModelCall(self._chat, self._meter, owner, action, request, repeated=True)
        async with aclosing(call.deltas()) as deltas:
            async for delta in deltas:
                yield delta

    async def history(self, owner: Owner, session_id: str) -> list[ChatMessage]:
        """Returns what was said in a session, the oldest first; nothing for a session that does not exist."""
        if not session_id:
            return []
        try:
            return await self._history.read(owner, session_id)
        except DomainError as error:
            if error.reason is Reason.SESSION_NOT_FOUND:
                return []
            raise

    async def close(self) -> None:
        """Waits for answers that are being stored."""
        await self._history.close()

    async def _store_question(self, ask: Ask) -> Asked | None:
        if not ask.session_id:
            return None
        try:
            if ask.kept_by_caller:
                return await self._history.before(ask.owner, ask.session_id, ask.context_messages)
            return await self._history.add_question(
                ask.owner, ask.session_id, ask.question(), ask.title, ask.context_messages
            )
        except DomainError as error:
            if error.reason is Reason.SESSION_NOT_FOUND and not ask.must_exist:
                return None
            raise

    async def _prepare(self, ask: Ask, storing: asyncio.Future[Asked | None]) -> StreamChatRequest:
        model, passages = await asyncio.gather(self._resolve(ask.model), self._find_passages(ask, storing))
        return StreamChatRequest(
            model=model,
            passages=(passages or [])[:_MOST_PASSAGES],
            documents_searched=passages is not None,
            language=ask.language,
            style=ask.style,
            max_output_tokens=ask.max_output_tokens,
            temperature=ask.temperature,
        )

    async def _resolve(self, model: str) -> str:
        try:
            return await self._models.resolve(model)
        except DomainError:
            # The question must be stored all the same; the call itself will say what is wrong with the service.
            return ""

    async def _find_passages(self, ask: Ask, storing: asyncio.Future[Asked | None]) -> list[Passage] | None:
        """Returns what was found, None if nothing was searched."""
        if not ask.documents:
            return None
        try:
            async with asyncio.timeout(_PASSAGES_DEADLINE_S):
                if not await self._knowledge.has_documents():
                    return None
                return await self._knowledge.passages(await _with_topic(ask.text, storing))
        except (DomainError, TimeoutError) as error:
            _log.warning("passages_not_found", reason=str(getattr(error, "reason", "TIMEOUT")))
            return None


async def _with_topic(text: str, storing: asyncio.Future[Asked | None]) -> str:
    """Returns what to search for: only a question that continues another one waits for what was said before."""
    if not continues(text):
        return text
    # The question must be stored even if this search is given up.
    asked = await asyncio.shield(storing)
    return with_topic(text, asked.earlier if asked else ())


def _conversation(ask: Ask, asked: Asked | None) -> Iterator[ChatMessage]:
    if ask.system_prompt:
        yield ChatMessage(role=ChatMessage.ROLE_SYSTEM, content=ask.system_prompt)
    yield from asked.earlier if asked else ()
    yield ChatMessage(role=ChatMessage.ROLE_USER, content=ask.text, image_analysis=ask.image_analysis)


def _title(text: str) -> str:
    return text if len(text) <= _TITLE_LENGTH else f"{text[:_TITLE_LENGTH]}..."
