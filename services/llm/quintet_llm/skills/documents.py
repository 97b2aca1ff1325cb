"""Answers in the words of the documents that were found for a question, with their source named; it words nothing."""

from collections.abc import Iterator, Sequence

from quintet_llm.skills.passage_search import Found, PassageSearch
from quintet_llm.skills.question import Question
from quintet_llm.skills.quotation import quoted
from quintet_llm.skills.skill import Intent, say

NAME = "documents"
SCORE = 0.65
"""Any skill that computes or looks up is more exact; an acknowledgement is less than what a document says."""


class DocumentsSkill:
    """Quotes one to three sentences of what was found, and nothing where that does not fit the question."""

    name = NAME

    def match(self, question: Question) -> Intent | None:
        """Returns the quotation as an answer that most other skills are surer of; takes up to 20 ms."""
        if not question.passages:
            return None
        found = PassageSearch(question).run()
        return say(self.name, SCORE, *_pieces(found)) if found else None


def _pieces(found: Sequence[Found]) -> Iterator[str]:
    for number, one in enumerate(found):
        gap = "\n\n" if number else ""
        yield f"{gap}{quoted(one.text.units, one.chosen)}\n\nSource: {_place(one)}"


def _place(found: Found) -> str:
    source = found.text.passage.source
    return " ".join((f"{source}, section {found.section}" if found.section else source).split())
