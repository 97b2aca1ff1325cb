"""One turn of a conversation: the question that was asked, and the answer while it is made."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from quintet.chat.v1.chat_service_pb2 import StreamChatRequest
from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import Message, Session
from quintet.vision.v1.vision_service_pb2 import ImageAnalysis
from quintet_errors import DomainError
from quintet_gateway.assistant.history import CONTEXT_MESSAGES, Asked, History
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
    `system_prompt` instructs the engine, `context_messages` bounds what it sees of the earlier messages, `style` is one
    of StreamChatRequest's. `max_output_tokens` of 0 and no `temperature` leave both to the engine. `image_analysis` is
    what the picture shows that came with the question, and `question_attributes` are kept with it. With
    `kept_by_caller`, nothing is stored before `Turn.keep` is called. `repeated` says that a turn which no
    engine takes is asked again, so that its usage is not recorded.
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
    system_prompt: str = ""
    context_messages: int = CONTEXT_MESSAGES
    style: StreamChatRequest.Style.ValueType = StreamChatRequest.STYLE_UNSPECIFIED
    max_output_tokens: int = 0
    temperature: float | None = None
    image_analysis: ImageAnalysis | None = None
    question_attributes: Mapping[str, str] = field(default_factory=dict)
    kept_by_caller: bool = False
    repeated: bool = False

    def question(self) -> Message:
        """Returns the question as it is stored."""
        return Message(
            message_id=self.question_id,
            role=Message.ROLE_USER,
            content=self.text,
            attributes=self.question_attributes,
            image_analysis=self.image_analysis,
        )


class Turn:
    """A question that is stored, if it belongs to a session, and its answer.

    `session` is None if nothing is kept; `question` and `answer` are set when they are stored.
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

        Unless the caller keeps the turn, the answer is durable before the generator ends; of one that fails half way,
        what was said is kept, and of one that the reader leaves, nothing. Its usage is recorded in each case.

        Raises:
            DomainError: if a service fails.
        """
        try:
            async with aclosing(self._call.deltas()) as deltas:
                async for delta in deltas:
                    yield delta
        except DomainError:
            if self._call.text and not self._ask.kept_by_caller:
                await self._history.completed(self._remember())
            raise
        if not self._ask.kept_by_caller:
            await self._history.completed(self._remember())

    async def keep(self, said: str, event: Event | None = None, attributes: Mapping[str, str] | None = None) -> None:
        """Stores the question with what was said of the answer, the session's attributes and the event, in one step.

        For turns that are kept by the caller, once `deltas` was closed; with nothing said, the question alone is kept,
        and without a session nothing. It is completed even if the one who waits leaves.

        Raises:
            DomainError: if the session service fails; a session that was deleted meanwhile is no error.
        """
        await self._history.completed(self._keep(said, event, attributes or {}))

    async def _keep(self, said: str, event: Event | None, attributes: Mapping[str, str]) -> None:
        if self.session is None:
            return
        messages = [self._ask.question()]
        if said:
            messages.append(Message(message_id=self._ask.answer_id, role=Message.ROLE_ASSISTANT, content=said))
        measured = await self._measured() if self._call.has_ended else {}
        stored = await self._history.add(
            self._ask.owner,
            self.session.session_id,
            messages,
            attributes={**measured, **attributes},
            event=event,
            title=self._ask.title,
        )
        if stored is not None:
            self.question, self.session = stored.messages[0], stored.session
            self.answer = stored.messages[1] if said else None

    async def _remember(self) -> None:
        measured = await self._measured()
        if self.session is None:
            return
        answer = Message(message_id=self._ask.answer_id, role=Message.ROLE_ASSISTANT, content=self._call.text)
        stored = await self._history.add(self._ask.owner, self.session.session_id, [answer], attributes=measured)
        if stored is not None:
            self.answer, self.session = stored.messages[0], stored.session

    async def _measured(self) -> Mapping[str, str]:
        done = await self._call.settled()
        return {
            "provider": done.provider,
            "answer_model": self.model,
            "last_response_ms": f"{done.response_s * 1000:.1f}",
        }
