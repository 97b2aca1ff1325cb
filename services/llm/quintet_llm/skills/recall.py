"""Questions about the conversation itself."""

import re
from collections.abc import Callable

from quintet_llm.conversation import Role, Turn
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say

_LONGEST_QUOTE = 600
_MOST_LISTED = 8
_SAID = r"(?:ask|say|write|type|tell you|request|send|ask you|said|asked|mention)"
_MY = r"(?:question|message|request|prompt|query|thing i (?:said|asked)|thing i wrote)"
_YOUR = r"(?:answer|reply|response|message|thing you said)"
_END = r"(?: again| to you| you)?(?: just now| a moment ago| before(?: that| this)?| earlier| previously| last time)?"

_ASKING = re.compile(r"^(?:can|could|would|do) you (?:please |still )?(?:remember |recall |know )?")

_Answer = Callable[[Question], str]


class RecallSkill:
    """Quotes the conversation; it never words anything itself."""

    name = "conversation"

    def match(self, question: Question) -> Intent | None:
        """Returns the quoted part of the conversation."""
        text = _ASKING.sub("", question.text, count=1)
        for pattern, answer in _PATTERNS:
            if pattern.fullmatch(question.text) or pattern.fullmatch(text):
                return say(self.name, CERTAIN, answer(question))
        return None


def _texts(question: Question, role: Role) -> list[Turn]:
    return [turn for turn in question.turns if turn.role is role and (turn.text.strip() or turn.picture)]


def _quote(turn: Turn) -> str:
    text = turn.text.strip()
    if not text:
        return "a picture without words"
    return f"“{text}”" if len(text) <= _LONGEST_QUOTE else f"“{text[:_LONGEST_QUOTE].rstrip()}…”"


def _last_question(question: Question) -> str:
    asked = _texts(question, Role.USER)
    return f"Your last message was: {_quote(asked[-1])}" if asked else _NOTHING_ASKED


def _first_question(question: Question) -> str:
    asked = _texts(question, Role.USER)
    return f"Your first message was: {_quote(asked[0])}" if asked else _NOTHING_ASKED


def _question_before(question: Question) -> str:
    asked = _texts(question, Role.USER)
    return f"Before that you wrote: {_quote(asked[-2])}" if len(asked) > 1 else "There was no message before that."


def _last_answer(question: Question) -> str:
    said = _texts(question, Role.ASSISTANT)
    return f"My last answer was: {_quote(said[-1])}" if said else _NOTHING_SAID


def _first_answer(question: Question) -> str:
    said = _texts(question, Role.ASSISTANT)
    return f"My first answer was: {_quote(said[0])}" if said else _NOTHING_SAID


def _repeat(question: Question) -> str:
    said = _texts(question, Role.ASSISTANT)
    return said[-1].text.strip() if said else "I haven't said anything yet that I could repeat."


def _count(question: Question) -> str:
    mine, yours = len(_texts(question, Role.ASSISTANT)), len(_texts(question, Role.USER)) + 1
    return f"This conversation has {mine + yours} messages, this one included: {yours} from you and {mine} from me."


def _count_questions(question: Question) -> str:
    yours = len(_texts(question, Role.USER)) + 1
    return f"You have sent {yours} message{'s' if yours > 1 else ''}, this one included."


def _summary(question: Question) -> str:
    """Lists the openings of the turns, the first and the latest ones."""
    turns = [turn for turn in question.turns if turn.role is not Role.SYSTEM and (turn.text.strip() or turn.picture)]
    if not turns:
        return "We haven't talked about anything yet."
    lines = [f"- {'You' if turn.role is Role.USER else 'I'}: {_opening(turn)}" for turn in turns]
    if len(lines) > 2 * _MOST_LISTED:
        skipped = len(lines) - 2 * _MOST_LISTED
        lines = [*lines[:_MOST_LISTED], f"- … {skipped} more messages …", *lines[-_MOST_LISTED:]]
    return "So far, in the words of the conversation:\n\n" + "\n".join(lines)


def _opening(turn: Turn) -> str:
    text = " ".join(turn.text[:1000].split()) or "(a picture)"
    return text if len(text) <= 120 else f"{text[:120].rstrip()}…"


_NOTHING_ASKED = "This is the first message of our conversation."
_NOTHING_SAID = "I haven't answered anything before this in our conversation."
_PATTERNS: tuple[tuple[re.Pattern[str], _Answer], ...] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        (rf"what did i {_SAID} before that|(?:and )?(?:what was the (?:question|message|one) )?before that|what was "
         r"my second (?:to )?last (?:question|message)|what was my (?:question|message) before (?:that|the last "
         r"one)", _question_before),
        (rf"what (?:did|was it) i (?:just |last )?{_SAID}{_END}|what (?:was it )?(?:that )?i (?:just |last )?(?:said|"
         rf"asked|wrote)(?: you)?{_END}", _last_question),
        (rf"what (?:was|is) my (?:last|previous|latest|most recent|prior|preceding) {_MY}|my (?:last|previous) {_MY}|"
         rf"what did i (?:just|last) {_SAID}{_END}", _last_question),
        (r"(?:repeat|quote|recall|what was|say) (?:my|the) (?:last |previous |latest )?(?:question|message|"
         rf"request)(?: i asked| i sent)?{_END}", _last_question),
        (r"(?:what was|what's) the (?:last|previous) (?:thing|question|message) (?:that )?i (?:just )?(?:said|asked|"
         r"sent|wrote)(?: to you| you)?", _last_question),
        (rf"what (?:was|is) my (?:first|very first|opening|initial) {_MY}|what did i (?:first {_SAID}|{_SAID} first|"
         rf"{_SAID} (?:you )?(?:at the (?:beginning|start)|in the beginning|initially))(?: you)?", _first_question),
        (r"(?:what was|what's) the (?:first|very first) (?:thing|question|message) (?:that )?i (?:said|asked|sent|"
         r"wrote)(?: to you| you)?|how did (?:i start|this conversation (?:start|begin)|we start)|(?:repeat|quote) "
         r"my first (?:question|message)", _first_question),
        (rf"what (?:was|is) your (?:last|previous|latest|most recent|prior) {_YOUR}|your (?:last|previous) {_YOUR}|"
         rf"what did you (?:just |last )?(?:say|answer|reply|respond|tell me|write){_END}|what (?:was it )?you "
         rf"(?:just )?said{_END}|what was the last thing you (?:said|told me|wrote)|what was your answer|(?:what was "
         r")?the answer|what have "
         r"you just said", _last_answer),
        (rf"what (?:was|is) your (?:first|very first) {_YOUR}|what was the first thing you (?:said|told me|wrote)|"
         r"what did you say first", _first_answer),
        (r"(?:please )?(?:repeat|say)(?: that| it| this| your (?:last )?(?:answer|reply|response))?(?: again| once "
         r"more| one more time)?(?: to me)?|(?:come again|pardon|pardon me|what did you say again|"
         r"one more time|once more|again|repeat yourself|i didn't (?:hear|catch|get) (?:that|you)|could you "
         r"repeat(?: that| it)?|can you repeat(?: that| it| your answer| yourself)?(?: again)?|(?:can|could) you say "
         r"that again|repeat what you (?:just )?said)", _repeat),
        (r"how many messages(?: are there| have (?:we|been) (?:exchanged|sent|written)| (?:do|did) we (?:have|"
         r"exchange|send)| are in (?:this|our) (?:conversation|chat)| so far| in total| does this (?:chat|"
         r"conversation) have|)(?: so far| in (?:this|our) (?:conversation|chat)| in total| now| here)*|how long is "
         r"(?:this|our) (?:conversation|chat)(?: so far)?|count (?:the|our) messages(?: so far)?|(?:what is the |the "
         r")?number of messages(?: so far| in this (?:chat|conversation))?", _count),
        (r"how many (?:questions|messages|things) (?:have i|did i) (?:asked|ask|sent|send|written|write|said|say)(?: "
         r"you)?(?: so far| already| in this (?:chat|conversation))?", _count_questions),
        (r"(?:summari[sz]e|sum up|recap|review|summary of|a summary of|give a summary of|quick recap of)(?: (?:this|"
         r"our|the|what we(?:'ve| have)? (?:talked about|discussed|said|been talking about)|everything)(?: "
         r"(?:conversation|chat|discussion|talk))?(?: so far| until now| up to now)?)?(?: so far| until now)?(?: "
         r"(?:for me|please))?", _summary),
        (r"what (?:have we|did we|were we|are we|'ve we) (?:talked|talk|discussed|discuss|been talking|been "
         r"discussing|talking|discussing|chat|chatted|spoken)(?: about)?(?: so far| until now| earlier| before| "
         r"today)?|what (?:is|was) (?:this|our) (?:conversation|chat|discussion) about(?: so far)?|(?:a |quick "
         r")?(?:summary|recap)(?: so far)?|what have we covered(?: so far)?", _summary),
    )
)  # fmt: skip
