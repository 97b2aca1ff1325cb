"""The seam between the router and a skill."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from quintet_llm.skills.question import Question

CERTAIN = 1.0
"""Score of a question that only this skill can be meant by."""
LIKELY = 0.8
"""Score of a question that another skill may know more exactly."""
POSSIBLE = 0.5
"""Score of the last resort before the honest sentence."""


@dataclass(frozen=True)
class Intent:
    """A question that a skill has understood; `answer` begins to compute the answer's pieces."""

    skill: str
    score: float
    answer: Callable[[], AsyncIterator[str]]


class Skill(Protocol):
    """Answers one kind of question."""

    @property
    def name(self) -> str:
        """Stable lower-case word."""
        ...

    def match(self, question: Question) -> Intent | None:
        """Returns what the question asks of this skill, None if it is not meant. Never blocks."""
        ...


def say(skill: str, score: float, *pieces: str) -> Intent:
    """Returns the intent whose answer is known already."""

    async def answer() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    return Intent(skill, score, answer)


def sentence_list(parts: Iterable[str]) -> str:
    """Joins `a`, `b` and `c` as a person would."""
    items = list(parts)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
