"""Answers a person who cannot see the picture, from the newest one of the conversation."""

from quintet_llm.conversation import SNAPSHOT, PictureFacts, Role, Style
from quintet_llm.skills.guide.answers import answer
from quintet_llm.skills.guide.intents import Wish, wish_of
from quintet_llm.skills.guide.language import guide_language
from quintet_llm.skills.guide.wording import Wording, wording
from quintet_llm.skills.question import LONGEST_QUESTION, Question
from quintet_llm.skills.skill import CERTAIN, POSSIBLE, Intent, say

_DESCRIBE = "describe"


class GuideSkill:
    """Says what is ahead and where; only in the style of a guide, where it stands before every other skill."""

    name = "guide"

    def match(self, question: Question) -> Intent | None:
        """Returns the answer to what the question asks of the picture."""
        if question.style is not Style.GUIDE:
            return None
        language = guide_language(question)
        wish = _wish(question, language)
        if wish is None:
            return None
        # Where something is that is no thing of a picture may be known better by another skill.
        score = POSSIBLE if wish in {Wish("where"), Wish("far")} else CERTAIN
        return say(self.name, score, " ".join(_sentences(wish, question, wording(language))))


def _wish(question: Question, language: str) -> Wish | None:
    text = question.original.strip()
    if text in {"", SNAPSHOT}:
        return Wish(_DESCRIBE)
    wish = wish_of(text, language) if len(text) <= LONGEST_QUESTION else None
    return _asked_before(question, language) if wish == Wish("again") else wish


def _asked_before(question: Question, language: str) -> Wish:
    """Returns the wish before "and now?", which is asked again of a newer picture."""
    before = question.previous
    while before is not None:
        text = before.original.strip()
        wish = wish_of(text, language) if text not in {"", SNAPSHOT} and len(text) <= LONGEST_QUESTION else None
        if wish not in {None, Wish("again"), Wish("repeat"), Wish("help"), Wish("more")}:
            return wish or Wish(_DESCRIBE)
        before = before.previous if wish == Wish("again") else None
    return Wish(_DESCRIBE)


def _sentences(wish: Wish, question: Question, words: Wording) -> list[str]:
    if wish.name == "help":
        return [words.say("help.can")]
    if wish.name == "repeat":
        said = (turn.text.strip() for turn in reversed(question.turns) if turn.role is Role.ASSISTANT)
        return [next((text for text in said if text), "") or words.say("repeat.nothing")]
    facts = _newest_picture(question)
    return [words.say("picture.none")] if facts is None else answer(wish, facts, words)


def _newest_picture(question: Question) -> PictureFacts | None:
    if question.picture is not None:
        return question.picture
    return next((turn.picture for turn in reversed(question.turns) if turn.picture is not None), None)
