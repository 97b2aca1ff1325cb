"""What the assistant can do, and who it is."""

import re

from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say

_ASKS = re.compile(
    r"(?:what (?:all )?you (?:can|could) (?:do|help(?: me)? with|answer)(?: for me)?|"
    r"what (?:skills|features|abilities|functions) do you have|what (?:all )?(?:can|could|do) you (?:actually |"
    r"really )?(?:do|help(?: me)? with|answer|offer|know)(?: for me)?|"
    r"what (?:are|is) your (?:capabilities|abilities|skills|features|functions|purpose|capability)|"
    r"what (?:else )?can i (?:ask|say|do)(?: you)?(?: here)?(?: with you)?|how (?:can|could|do) you help(?: me)?|"
    r"help(?: me)?|"
    r"what are you (?:able to do|capable of|good at|for)|what can you (?:help|assist)(?: me)?(?: with)?|"
    r"what (?:kind|kinds|sort|sorts|types?) of (?:questions|things) (?:can|do) you (?:answer|do|understand|know)|"
    r"what (?:questions|things) can (?:you answer|i ask)(?: you)?|(?:list|show|describe|explain) (?:me )?your "
    r"(?:capabilities|abilities|skills|features)|"
    r"your (?:capabilities|skills|features)|how (?:do|can) i use (?:you|this)|what do you do|what else can you do|"
    r"what is this(?: assistant| program| app)? (?:for|good for|able to do)|capabilities|commands|what can this "
    r"(?:assistant|app|program|thing) do)"
)
_WHO = re.compile(
    r"(?:who|what) (?:are|r) you|what(?:'s| is) your name|who am i (?:talking|speaking|chatting) (?:to|with)|do you "
    r"have a name|introduce yourself|"
    r"are you (?:a |an )?(?:robot|bot|human|person|ai|a\.i|artificial intelligence|machine|real|chatgpt|language "
    r"model|llm|computer)(?: person)?|"
    r"(?:tell me )?(?:something )?about yourself|which (?:language )?model are you|what (?:language )?model are "
    r"you(?: using| running)?|your name"
)
_CAN_DO = (
    "I answer what I can compute or look up:\n\n",
    "- arithmetic, percentages and unit conversions (“15% of 80”, “3.5 miles in feet”)\n",
    "- the time anywhere, dates and days between them (“how many days until Christmas?”)\n",
    "- the weather and share prices, from public sources (“weather in Paris”, “stock price of AAPL”)\n",
    "- a picture that you send: what was recognised in it, its text, colours, codes and quality\n",
    "- this conversation: what was said, and what you told me about yourself\n",
    "- your documents, once they are indexed: I quote what they say, with the source\n\n",
    "No language model is installed here, so I don't write or explain anything beyond that.",
)
_I_AM = (
    "I'm Quintet, a self-hosted assistant. No language model is installed here, so I am a program that answers what "
    "it can "
    "compute or look up; ask me what I can do."
)


class CapabilitiesSkill:
    """Describes the grounded engine truthfully."""

    name = "capabilities"

    def match(self, question: Question) -> Intent | None:
        """Returns the list of what can be asked, or who answers."""
        if _ASKS.fullmatch(question.text) or _ASKS.fullmatch(question.whole):
            return say(self.name, CERTAIN, *_CAN_DO)
        if _WHO.fullmatch(question.text) or _WHO.fullmatch(question.whole):
            return say(self.name, CERTAIN, _I_AM)
        return None
