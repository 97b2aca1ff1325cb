"""Answers only what can be computed or looked up, and says so where it can't."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet_engines import EngineInfo, EngineKind, Limitation
from quintet_llm.engine import ChatEvent, ChatRequest
from quintet_llm.engines.skill_answers import SkillAnswers
from quintet_llm.skills.meaning import MeasuresMeaning
from quintet_llm.skills.registry import SkillOptions

_NAME = "grounded"


class GroundedEngine:
    """The embedded engine: a router over skills, without a language model."""

    def __init__(self, options: SkillOptions, meaning: MeasuresMeaning | None = None) -> None:
        """Takes what compares texts by meaning; without it, documents are searched by their words."""
        self._remedy = options.remedy
        self._skills = SkillAnswers(options, meaning)

    async def answer(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yields each piece of the answer as its skill has it; a token is a word."""
        plan = await self._skills.plan(request)
        async with aclosing(self._skills.answer(plan, request)) as events:
            async for event in events:
                yield event

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return EngineInfo(
            name=_NAME,
            kind=EngineKind.EMBEDDED,
            model=_NAME,
            choice_reason="No language model is installed, so answers are computed or looked up.",
            languages=("en",),
            capabilities=(
                "arithmetic",
                "conversation",
                "dates",
                "documents",
                "facts",
                "guide",
                "picture",
                "shares",
                "time",
                "units",
                "weather",
            ),
            limitations=(
                Limitation("open-questions", "Without a language model it writes and explains nothing.", self._remedy),
                Limitation(
                    "languages",
                    "The guide for people who cannot see the picture also speaks Hindi and Marathi; everything else, "
                    "beside greetings and refusals, is answered in English.",
                ),
            ),
            loaded=self._skills.loaded,
        )

    def models(self) -> tuple[str, ...]:
        """Names the only model."""
        return (_NAME,)

    async def warm_up(self) -> None:
        """Builds the skills."""
        await self._skills.warm_up()

    async def close(self) -> None:
        """Closes the connections to public sources."""
        await self._skills.close()
