"""Finds the skill that a message is meant for; several questions in one message are answered one after the other."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from quintet_llm.skills.documents import NAME as DOCUMENTS
from quintet_llm.skills.greeting import split_greeting
from quintet_llm.skills.question import LONGEST_QUESTION, Question
from quintet_llm.skills.skill import Intent, Skill
from quintet_llm.skills.unanswerable import DEFAULT_REMEDY, unable

_SENTENCES = re.compile(r"(?<=[?!。？！])\s*|(?<=[a-z)\d][.;])\s+", re.IGNORECASE)
_AND_ASKS = re.compile(
    r",?\s+(?:and|also|and also|and then|then)\s+(?=(?:what|how|when|where|who|which|is|are|tell|convert|calculate|"
    r"the (?:time|date|weather))\b)|,\s+(?=(?:what|how|when|where|who|which|what's)\b)",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"(?:i|i'm|i've|my|we|it|it's|this|that|that's|the|there|great|ok|okay|cool|nice|yes|no|sorry|"
    r"wow|perfect|good)\b",
    re.IGNORECASE,
)
_MOST_PARTS = 5


@dataclass(frozen=True)
class Plan:
    """What will be answered: `skill` names the one that counts, empty if none has an answer.

    `complete` tells that no part of the message is left without an answer, be it a mere statement.
    """

    skill: str
    intents: tuple[Intent, ...]
    remainder: str = ""
    complete: bool = False

    @property
    def is_computed(self) -> bool:
        """Whether a skill that needs no documents has answered everything."""
        return self.complete and self.skill not in {"", DOCUMENTS, "statement"}

    async def pieces(self) -> AsyncIterator[str]:
        """Yields the answers' text, with a blank line between two answers."""
        for index, intent in enumerate(self.intents):
            if index:
                yield _gap(self.intents[index - 1])
            async for piece in intent.answer():
                yield piece
        if self.remainder:
            yield f"\n\n{self.remainder}" if self.intents else self.remainder


def _gap(before: Intent) -> str:
    return " " if before.skill == "greeting" else "\n\n"


class Router:
    """Asks every skill and takes the surest one, the earlier one where two are equally sure."""

    def __init__(self, skills: Sequence[Skill], remedy: str = DEFAULT_REMEDY) -> None:
        self._skills = tuple(skills)
        self._remedy = remedy

    def plan(self, question: Question) -> Plan:
        """Returns what to answer; never blocks and never fails."""
        intent = self._best(question)
        if intent and intent.skill != DOCUMENTS:
            return Plan(intent.skill, (intent,), complete=True)
        plan = self._plan_parts(question) if len(question.original) <= LONGEST_QUESTION else None
        if intent:
            # Words of a document answer a whole message better than parts of it, unless another skill is surer of one.
            mixed = plan and plan.complete and any(part.skill != DOCUMENTS for part in plan.intents)
            return plan if plan and mixed else Plan(DOCUMENTS, (intent,), complete=True)
        if plan:
            return plan
        return Plan("", (), unable(question, self._remedy))

    def _best(self, question: Question) -> Intent | None:
        best: Intent | None = None
        for skill in self._skills:
            intent = skill.match(question)
            if intent and (best is None or intent.score > best.score):
                best = intent
        return best

    def _plan_parts(self, question: Question) -> Plan | None:
        """Plans a message of several parts, None if no part has an answer."""
        parts = _split(question.original)
        if len(parts) < 2:
            return None
        intents: list[Intent] = []
        unanswered = False
        for part in parts:
            intent = self._best(question.part(part))
            if intent:
                intents.append(intent)
            elif not _STATES.match(part):
                unanswered = True
        # An acknowledgement beside an answer would only be in its way.
        intents = [intent for intent in intents if intent.skill != "statement"] or intents[:1]
        # "Hi, write a poem" is wholly unanswered: a greeting alone would hide that.
        real = [intent for intent in intents if intent.skill != "greeting"]
        if not intents or (not real and unanswered):
            return Plan("", (), unable(question, self._remedy)) if intents else None
        skill = real[0].skill if real else intents[0].skill
        remainder = unable(question, self._remedy) if unanswered else ""
        return Plan(skill, tuple(intents), remainder, complete=len(intents) == len(parts))


def _split(text: str) -> list[str]:
    greeting, rest = split_greeting(text)
    parts = [greeting] if greeting else []
    for sentence in _SENTENCES.split(rest):
        parts += _AND_ASKS.split(sentence)
    parts = [part.strip() for part in parts if part and part.strip(" .,!?;:")]
    return parts if len(parts) <= _MOST_PARTS else []
