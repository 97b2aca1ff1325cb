"""The WebSocket: sound comes in chunks, and answers go out."""

import asyncio
import time
from dataclasses import replace

from aiohttp import WSCloseCode, web

from quintet.session.v1.session_service_pb2 import Session
from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Ask, Assistant, Listening, Owner
from quintet_gateway.assistant.voice import Conversation, ConversationOptions, SpeechOptions
from quintet_gateway.dialects.omni import schemas, translate
from quintet_gateway.dialects.omni.access import SURFACE, owner_of, secret_of
from quintet_gateway.dialects.omni.chunk_format import Chunk, ChunkFormats
from quintet_gateway.dialects.omni.errors import OmniError, invalid_key
from quintet_gateway.dialects.omni.events import response_completed, topic_of
from quintet_gateway.dialects.omni.options import SAMPLE_RATE_OUTPUT_HZ, OmniOptions
from quintet_gateway.dialects.omni.session_keeping import create_session, find_session, question
from quintet_gateway.dialects.omni.telling import Teller
from quintet_gateway.dialects.omni.terms import Terms
from quintet_gateway.http.failures import HttpError
from quintet_gateway.http.large_json import JsonThreads
from quintet_gateway.http.websocket import Connection, Ending, WebSocketRules, WebSockets

# A chunk of a mebibyte has 1.4 of them in base64. One that is too long is told so; only nonsense ends the connection.
_MAX_MESSAGE_BYTES = 4 << 20
# A minute of speech is 4 MB of text, and a slow line may need a while for it.
_QUEUED_BYTES = 8 << 20
_QUEUED_MESSAGES = 1024


class Live:
    """The endpoint of WebSockets."""

    def __init__(self, options: OmniOptions, threads: JsonThreads) -> None:
        self._options = options
        self._threads = threads
        self._sockets = WebSockets(SURFACE, _rules(options.websockets))

    def install(self, app: web.Application) -> None:
        """Lets connections end in order when the application does."""
        self._sockets.install(app)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serves one connection until it ends."""
        owner, order, assistant = owner_of(request), schemas.read_live(request), request.app[ASSISTANT]
        self._sockets.check(request, owner.owner)
        session = await find_session(assistant, owner, order.session_id)
        if session is None:
            session = await create_session(assistant, owner, Terms(), self._options.max_sessions)
        with assistant.events.subscribe(topic_of(session.session_id)) as listening:
            async with self._sockets.accept(request, owner.owner) as connection:
                connection.send(translate.connected(session.session_id))
                teller = Teller(assistant, owner, session.session_id, order, connection)
                conversation = self._converse(assistant, owner, session, order)
                talk = _Talk(conversation, teller, connection, self._options, self._threads)
                try:
                    await talk.run(assistant, listening, secret_of(request))
                finally:
                    await conversation.close()
                return connection.response

    def _converse(self, assistant: Assistant, owner: Owner, session: Session, order: schemas.LiveOrder) -> Conversation:
        def ask(text: str, language: str) -> Ask:
            return question(owner, session, self._options.generation, text, language)

        options = ConversationOptions(
            surface=SURFACE,
            ask=ask,
            speech=SpeechOptions(sample_rate_hz=SAMPLE_RATE_OUTPUT_HZ),
            completed=response_completed,
            forget=lambda: assistant.sessions.clear(owner, session.session_id),
            interim=order.interim,
            streamed=order.stream,
        )
        return assistant.voice.converse(options)


class _Talk:
    """One connection: its messages, and everything that may end it."""

    def __init__(
        self,
        conversation: Conversation,
        teller: Teller,
        connection: Connection,
        options: OmniOptions,
        threads: JsonThreads,
    ) -> None:
        self._conversation = conversation
        self._teller = teller
        self._connection = connection
        self._options = options
        self._threads = threads
        self._formats = ChunkFormats()
        self._heard_at = time.monotonic()

    async def run(self, assistant: Assistant, listening: Listening, secret: str) -> None:
        """Serves the connection; messages are heard one by one, and a client that sends faster is held back."""
        beside = [
            self._relay(),
            self._end_with_session(listening),
            self._end_when_idle(),
            self._end_when_revoked(assistant, secret),
        ]
        await self._connection.serve(self._hear, None, beside)

    async def _hear(self, text: str) -> None:
        self._heard_at = time.monotonic()
        try:
            await self._do(schemas.read_frame(text))
        except (OmniError, HttpError, DomainError) as error:
            self._teller.tell_error(error)

    async def _do(self, frame: Chunk | schemas.Stop | schemas.Reset) -> None:
        if isinstance(frame, Chunk):
            await self._conversation.hear(self._formats.audio(frame))
        elif isinstance(frame, schemas.Stop):
            await self._conversation.end_utterance()
        else:
            await self._conversation.reset()

    async def _relay(self) -> None:
        await self._teller.tell_all(self._conversation, self._threads)

    async def _end_with_session(self, listening: Listening) -> None:
        await listening.next()
        self._connection.close(WSCloseCode.OK, Ending.OVER)

    async def _end_when_idle(self) -> None:
        left_s = self._options.idle_s
        while left_s > 0:
            await asyncio.sleep(left_s)
            left_s = self._heard_at + self._options.idle_s - time.monotonic()
        self._connection.send(translate.error(f"Nothing came for {self._options.idle_s:g} seconds."))
        self._connection.close(WSCloseCode.OK, Ending.IDLE)

    async def _end_when_revoked(self, assistant: Assistant, secret: str) -> None:
        is_valid = True
        while is_valid:
            await asyncio.sleep(self._options.key_check_s)
            is_valid = await self._is_valid(assistant, secret)
        self._teller.tell_error(invalid_key())
        self._connection.close(WSCloseCode.POLICY_VIOLATION)

    @staticmethod
    async def _is_valid(assistant: Assistant, secret: str) -> bool:
        try:
            return (await assistant.identity.verify_api_key(SURFACE, secret)).key is not None
        except DomainError:
            # Nobody can tell now; a key that was good a moment ago is still let be.
            return True


def _rules(rules: WebSocketRules) -> WebSocketRules:
    return replace(
        rules,
        handlers=1,
        max_message_bytes=_MAX_MESSAGE_BYTES,
        queued_messages=_QUEUED_MESSAGES,
        queued_bytes=_QUEUED_BYTES,
    )
