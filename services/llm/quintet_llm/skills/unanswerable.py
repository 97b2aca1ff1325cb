"""What is said when no skill has an answer."""

from quintet_llm.skills.languages import PHRASES, language_of
from quintet_llm.skills.question import Question

DEFAULT_REMEDY = "quintet doctor"
"""Command that tells what can be added."""


def unable(question: Question, remedy: str) -> str:
    """Returns the one honest sentence, in the language of the question where that is known."""
    return PHRASES[language_of(question.original, question.language)].unable.format(remedy=remedy)
