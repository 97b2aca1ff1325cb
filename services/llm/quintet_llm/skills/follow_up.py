"""Questions that have no topic of their own and mean the one before."""

import re

from quintet_llm.skills.passage_vocabulary import EMPTY, LIGHT
from quintet_llm.skills.question import Question

_LONGEST = 60
_LEADS_ON = re.compile(r"(?:and|or|but|what about|how about|und|et|y|e)\b", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|he|she|him|his|her|that one|this one|those|these|there)\b(?! (?:are|is|any|a)\b)",
    re.IGNORECASE,
)


def topic_before(question: Question) -> Question | None:
    """Returns the question that a short one continues, None if it stands for itself."""
    text = question.original.strip()
    if not text or len(text) > _LONGEST or question.previous is None:
        return None
    words = {word.casefold() for word in re.findall(r"\w+", text)}
    leans = _LEADS_ON.match(text) or _POINTS_BACK.search(text) or words <= EMPTY | LIGHT
    return question.previous if leans else None
