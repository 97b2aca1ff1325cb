"""One turn of a conversation: the question that was asked, and the answer while it is made."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_errors import DomainError
from quintet_gateway.assistant.history import Asked, History
from quintet_gateway.assistant.metering import Outcome
from quintet_gateway.assistant.model_call import ModelCall
from quintet_gateway.assistant.owner import Owner


@dataclass(frozen=True)
class Ask:
    """What a person asks, and how it is to be kept.

    `action` names the turn in the usage records. Of a session that does not exist, `must_exist` makes an error. `title`
    becomes the session's if it holds no message yet. `model` is any name; one that is not served means the default.
    `question_id` and `answer_id` become the ids of the stored messages; empty ones are made by the session service.
    `documents` lets indexed documents help with the answer. `language` is a BCP 47 tag; empty means the question's.
    """

    owner: Owner
    text: str
    action: str = "chat"
    session_id: str | None = None
    must_exist: bool = False
    title: str = ""
    model: str = ""
    question_id: str = ""
    answer_id: str = ""
    documents: bool = False
    language: str = ""


class Turn:
    """A question that is stored, if it belongs to a session, and its answer.

    `question` and `session` are None if nothing is kept; `answer` is set when it is stored.
    """

    def __init__(self, ask: Ask, call: ModelCall, history: History, asked: Asked | None) -> None:
        self._ask = ask
        self._call = call
        self._history = history
        self.question: Message | None = asked.question if asked else None
        self.session: Session | None = asked.session if asked else None
        self.answer: Message | None = None

    @property
    def text(self) -> str:
        """The answer, as far as it was made."""
        return self._call.text

    @property
    def engine(self) -> str:
        """Name of the engine that answers; empty until it has begun."""
        return self._call.engine

    @property
    def model(self) -> str:
        """Name of the model that answers; empty until it has begun."""
        return self._call.model

    @property
    def outcome(self) -> Outcome | None:
        """What the answer took; None before its end."""
        return self._call.outcome

    async def deltas(self) -> AsyncGenerator[str, None]:
        """Yields the answer as it is made, once; closing the generator stops the engine.

        The answer is durable before the generator ends; of one that fails half way, what was said is kept, and of one
        that the reader leaves, nothing. Its usage is recorded in each case.

        Raises:
            DomainError: if a service fails.
        """
        try:
            async with aclosing(self._call.deltas()) as deltas:
                async for delta in deltas:
                    yield delta
        except DomainError:
            if self._call.text:
                await self._history.completed(self._remember())
            raise
        await self._history.completed(self._remember())

    async def _remember(self) -> None:
        done = await self._call.settled()
        if self.session is None:
            return
        attributes = {
            "provider": done.provider,
            "answer_model": self.model,
            "last_response_ms": f"{done.response_s * 1000:.1f}",
        }
        stored = await self._history.add_answer(
            self._ask.owner, self.session.session_id, self._call.text, self._ask.answer_id, attributes
        )
        if stored is not None:
            self.answer, self.session = stored.messages[0], stored.session
