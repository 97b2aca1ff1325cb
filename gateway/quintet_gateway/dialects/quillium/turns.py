"""Messages and their replies, whichever way they came: in order within a chat, told to all connections of the user."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from quintet.session.v1.session_service_pb2 import Message
from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Ask, Assistant, Owner, Turn
from quintet_gateway.dialects.quillium import translate
from quintet_gateway.dialects.quillium.errors import GenerationError, QuilliumError, chat_not_found, too_many
from quintet_gateway.http.drain import DRAIN
from quintet_observability import get_logger

_log = get_logger(__name__)

_MOST_OF_USER = 16
_MOST_IN_ALL = 512

Tell = Callable[[Exception], None]


def topic_of(user_id: str) -> str:
    """Returns the topic of everything that a user's connections see."""
    return f"quillium:{user_id}"


@dataclass(frozen=True)
class Exchange:
    """A stored message and its stored reply, in the words of the document."""

    question: dict[str, object]
    reply: dict[str, object]


class _Line:
    """The messages of one chat that wait for each other."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0


class _Work:
    """An exchange that goes on whether or not somebody still waits for it."""

    def __init__(self, exchange: asyncio.Task[Exchange]) -> None:
        self.exchange = exchange
        self.interruption: DomainError | None = None

    def interrupt(self, error: DomainError) -> None:
        """Ends the exchange, because the process has no time left."""
        self.interruption = error
        self.exchange.cancel()


class Turns:
    """Runs exchanges. One that has begun is finished even if its client leaves: other connections wait for it."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], _Line] = {}
        self._running: set[asyncio.Task[Exchange]] = set()
        self._of_user: Counter[str] = Counter()

    async def exchange(self, app: web.Application, owner: Owner, session_id: str, content: str) -> Exchange:
        """Stores a message, lets it be answered, and returns both; leaving early does not stop it.

        `tell` is told of a failure before the other connections see that nobody types any more.

        Raises:
            QuilliumError: 404 for a chat that does not exist, 429 for too many messages at once.
            GenerationError: if the reply could not be made; the message is stored.
            DomainError: if nothing could be stored.
        """
        return await asyncio.shield(self.start(app, owner, session_id, content, None))

    def start(
        self, app: web.Application, owner: Owner, session_id: str, content: str, tell: Tell | None
    ) -> asyncio.Task[Exchange]:
        """Begins an exchange, which goes on whether or not somebody waits for it.

        `tell` is told of a failure before the other connections see that nobody types any more.

        Raises:
            QuilliumError: 429 for too many messages at once.
        """
        if self._of_user[owner.owner] >= _MOST_OF_USER or len(self._running) >= _MOST_IN_ALL:
            raise too_many("Too many messages are being answered")
        task = asyncio.create_task(self._run(app, owner, session_id, content, tell))
        self._running.add(task)
        self._of_user[owner.owner] += 1

        def ended(_task: asyncio.Task[Exchange]) -> None:
            self._running.discard(task)
            self._of_user[owner.owner] -= 1
            self._of_user += Counter()
            _note(task)

        task.add_done_callback(ended)
        return task

    async def close(self, app: web.Application) -> None:
        """Waits for exchanges at work; without a drain, whose end interrupts them, there is no time for them."""
        if not app[DRAIN].begun:
            for task in self._running:
                task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _run(
        self, app: web.Application, owner: Owner, session_id: str, content: str, tell: Tell | None
    ) -> Exchange:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        work = _Work(task)
        try:
            with app[DRAIN].watch(work):
                async with self._in_line(owner, session_id):
                    return await _exchange(app[ASSISTANT], owner, session_id, content, tell)
        except asyncio.CancelledError:
            if work.interruption is None:
                raise
            raise GenerationError(work.interruption) from None

    @asynccontextmanager
    async def _in_line(self, owner: Owner, session_id: str) -> AsyncIterator[None]:
        key = (owner.owner, session_id)
        line = self._lines.setdefault(key, _Line())
        line.length += 1
        try:
            async with line.lock:
                yield
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[key]


async def _exchange(assistant: Assistant, owner: Owner, session_id: str, content: str, tell: Tell | None) -> Exchange:
    try:
        turn = await _begin(assistant, owner, session_id, content)
    except Exception as error:
        if tell:
            tell(error)
        raise
    topic, chat_id = topic_of(owner.owner), translate.chat_id(session_id)
    question = translate.message(session_id, turn.question) if turn.question else {}
    await assistant.events.publish(topic, translate.frame("message", question))
    await assistant.events.publish(topic, translate.typing_frame(chat_id, "assistant", is_typing=True))
    try:
        reply = translate.message(session_id, await _answer(turn))
        await assistant.events.publish(topic, translate.frame("message", reply))
        return Exchange(question, reply)
    except Exception as error:
        if tell:
            tell(error)
        raise
    finally:
        await assistant.events.publish(topic, translate.typing_frame(chat_id, "assistant", is_typing=False))


async def _begin(assistant: Assistant, owner: Owner, session_id: str, content: str) -> Turn:
    session = await assistant.sessions.get(owner, session_id)
    # A chat that nobody has named yet is named after its first message.
    title = translate.title_of(content) if session.title == translate.NEW_TITLE else ""
    model = session.attributes.get(translate.MODEL_ATTRIBUTE, "")
    return await assistant.chat.begin(
        Ask(owner, content, session_id=session_id, must_exist=True, title=title, model=model, documents=True)
    )


async def _answer(turn: Turn) -> Message:
    try:
        async with aclosing(turn.deltas()) as deltas:
            async for _ in deltas:
                pass
    except DomainError as cause:
        raise GenerationError(cause) from cause
    if turn.answer is None:
        # Somebody deleted the chat while it was answered.
        raise chat_not_found()
    return turn.answer


def _note(task: asyncio.Task[Exchange]) -> None:
    """Logs what nobody may be waiting for any more."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, QuilliumError | GenerationError | DomainError):
        _log.error("exchange_failed", exc_info=error)
