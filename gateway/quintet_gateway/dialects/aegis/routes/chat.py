"""Answers, whole or as a stream."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Ask, Assistant, Owner, Turn
from quintet_gateway.dialects.aegis import ids
from quintet_gateway.dialects.aegis.errors import AegisError, access_denied, conversation_not_found
from quintet_gateway.dialects.aegis.events import HEARTBEAT, ChatEvents
from quintet_gateway.dialects.aegis.owner import SURFACE
from quintet_gateway.dialects.aegis.routes.endpoint import Endpoint
from quintet_gateway.dialects.aegis.schemas import chat as schemas
from quintet_gateway.dialects.aegis.schemas.chat import ChatRequest
from quintet_gateway.dialects.aegis.translate import chat as translate
from quintet_gateway.http.entry import refuse_foreign_page
from quintet_gateway.http.sse import EventRelay


class ChatRoutes:
    """The endpoints that answer.

    `silence_s` is how long a stream may be silent before a comment is sent, `write_s` how long a client may leave it
    unread; both in seconds.
    """

    def __init__(self, silence_s: float, write_s: float) -> None:
        self._silence_s = silence_s
        self._write_s = write_s

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            Endpoint("POST", "/ai/chat", self._chat),
            Endpoint("POST", "/ai/chat/stream", self._post_stream),
            Endpoint("GET", "/ai/chat/stream", self._get_stream, head=False),
        ]

    async def _chat(self, request: web.Request) -> web.Response:
        asked = await schemas.read_chat_body(request)
        message_id = ids.new_message_id()
        turn = await _begin(request.app[ASSISTANT], asked, message_id, "chat")
        async with aclosing(turn.deltas()) as deltas:
            async for _ in deltas:
                pass
        return web.json_response(translate.answer(turn, message_id, _conversation_id(turn)))

    async def _post_stream(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, await schemas.read_chat_body(request))

    async def _get_stream(self, request: web.Request) -> web.StreamResponse:
        refuse_foreign_page(request)
        asked = schemas.read_chat_query(request)
        if await _was_asked(request, asked.owner):
            # A browser's EventSource would go on to reconnect after anything but this.
            return web.Response(status=204)
        return await self._stream(request, asked)

    async def _stream(self, request: web.Request, asked: ChatRequest) -> web.StreamResponse:
        message_id = ids.new_message_id()
        events = ChatEvents(message_id)
        relay = EventRelay(
            events,
            silence_s=self._silence_s,
            write_s=self._write_s,
            heartbeat=HEARTBEAT,
            opening=events.opening,
            headers=_stream_headers(request),
        )
        return await relay.run(request, _answer(request.app[ASSISTANT], asked, message_id, events))


async def _answer(
    assistant: Assistant, asked: ChatRequest, message_id: str, events: ChatEvents
) -> AsyncGenerator[str, None]:
    turn = await _begin(assistant, asked, message_id, "stream_chat")
    events.begin(turn, _conversation_id(turn))
    async with aclosing(turn.deltas()) as deltas:
        async for delta in deltas:
            yield delta


async def _begin(assistant: Assistant, asked: ChatRequest, message_id: str, action: str) -> Turn:
    """Stores the question, in a new conversation if none is named.

    Raises:
        AegisError: 404 or 403, if the conversation does not exist or is somebody else's.
    """
    streamed = action == "stream_chat"
    ask = Ask(
        asked.owner,
        asked.message,
        action=action,
        session_id=await _session_id(assistant, asked, streamed=streamed),
        must_exist=True,
        title=translate.title_of(asked.message),
        question_id=ids.question_id_of(message_id),
        answer_id=message_id,
        documents=True,
    )
    try:
        return await assistant.chat.begin(ask)
    except (DomainError, asyncio.CancelledError) as error:
        if asked.conversation_id is None:
            # Nobody was told of the conversation: left behind, it would be an empty one in the list.
            await asyncio.shield(_give_up(assistant, asked.owner, ask.session_id or ""))
            raise
        if isinstance(error, DomainError) and error.reason is Reason.SESSION_NOT_FOUND:
            raise await refusal(assistant, asked.conversation_id) from None
        raise


async def _give_up(assistant: Assistant, owner: Owner, session_id: str) -> None:
    with contextlib.suppress(DomainError):
        await assistant.sessions.delete(owner, session_id)


async def _session_id(assistant: Assistant, asked: ChatRequest, *, streamed: bool) -> str:
    if asked.conversation_id is None:
        attributes = {"streaming": "true" if streamed else "false"}
        created = await assistant.sessions.create(asked.owner, translate.title_of(asked.message), attributes)
        return created.session_id
    session_id = ids.session_id_of(asked.conversation_id)
    if session_id is None:
        raise conversation_not_found(asked.conversation_id)
    return session_id


async def refusal(assistant: Assistant, conversation_id: str) -> AegisError:
    """Returns why somebody may not use a conversation that is not his: somebody has it, or nobody."""
    session_id = ids.session_id_of(conversation_id)
    if session_id is None:
        return conversation_not_found(conversation_id)
    try:
        await assistant.sessions.owner_of(SURFACE, session_id)
    except DomainError as error:
        if error.reason is not Reason.SESSION_NOT_FOUND:
            raise
        return conversation_not_found(conversation_id)
    return access_denied()


async def _was_asked(request: web.Request, owner: Owner) -> bool:
    """Tells whether a client that lost its stream asks the same once more."""
    last_event_id = request.headers.get("Last-Event-ID", "")
    if not ids.is_uuid(last_event_id):
        return False
    try:
        await request.app[ASSISTANT].sessions.message(owner, ids.question_id_of(last_event_id))
    except DomainError as error:
        if error.reason is not Reason.MESSAGE_NOT_FOUND:
            raise
        return False
    return True


def _conversation_id(turn: Turn) -> str:
    return ids.conversation_id_of(turn.session.session_id) if turn.session else ""


def _stream_headers(request: web.Request) -> dict[str, str]:
    stays = request.version >= HttpVersion11 and request.keep_alive
    return {hdrs.CONNECTION: "keep-alive"} if stays else {}
