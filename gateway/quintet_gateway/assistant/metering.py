"""What calls of language models took: tokens, time and money."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from quintet.media.v1.engine_pb2 import Engine
from quintet.usage.v1.usage_service_pb2 import UsageRecord
from quintet_errors import DomainError
from quintet_gateway.assistant.catalogue import ModelCatalogue
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.usage import Usage

_UNKNOWN_MODEL = "unknown"
_LONGEST_PROVIDER = 64
_LONGEST_MODEL = 200
# A price that is at hand comes within milliseconds.
_COST_S = 0.25


@dataclass(frozen=True)
class Measured:
    """One call that has ended; `start_time` in seconds since the epoch, durations in seconds.

    `engine` and `model` are empty if no engine took the call. `is_free` says that no model was asked, because a skill
    computed the answer.
    """

    owner: Owner
    action: str
    engine: str
    model: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    start_time: float
    response_s: float
    first_text_s: float
    end: UsageRecord.Outcome.ValueType
    is_free: bool = False


@dataclass(frozen=True)
class Outcome:
    """What an answer took: tokens, US dollars, and seconds from the request to its end and to its first text.

    `first_text_s` is 0 if there was no text. `estimated` says that the tokens were not counted by the engine but
    reckoned as one for every 4 bytes of UTF-8. `provider` names who runs the model. `cost_usd` is None if the price was
    not at hand when the answer ended; the record has it all the same.
    """

    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    response_s: float
    first_text_s: float
    estimated: bool
    provider: str = ""


class Meter:
    """Finds out who ran a model and what it cost, and hands the record to `usage`."""

    def __init__(self, models: ChatModels, catalogue: ModelCatalogue, usage: Usage) -> None:
        self._models = models
        self._catalogue = catalogue
        self._usage = usage
        self._working: set[asyncio.Future[Any]] = set()

    def get_ready(self) -> None:
        """Finds out in the background what the end of a call needs, so that it does not have to wait for it."""
        self._hold(asyncio.ensure_future(self._get_ready()))

    async def _get_ready(self) -> None:
        try:
            engine = await self._models.engine()
        except DomainError:
            return
        if engine.kind == Engine.KIND_REMOTE:
            await self._catalogue.get_ready()

    def settle(self, call: Measured) -> asyncio.Future[Outcome]:
        """Records a call in the background; the future never fails."""
        settling = asyncio.ensure_future(self._settle(call))
        self._hold(settling)
        return settling

    def _hold(self, work: asyncio.Future[Any]) -> None:
        self._working.add(work)
        work.add_done_callback(self._working.discard)

    async def close(self, limit_s: float) -> None:
        """Waits until every call has been handed over, for at most `limit_s` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                # A call that is settled may leave its record to be made.
                while self._working:
                    await asyncio.wait(self._working)

    async def _settle(self, call: Measured) -> Outcome:
        try:
            engine = await self._models.engine()
        except DomainError:
            # Who ran the model is known from the call itself; only a provider's name and price are not.
            engine = Engine(name=call.engine)
        recording = asyncio.ensure_future(self._hand_over(engine, call))
        self._hold(recording)
        await asyncio.wait({recording}, timeout=_COST_S)
        return Outcome(
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cost_usd=recording.result() / 1_000_000 if recording.done() else None,
            response_s=call.response_s,
            first_text_s=call.first_text_s,
            estimated=call.estimated,
            provider=_provider(engine),
        )

    async def _hand_over(self, engine: Engine, call: Measured) -> int:
        """Hands over the record as soon as its cost is known, and returns that in millionths of a US dollar."""
        model = call.model or engine.model
        cost = await self._cost(engine, model, call) if engine.kind == Engine.KIND_REMOTE and not call.is_free else 0
        self._usage.record(_record(call, _provider(engine), model, cost))
        return cost

    async def _cost(self, engine: Engine, model: str, call: Measured) -> int:
        return await self._catalogue.cost_micro_usd(engine.provider, model, call.input_tokens, call.output_tokens)


def _provider(engine: Engine) -> str:
    return engine.provider or engine.name


def _record(call: Measured, provider: str, model: str, cost_micro_usd: int) -> UsageRecord:
    return UsageRecord(
        record_id=uuid.uuid4().hex,
        scope=call.owner.scope(),
        action=call.action,
        provider=provider[:_LONGEST_PROVIDER],
        model=(model or _UNKNOWN_MODEL)[:_LONGEST_MODEL],
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cost_micro_usd=cost_micro_usd,
        latency=_duration(call.response_s),
        first_token_latency=_duration(call.first_text_s) if call.first_text_s else None,
        outcome=call.end,
        estimated=call.estimated,
        start_time=_timestamp(call.start_time),
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration


def _timestamp(seconds: float) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(seconds * 1_000_000))
    return timestamp
