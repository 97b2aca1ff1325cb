"""One call of the language model, measured from its start to its end, whatever its end is."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet.chat.v1.chat_service_pb2 import ChatFinished, StreamChatRequest
from quintet.usage.v1.usage_service_pb2 import UsageRecord
from quintet_gateway.assistant.metering import Measured, Meter, Outcome
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.chat import ChatClient

# The common rule of thumb for the tokens of a text that nobody counted.
_BYTES_PER_TOKEN = 4


class ModelCall:
    """Streams one answer on behalf of `owner` and records its usage when it ends.

    With `repeated`, whoever calls repeats a call that no engine took, and such a one is not recorded.
    """

    def __init__(
        self,
        chat: ChatClient,
        meter: Meter,
        owner: Owner,
        action: str,
        request: StreamChatRequest,
        *,
        repeated: bool = False,
    ) -> None:
        self._chat = chat
        self._meter = meter
        self._owner = owner
        self._action = action
        self._request = request
        self._repeated = repeated
        self._start_time = time.time()
        self._started = time.perf_counter()
        self._first_text_s = 0.0
        self._parts: list[str] = []
        self._finished: ChatFinished | None = None
        self._settling: asyncio.Future[Outcome] | None = None
        self.engine = ""
        self.model = ""

    @property
    def text(self) -> str:
        """The answer, as far as it was made."""
        return "".join(self._parts)

    @property
    def has_ended(self) -> bool:
        """Whether the call was made and is over."""
        return self._settling is not None

    @property
    def outcome(self) -> Outcome | None:
        """What the call took; None until it has ended and that is known."""
        settling = self._settling
        return settling.result() if settling and settling.done() and not settling.cancelled() else None

    async def settled(self) -> Outcome:
        """Waits for the outcome of a call that has ended."""
        if self._settling is None:
            raise RuntimeError("The call has not ended.")
        return await asyncio.shield(self._settling)

    async def deltas(self) -> AsyncGenerator[str, None]:
        """Yields the answer as it is made, once; closing the generator stops the engine.

        Raises:
            DomainError: if the llm service fails.
        """
        self._meter.get_ready()
        end = UsageRecord.OUTCOME_FAILED
        try:
            async with aclosing(self._read()) as deltas:
                async for delta in deltas:
                    yield delta
            end = UsageRecord.OUTCOME_SUCCEEDED
        except (GeneratorExit, asyncio.CancelledError):
            end = UsageRecord.OUTCOME_ABORTED
            raise
        finally:
            if self.engine or not self._repeated:
                self._settling = self._meter.settle(self._measure(end))

    async def _read(self) -> AsyncGenerator[str, None]:
        async with aclosing(self._chat.stream(self._request)) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "text_delta":
                        self._first_text_s = self._first_text_s or time.perf_counter() - self._started
                        self._parts.append(event.text_delta)
                        yield event.text_delta
                    case "started":
                        self.engine, self.model = event.started.engine, event.started.model
                    case "finished":
                        self._finished = event.finished

    def _measure(self, end: UsageRecord.Outcome.ValueType) -> Measured:
        counted = self._finished
        return Measured(
            owner=self._owner,
            action=self._action,
            engine=self.engine,
            model=self.model,
            input_tokens=counted.input_tokens if counted else self._estimated_input(),
            output_tokens=counted.output_tokens if counted else _estimated_tokens(self.text),
            estimated=counted is None,
            start_time=self._start_time,
            response_s=time.perf_counter() - self._started,
            first_text_s=self._first_text_s,
            end=end,
            is_free=bool(counted and counted.skill),
        )

    def _estimated_input(self) -> int:
        if not self.engine:
            return 0
        said = sum(_estimated_tokens(message.content) for message in self._request.messages)
        return said + sum(_estimated_tokens(passage.text) for passage in self._request.passages)


def _estimated_tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)
