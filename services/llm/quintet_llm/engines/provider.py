"""Answers through any provider of OpenAI-compatible chat completions; the skills compute what they are sure of."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from quintet_engines import EngineInfo, EngineKind, Limitation
from quintet_errors import DomainError, Reason
from quintet_llm.engine import ChatEvent, ChatRequest, Finished, TextDelta
from quintet_llm.engines.provider_messages import to_messages
from quintet_llm.engines.provider_options import ProviderOptions
from quintet_llm.engines.skill_answers import SkillAnswers
from quintet_llm.engines.word_counts import count_words
from quintet_llm.skills.registry import SkillOptions
from quintet_llm.skills.router import Plan
from quintet_llm.skills.skill import LIKELY
from quintet_observability import get_logger

if TYPE_CHECKING:
    from quintet_llm.engines.provider_client import ProviderClient
    from quintet_llm.engines.provider_stream import StreamEnd

_log = get_logger(__name__)
_NAME = "provider"
_UNKNOWN = "default"
# What these skills find is a fact of the moment or exact, and a model would guess it.
_FACTUAL = frozenset({"arithmetic", "units", "time", "date", "weather", "shares"})
_NOT_FOR_CHAT = ("embed", "whisper", "tts", "rerank", "guard", "moderation", "image", "transcribe")
_CAPABILITIES = (
    *("arithmetic", "conversation", "dates", "facts", "open-questions", "picture", "shares"),
    *("time", "units", "weather"),
)
_OF_CALLER = {Reason.INVALID_ARGUMENT, Reason.ENGINE_BUSY}
_OF_PROVIDER = {Reason.SERVICE_UNAVAILABLE, Reason.DEADLINE_EXCEEDED}


class ProviderEngine:
    """The remote engine: sends conversations to the one address that the operator chose."""

    def __init__(self, options: ProviderOptions, skills: SkillOptions) -> None:
        self._options = options
        self._skills = SkillAnswers(skills)
        self._client: ProviderClient | None = None
        self._listed: tuple[str, ...] = ()
        self._trouble = ""
        self._warming = asyncio.Lock()

    async def answer(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yields the answer of a skill that is sure of it, otherwise the provider's."""
        # What documents say is the provider's to word.
        plan = await self._skills.plan(replace(request, passages=()))
        events = self._skills.answer(plan, request) if _is_sure(plan) else self._ask(request)
        async with aclosing(events):
            async for event in events:
                yield event

    def info(self) -> EngineInfo:
        """Describes the engine, with what the provider last failed with."""
        return EngineInfo(
            name=_NAME,
            kind=EngineKind.REMOTE,
            model=self.models()[0],
            choice_reason=self._reason(),
            capabilities=_CAPABILITIES,
            limitations=tuple(self._limitations()),
            loaded=self._skills.loaded and not self._trouble,
            provider=self._options.provider,
        )

    def models(self) -> tuple[str, ...]:
        """Names the default model, the names of the map, and what a server of this machine has beside them."""
        offered = [self._default(), *self._options.model_map, *(self._listed if self._options.is_local else ())]
        return tuple(dict.fromkeys(offered))

    async def warm_up(self) -> None:
        """Builds the skills and looks whether the provider is there; a provider that is not fails only its requests."""
        await self._skills.warm_up()
        await self._connect()
        if self._options.quirks.lists_models:
            try:
                await self._list_models()
            except DomainError as error:
                _log.warning("provider_not_ready", host=self._options.host, reason=error.reason.value)

    async def close(self) -> None:
        """Closes the connections."""
        await self._skills.close()
        if self._client is not None:
            await self._client.close()
        self._client = None

    async def _ask(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        from quintet_llm.engines.provider_client import Call  # noqa: PLC0415 - _connect() has imported it

        client = await self._connect()
        try:
            model = await self._served_name(request.model)
            call = Call(model, to_messages(request), request.max_output_tokens, request.temperature)
            words = 0
            async with aclosing(client.answer(call)) as pieces:
                async for piece in pieces:
                    self._trouble = ""
                    if isinstance(piece, str):
                        words += len(piece.split())
                        yield TextDelta(piece)
                    else:
                        yield await _finished(piece, request, words)
        except DomainError as error:
            self._note(error)
            raise

    async def _connect(self) -> "ProviderClient":
        async with self._warming:
            if self._client is None:
                self._client = await asyncio.to_thread(_create_client, self._options)
            return self._client

    async def _list_models(self) -> None:
        client = await self._connect()
        try:
            self._listed = await client.models()
        except DomainError as error:
            self._note(error)
            raise
        self._trouble = ""

    async def _served_name(self, asked: str) -> str:
        if self._default() == _UNKNOWN:
            await self._list_models()
        name = self._default() if asked in ("", _UNKNOWN) else asked
        if name == _UNKNOWN:
            raise DomainError(
                Reason.SERVICE_UNAVAILABLE,
                f"{self._options.host} lists no model. Load one there, or name it with QUINTET_LLM_PROVIDER_MODEL.",
                {"provider": self._options.host},
            )
        return self._options.model_map.get(name, name)

    def _default(self) -> str:
        suitable = (name for name in self._listed if not any(part in name.lower() for part in _NOT_FOR_CHAT))
        return self._options.model or self._options.quirks.default_model or next(suitable, _UNKNOWN)

    def _note(self, error: DomainError) -> None:
        log = _log.info if error.reason in _OF_CALLER else _log.error
        log("provider_failed", host=self._options.host, reason=error.reason.value, sentence=error.message)
        if error.reason in _OF_PROVIDER:
            self._trouble = error.message

    def _reason(self) -> str:
        title, host, model = self._options.quirks.title, self._options.host, self.models()[0]
        if self._options.is_local:
            return f"{title} at {host} answers with {model}; conversations are sent to that address of this machine."
        secrecy = "" if self._options.is_encrypted else ", unencrypted"
        return f"{title} at {host} answers with {model}; conversations leave this machine for that address{secrecy}."

    def _limitations(self) -> list[Limitation]:
        limits = []
        if not self._options.is_local:
            limits.append(Limitation("privacy", f"What people write is sent to {self._options.host}."))
        if self._trouble:
            limits.append(Limitation("provider", f"When it was last asked: {self._trouble}", "quintet doctor"))
        return limits


def _create_client(options: ProviderOptions) -> "ProviderClient":
    from quintet_llm.engines.provider_client import ProviderClient  # noqa: PLC0415 - as said there

    return ProviderClient(options)


def _is_sure(plan: Plan) -> bool:
    return (
        plan.skill in _FACTUAL
        and plan.complete
        and all(intent.score >= LIKELY and intent.skill in _FACTUAL | {"greeting"} for intent in plan.intents)
    )


async def _finished(end: "StreamEnd", request: ChatRequest, words: int) -> Finished:
    """Returns the end with the provider's own counts, or words where it did not count."""
    counted = end.input_tokens if end.input_tokens is not None else await count_words(request.turns)
    return Finished(end.reason, counted, end.output_tokens if end.output_tokens is not None else words)
