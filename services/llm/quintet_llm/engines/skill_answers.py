"""The answers that skills compute or look up, for every engine that uses them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx

from quintet_llm.conversation import Role, Style, Turn
from quintet_llm.engine import ChatEvent, ChatRequest, Finished, FinishReason, TextDelta
from quintet_llm.engines.word_counts import WordLimit, count_words
from quintet_llm.skills.meaning import MeasuresMeaning
from quintet_llm.skills.passage_search import PassageSearch
from quintet_llm.skills.plain_speech import spoken
from quintet_llm.skills.question import Question, question_of
from quintet_llm.skills.registry import SkillOptions, build_skills
from quintet_llm.skills.remote import create_client
from quintet_llm.skills.router import Plan, Router


class SkillAnswers:
    """A router over the skills, with the connections to their public sources."""

    def __init__(self, options: SkillOptions, meaning: MeasuresMeaning | None = None) -> None:
        self._options = options
        self._meaning = meaning
        self._client: httpx.AsyncClient | None = None
        self._router: Router | None = None

    @property
    def loaded(self) -> bool:
        """Whether the skills are built."""
        return self._router is not None

    async def plan(self, request: ChatRequest) -> Plan:
        """Returns what the skills would answer; builds them first if need be."""
        if self._router is None:
            await self.warm_up()
        assert self._router is not None  # noqa: S101 - tells the type checker what warm_up() did
        question = question_of(
            request.turns,
            request.language,
            request.time_zone,
            request.passages,
            documents_searched=request.documents_searched,
            style=request.style,
        )
        if not request.passages:
            return self._router.plan(question)
        # Searching the largest passages takes tens of milliseconds.
        plan = await asyncio.to_thread(self._router.plan, question)
        if self._meaning is None or plan.is_computed:
            return plan
        return await self._plan_by_meaning(self._router, question, self._meaning) or plan

    async def _plan_by_meaning(self, router: Router, question: Question, meaning: MeasuresMeaning) -> Plan | None:
        """Plans with the likeness of each sentence, measured once; None if no model can tell."""
        search = await asyncio.to_thread(PassageSearch, question)
        sentences = await asyncio.to_thread(search.candidates)
        measured = await meaning.similarities(search.asked, sentences)
        if measured is None:
            return None
        likeness = dict(zip(sentences, measured, strict=True))
        return await asyncio.to_thread(router.plan, replace(question, likeness=likeness))

    async def answer(self, plan: Plan, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yields each piece of the answer as its skill has it; a token is a word."""
        words = WordLimit(request.max_output_tokens)
        pieces = plan.pieces() if request.style is Style.READ else spoken(plan.pieces())
        async for text in words.limited(pieces):
            yield TextDelta(text)
        reason = FinishReason.LENGTH if words.cut else FinishReason.STOP
        yield Finished(reason, await count_words(request.turns), words.count, plan.skill)

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
