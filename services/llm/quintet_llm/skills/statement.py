"""A short acknowledgement of what the person says without asking anything."""

import re

from quintet_llm.skills.guide.language import known
from quintet_llm.skills.guide.wording import wording
from quintet_llm.skills.languages import language_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import POSSIBLE, Intent, say

_STATES = re.compile(
    r"(?:today |well |oh |yesterday )?(?:i(?:'m| am| feel| felt| have| had| love| like| hate| was| went| saw| ate|"
    r" slept| bought| got| met| enjoyed| just| really)|i've|we(?:'re| are| were| have| had| went)|"
    r"(?:today|it|this|that) (?:is|was) (?:a |an )(?:very |really )?"
    r"(?:good|great|nice|bad|lovely|beautiful|terrible|long|hard|wonderful) day)\b.*"
)
# Whoever has a problem, wants something or does not know something expects more than an acknowledgement.
_EXPECTS = re.compile(
    r"\?|\b(?:want|need|help|how|why|what|when|where|who|which|whether|if|question|problem|trouble|error|issue|"
    r"broken|working|wonder|wondering|trying|looking|stuck|can't|cannot|don't know|not sure|please|you|your|tell|show|"
    r"explain|write|give|make|find|hurt|hurts|pain|die|dying|suicide|suicidal|kill|emergency)\b"
)
_LONGEST = 160


class StatementSkill:
    """Acknowledges a statement, and promises nothing."""

    name = "statement"

    def match(self, question: Question) -> Intent | None:
        """Returns the acknowledgement as the last resort."""
        text = question.whole
        asks = "?" in question.original or len(text) > _LONGEST or _EXPECTS.search(text)
        if asks or not _STATES.fullmatch(text):
            return None
        language = known(language_of(question.original, question.language))
        return say(self.name, POSSIBLE, wording(language).say("courtesy.statement"))
