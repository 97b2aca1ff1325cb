"""Answers only what can be computed or looked up, and says so where it can't."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from quintet_engines import EngineInfo, EngineKind, Limitation
from quintet_llm.conversation import Role, Turn
from quintet_llm.engine import ChatEvent, ChatRequest, Finished, FinishReason, TextDelta
from quintet_llm.skills.question import question_of
from quintet_llm.skills.registry import SkillOptions, build_skills
from quintet_llm.skills.remote import create_client
from quintet_llm.skills.router import Router

_NAME = "grounded"
_WORD = re.compile(r"\s*\S+\s*")
# Counting the words of a long conversation pauses after so many characters, so that others get their turn.
_COUNTED_AT_ONCE = 100_000


class GroundedEngine:
    """The embedded engine: a router over skills, without a language model."""

    def __init__(self, options: SkillOptions) -> None:
        self._options = options
        self._client: httpx.AsyncClient | None = None
        self._router: Router | None = None

    async def answer(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yields each piece of the answer as its skill has it; a token is a word."""
        if self._router is None:
            await self.warm_up()
        assert self._router is not None  # noqa: S101 - tells the type checker what warm_up() did
        plan = self._router.plan(question_of(request.turns, request.language, request.time_zone))
        words = _Words(request.max_output_tokens)
        async for text in words.limited(plan.pieces()):
            yield TextDelta(text)
        reason = FinishReason.LENGTH if words.cut else FinishReason.STOP
        yield Finished(reason, await _count_words(request.turns), words.count, plan.skill)

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
                "facts",
                "picture",
                "shares",
                "time",
                "units",
                "weather",
            ),
            limitations=(
                Limitation(
                    "open-questions", "Without a language model it writes and explains nothing.", self._options.remedy
                ),
            ),
            loaded=self._router is not None,
        )

    def models(self) -> tuple[str, ...]:
        """Names the only model."""
        return (_NAME,)

    async def warm_up(self) -> None:
        """Builds the skills in a thread, because the tables of units and zones take half a second."""
        if self._router is not None:
            return
        self._client = self._client or await create_client()
        skills = await asyncio.to_thread(build_skills, self._options, self._client)
        router = Router(skills, self._options.remedy)
        await asyncio.to_thread(_rehearse, router)
        self._router = router

    async def close(self) -> None:
        """Closes the connections to public sources."""
        if self._client is not None:
            await self._client.aclose()
        self._client = None
        self._router = None


def _rehearse(router: Router) -> None:
    """Makes every skill do its work once, so that the tables that are read at first use are in memory."""
    for text in ("what is 2 + 2", "what time is it in London", "how many feet in a mile", "why is the sky blue"):
        router.plan(question_of((Turn(Role.USER, text),)))


class _Words:
    """Counts words as they pass, and cuts the text after `limit` of them; 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.count = 0
        self.cut = False

    async def limited(self, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
        async for piece in pieces:
            text = self._fitting(piece)
            if text:
                yield text
            if self.cut:
                return

    def _fitting(self, piece: str) -> str:
        room = self._limit - self.count if self._limit else len(piece)
        ends = [match.end() for match in _WORD.finditer(piece)]
        self.cut = len(ends) > room
        self.count += min(len(ends), room)
        if not self.cut:
            return piece
        return piece[: ends[room - 1]].rstrip() if room else ""


async def _count_words(turns: tuple[Turn, ...]) -> int:
    count = counted = 0
    for turn in turns:
        for start in range(0, len(turn.text), _COUNTED_AT_ONCE):
            part = turn.text[start : start + _COUNTED_AT_ONCE]
            count += len(part.split())
            counted += len(part)
            if counted >= _COUNTED_AT_ONCE:
                counted = 0
                await asyncio.sleep(0)
    return count
