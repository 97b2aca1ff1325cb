"""Live messages: one WebSocket, its frames, and what the user's other connections see of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import WSCloseCode, web

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant, Caller, EventHub, Listening, SlowReaderError
from quintet_gateway.dialects.quillium import schemas, translate
from quintet_gateway.dialects.quillium.access import SURFACE, Limits, caller_of, owner_of
from quintet_gateway.dialects.quillium.errors import GenerationError, QuilliumError, describe, invalid, too_many
from quintet_gateway.dialects.quillium.turns import Turns, topic_of
from quintet_gateway.http import times
from quintet_gateway.http.failures import HttpError
from quintet_gateway.http.websocket import Connection, Ending, WebSocketRules, WebSockets
from quintet_observability import get_logger

_log = get_logger(__name__)

# No frame of the document has this type, so that it never reaches a client.
_SIGNED_OUT = '{"type": "signed_out"}'
_LONGEST_ECHOED_ID = 100

_Action = Callable[[str, schemas.Fields], Awaitable[Awaitable[object] | None]]
"""What a type of frame does; the result, if there is one, is what goes on when the next frame may begin."""


async def end_connections(events: EventHub, user_id: str) -> None:
    """Ends all live connections of a user who has signed out, wherever they are."""
    await events.publish(topic_of(user_id), _SIGNED_OUT)


class Live:
    """The endpoint of WebSockets."""

    def __init__(self, turns: Turns, limits: Limits, rules: WebSocketRules) -> None:
        self._turns = turns
        self._limits = limits
        self._sockets = WebSockets(SURFACE, rules)

    def install(self, app: web.Application) -> None:
        """Lets connections end in order when the application does."""
        self._sockets.install(app)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serves one connection until it ends."""
        caller = caller_of(request)
        # Before the handshake: what is published from then on must reach the new connection.
        with request.app[ASSISTANT].events.subscribe(topic_of(caller.user_id)) as listening:
            async with self._sockets.accept(request, caller.user_id) as connection:
                talk = _Talk(request.app, caller, listening, connection, turns=self._turns, limits=self._limits)
                await connection.serve(talk.hear, _busy, [talk.relay(), talk.end_when_revoked()])
                return connection.response


class _Talk:
    """One user's connection."""

    def __init__(
        self,
        app: web.Application,
        caller: Caller,
        listening: Listening,
        connection: Connection,
        *,
        turns: Turns,
        limits: Limits,
    ) -> None:
        self._app = app
        self._assistant: Assistant = app[ASSISTANT]
        self._caller = caller
        self._owner = owner_of(caller)
        self._listening = listening
        self._connection = connection
        self._turns = turns
        self._limits = limits
        self._order = asyncio.Lock()
        self._actions: Mapping[str, _Action] = {
            "message": self._message,
            "typing": self._typing,
            "read": self._read,
        }

    async def relay(self) -> None:
        """Sends the connection what is published."""
        try:
            while (event := await self._listening.next()) != _SIGNED_OUT:
                self._connection.send(event)
            self._connection.close(WSCloseCode.POLICY_VIOLATION)
        except SlowReaderError:
            self._connection.close(WSCloseCode.TRY_AGAIN_LATER, Ending.SLOW)

    async def end_when_revoked(self) -> None:
        """Ends the connection once its token is revoked; a token that merely grows old ends nothing."""
        await self._assistant.identity.revoked(self._caller)
        self._connection.close(WSCloseCode.POLICY_VIOLATION)

    async def hear(self, text: str) -> None:
        """Does what a frame asks for, and says what is wrong with it."""
        chat_id = None
        try:
            kind, data = schemas.read_frame(text)
            action = self._action(kind)
            # One frame at a time is begun, in the order in which they came; replies are waited for side by side.
            async with self._order:
                await self._limits.spend_frame(self._caller.user_id, is_message=kind == "message")
                chat_id = schemas.read_chat_id(data)
                await self._assistant.identity.confirm(self._caller)
                begun = await action(chat_id, data)
            if begun is not None:
                await begun
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told, and the connection stays
            self._tell(error, chat_id)
            if isinstance(error, DomainError) and error.reason is Reason.UNAUTHENTICATED:
                self._connection.close(WSCloseCode.POLICY_VIOLATION)

    def _action(self, kind: str) -> _Action:
        if kind not in self._actions:
            raise invalid("Unknown message type")
        return self._actions[kind]

    async def _message(self, chat_id: str, data: schemas.Fields) -> Awaitable[object]:
        session_id, content = schemas.session_id_of(chat_id), schemas.read_content(data)

        def tell(error: Exception) -> None:
            self._tell(error, chat_id)

        exchange = self._turns.start(self._app, self._owner, session_id, content, tell)
        # Waiting keeps a place among the messages that are worked on; what fails is told by the exchange itself.
        return asyncio.wait({exchange})

    async def _typing(self, chat_id: str, data: schemas.Fields) -> None:
        is_typing = schemas.read_is_typing(data)
        await self._assistant.sessions.get(self._owner, schemas.session_id_of(chat_id))
        await self._relay_to_others(translate.typing_frame(chat_id, "user", is_typing=is_typing))

    async def _read(self, chat_id: str, data: schemas.Fields) -> None:
        message_id, now = schemas.read_message_id(data), times.now()
        mark = {"read_time": now, "read_message_id": message_id}
        await self._assistant.sessions.set_attributes(self._owner, schemas.session_id_of(chat_id), mark)
        which = {"message_id": message_id} if message_id else {}
        told = {"chat_id": chat_id, **which, "sender": "user", "timestamp": now}
        await self._relay_to_others(translate.frame("read", told))

    async def _relay_to_others(self, frame: str) -> None:
        topic = topic_of(self._caller.user_id)
        await self._assistant.events.publish(topic, frame, except_id=self._listening.id)

    def _tell(self, error: Exception, chat_id: str | None) -> None:
        if not isinstance(error, QuilliumError | HttpError | DomainError | GenerationError):
            _log.error("frame_failed", exc_info=error)
        echoed = chat_id if chat_id is not None and len(chat_id) <= _LONGEST_ECHOED_ID else None
        # Through the queue of the events, so that it comes behind those that it is about.
        self._listening.offer(translate.error_frame(describe(error), echoed))


def _busy() -> str:
    return translate.error_frame(describe(too_many("Too many messages at once")))
