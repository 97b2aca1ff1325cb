"""Hello, thank you and goodbye, in the language they were said in."""

import re

from quintet_llm.skills.guide.language import known
from quintet_llm.skills.guide.wording import wording
from quintet_llm.skills.languages import PHRASES, language_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say

_FILLERS = re.compile(
    r"(?:,? (?:quintet|assistant|friend|my friend|buddy|everyone|all|bot|mate|dear|sir|madam|"
    r"computer|again))+$"
)
_HOW_ARE_YOU = re.compile(
    r"(?:(?:hi|hello|hey)(?: there)?,? )?(?:how are you(?: doing)?(?: today)?|how's it going|how is it going|how are "
    r"things|what's up|how do you do|"
    r"are you there|are you ok|are you okay|you there|how have you been|whats up|nice to meet you|pleased to meet "
    r"you)|(?:आप |तुम |तू )?कैस[ेाी] (?:हैं|हो|है)(?: आप| तुम)?|क्या हाल (?:है|हैं)|(?:तुम्ही |आपण |तू )?(?:कसे आहात|कसा आहेस|कशी आहेस)"
)
_ACKNOWLEDGES = re.compile(
    r"(?:ok|okay|k|alright|all right|cool|nice|great|good|perfect|awesome|i see|got it|"
    r"understood|fine|sure|wow)(?: (?:then|cool|great|good|nice))?|ठीक है|अच्छा|बढ़िया|समझ गय[ाी]|ठीक आहे|बरं|बरे|छान|समजल[ें]"
)
_THANKS_FOR = re.compile(r"(?:thanks|thank you|thx)(?: so much| a lot| very much)? for [\w' ]{1,40}")
_LONGEST_HELLO = 24
_SEPARATOR = re.compile(r"[,.!;:。!、،।\s-]+")


class GreetingSkill:
    """Answers courtesies and nothing else."""

    name = "greeting"

    def match(self, question: Question) -> Intent | None:
        """Returns the answering courtesy."""
        text = " ".join(question.whole.replace(",", " ").replace("!", " ").split())
        for candidate in (text, question.whole, _FILLERS.sub("", text)):
            if answer := _answer(candidate, question.language):
                return say(self.name, CERTAIN, answer)
        if _HOW_ARE_YOU.fullmatch(text):
            return say(self.name, CERTAIN, _courtesy(question, "how"))
        if _THANKS_FOR.fullmatch(text):
            return say(self.name, CERTAIN, PHRASES[_spoken("en", _primary(question.language))].thanks_answer)
        return say(self.name, CERTAIN, _courtesy(question, "acknowledged")) if _ACKNOWLEDGES.fullmatch(text) else None


def _courtesy(question: Question, name: str) -> str:
    """Returns an answer that is there in the languages of the guide, in English for all others."""
    return wording(known(language_of(question.original, question.language))).say(f"courtesy.{name}")


def _primary(tag: str) -> str:
    return tag.partition("-")[0].casefold()


def _answer(text: str, requested: str) -> str | None:
    asked = _primary(requested)
    for language, said in PHRASES.items():
        answers = PHRASES[_spoken(language, asked)]
        if text in said.hellos:
            return answers.hello_answer
        if text in said.thanks:
            return answers.thanks_answer
        if text in said.goodbyes:
            return answers.goodbye_answer
    return None


def _spoken(said: str, asked: str) -> str:
    # An English "hello" in a request for Hindi is answered in Hindi; a "hola" is Spanish whatever was asked for.
    shared_script = said == "hi" and asked == "mr"
    return asked if asked in PHRASES and (said == "en" or shared_script) else said


def split_greeting(text: str) -> tuple[str, str]:
    """Splits `hi, what's 2+2?` into the greeting and the rest; the greeting is empty if there is none."""
    for match in _SEPARATOR.finditer(text, 0, _LONGEST_HELLO):
        head, rest = text[: match.start()].casefold(), text[match.end() :]
        if rest and any(head in phrases.hellos for phrases in PHRASES.values()) and not _goes_on(head, rest):
            return text[: match.start()], rest
    return "", text


def _goes_on(head: str, rest: str) -> bool:
    """Tells whether the rest belongs to the greeting: `hi there`, `good morning everyone`."""
    first = _SEPARATOR.split(rest.casefold(), maxsplit=1)[0]
    longer = f"{head} {first}"
    return any(longer in phrases.hellos for phrases in PHRASES.values())
