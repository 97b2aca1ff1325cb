"""A question as the skills see it: the last message, made even, with the conversation before it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from quintet_llm.conversation import Passage, PictureFacts, Role, Style, Turn

LONGEST_QUESTION = 400
"""In characters. A longer message asks for more than a skill can answer, and no pattern is tried on it."""

_APOSTROPHES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "²": "^2", "³": "^3", "–": "-", "−": "-"}
)
_END = " \t\r\n?!.,;:…。？！।؟۔~"
_POLITE_START = re.compile(
    r"(?:(?:please|pls|ok|okay|so|well|um+|uh+|and|also|then|now|but|quick question|just curious|"
    r"(?:can|could|would|will) you(?: please)?(?: just)? (?:tell me|let me know|say|show me|give me|work out|figure "
    r"out|"
    r"remind me(?: of)?|calculate|compute|check|look up)|"
    r"(?:can|could|would|will) you(?: please)?(?= (?:convert|change|add|multiply|divide|subtract|solve|describe|read|"
    r"summari[sz]e|"
    r"repeat|say|find|count|recap|get)\b)|"
    r"(?:do|did) you (?:happen to )?know|tell me|let me know|remind me(?: of)?|i(?:'d| would) like to know|i (?:want|"
    r"need) to know|"
    r"i wonder|i was wondering|any idea|give me|show me|hey|quintet)\b[ ,:]*)(?=\S)"
)
_POLITE_END = re.compile(
    r"[ ,]+(?:please|pls|thanks|thank you|for me|mate|buddy|again|by the way|btw|though|"
    r"exactly)$"
)


def even(text: str) -> str:
    """Returns the text in lower case, in one line, with plain quotes and without closing punctuation."""
    plain = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    return " ".join(plain.split()).strip(_END).lstrip("¿¡")


def without_pleasantries(text: str) -> str:
    """Returns an even text without what people put around a question."""
    for _ in range(4):
        shorter = _POLITE_END.sub("", _POLITE_START.sub("", text, count=1) if _POLITE_START.match(text) else text)
        if shorter == text:
            break
        text = shorter.strip(_END)
    return text


@dataclass(frozen=True)
class Question:
    """One question: `original` is what the person wrote, `turns` is everything before it.

    `picture` is what came with the question itself, `passages` what was found in documents for it,
    `likeness` how near sentences of them are to it, by sentence: None where no model can tell. `documents_searched`
    tells that documents were searched, whatever was found.
    """

    original: str
    turns: tuple[Turn, ...] = ()
    picture: PictureFacts | None = None
    language: str = ""
    time_zone: str = ""
    passages: tuple[Passage, ...] = ()
    likeness: Mapping[str, float] | None = None
    documents_searched: bool = False
    style: Style = Style.READ

    @cached_property
    def whole(self) -> str:
        """The even text, empty if it is too long for any skill."""
        return even(self.original) if len(self.original) <= LONGEST_QUESTION else ""

    @cached_property
    def text(self) -> str:
        """The even text without pleasantries."""
        return without_pleasantries(self.whole)

    @cached_property
    def previous(self) -> "Question | None":
        """The user's question before this one, None if there is none."""
        for index in range(len(self.turns) - 1, -1, -1):
            turn = self.turns[index]
            if turn.role is Role.USER:
                return replace(
                    self, original=turn.text, turns=self.turns[:index], picture=turn.picture, passages=(), likeness=None
                )
        return None

    def part(self, original: str) -> "Question":
        """Returns a question of the same turn that asks only `original`."""
        return replace(self, original=original, likeness=None)


def question_of(
    turns: tuple[Turn, ...],
    language: str = "",
    time_zone: str = "",
    passages: tuple[Passage, ...] = (),
    *,
    documents_searched: bool = False,
    style: Style = Style.READ,
) -> Question:
    """Returns the last turn of a conversation as a question."""
    last = turns[-1]
    question = Question(last.text.strip(), turns[:-1], last.picture, language, time_zone, passages)
    return replace(question, documents_searched=documents_searched, style=style)
