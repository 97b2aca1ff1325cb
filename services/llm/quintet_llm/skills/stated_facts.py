"""What the person said about themselves earlier in the conversation; the latest statement wins."""

import re
from collections.abc import Iterator

from quintet_llm.conversation import Role, Turn
from quintet_llm.skills.question import Question, even
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.statements import (
    EVERYTHING,
    LONGEST_STATEMENT,
    NOT_STATED_THINGS,
    PETS,
    PLURAL,
    Fact,
    facts_in,
    normal_thing,
    read_sentence,
    sentences_of,
)

# In characters: searching more would stop the event loop for longer than a few hundredths of a second.
_MOST_SEARCHED = 40_000
_ASKS = tuple(
    (re.compile(pattern), thing)
    for pattern, thing in (
        (r"(?:what(?:'s|s| is| was)|(?:do you|can you) (?:remember|recall|know)|say|guess) my name(?: is)?", "name"),
        (r"what my name is|my name|who am i|what am i called|what(?:'s| is) my (?:first |full )?name|what should you "
         r"call me|what do you call me", "name"),
        (r"(?:where (?:do i|i) live|in (?:which|what) (?:city|town|country|place) do i live|which (?:city|town) do i "
         r"live in|"
         r"what (?:city|town|country|place) do i live in|where am i living|where(?:'s| is) my home|where am i based|"
         r"what(?:'s| is) my (?:home )?(?:city|town|address))", "home"),
        (r"where (?:am i|do i come|i am|i'm|i come) from(?: originally)?|what(?:'s| is) my origin", "origin"),
        (r"where was i born|what(?:'s| is) my (?:birthplace|hometown)", "birthplace"),
        (r"how old (?:am i|i am)|what(?:'s| is) my age", "age"),
        (r"what do i do(?: for (?:a living|work))?|what(?:'s| is) my (?:job|profession|occupation)|what do i work "
         r"as", "job"),
        (r"(?:where|who) do i work(?: for| at)?|who(?:'s| is) my employer|which company do i work (?:for|"
         r"at)", "employer"),
    )
)  # fmt: skip
_ASKS_MY = re.compile(
    r"(?:(?:what|who|which|when|where)(?:'s|s|'re| is| are| was)(?: it)?|(?:do you |can you )?(?:remember|recall|"
    r"know)(?: what| who)?(?:'s| is)?) "
    r"my (?P<thing>[a-z][a-z' -]{1,40}?)(?: called| named| again| is| are)?"
)
_ASKS_NAME_OF = re.compile(
    r"(?:what(?:'s| is) the name of my|what(?:'s| is) my) (?P<thing>[a-z][a-z -]{1,30}?)(?:'s "
    r"name| called| named)?"
)
_ASKS_CALLED = re.compile(
    r"what is my (?P<thing>[a-z][a-z -]{1,30}) called|how is my (?P<other>[a-z][a-z -]{1,30}) "
    r"called"
)
_ASKS_HOW_MANY = re.compile(rf"how many (?P<thing>{PETS}) (?:do i have|have i got|do i own)")
_ASKS_NAMES = re.compile(rf"what are the names of my (?P<thing>{PETS})|how are my (?P<other>{PETS}) called")
_ASKS_LIKE = re.compile(r"what do i (?P<verb>like|love|hate|prefer)(?: most| best)?")
_ASKS_ALL = re.compile(
    r"what do you (?:know|remember) (?:about|of) me|what have i told you(?: about (?:me|myself))?|what did i tell "
    r"you about (?:me|myself)|"
    r"tell me (?:what you know )?about me|about me|what (?:else )?(?:do you know|have you learned) about me"
)
_SENTENCES = {
    "name": "Your name is {}.",
    "home": "You live in {}.",
    "origin": "You are from {}.",
    "birthplace": "You were born in {}.",
    "age": "You are {} years old.",
    "job": "You work as {}.",
    "employer": "You work at {}.",
    "like": "You like {}.",
    "love": "You love {}.",
    "hate": "You hate {}.",
    "prefer": "You prefer {}.",
}


class StatedFactsSkill:
    """Repeats what the person stated, and never anything else."""

    name = "stated-facts"

    def match(self, question: Question) -> Intent | None:
        """Answers a question about the person, or confirms a statement."""
        thing = _asked_thing(question.text) if question.text else None
        if _ASKS_ALL.fullmatch(question.text):
            return say(self.name, CERTAIN, _everything(question.turns))
        if thing is not None:
            return self._recall(thing, question)
        statements = list(facts_in(question.original)) if question.whole else []
        if statements and not question.original.rstrip().endswith("?") and _is_only_statement(question.original):
            return say(self.name, CERTAIN, " ".join(_confirmed(fact) for fact in statements))
        return None

    def _recall(self, thing: str, question: Question) -> Intent | None:
        value = stated(question.turns, thing)
        if value is None and NOT_STATED_THINGS.search(thing):
            return None
        if value is None:
            return say(self.name, CERTAIN, "I found no such statement in this conversation.")
        return say(self.name, CERTAIN, _sentence(thing, value))


def stated(turns: tuple[Turn, ...], thing: str) -> str | None:
    """Returns the latest value that the person stated for a thing, None if they never did."""
    wanted = {thing, f"{thing}'s name", f"{thing} name"}
    taken_back: set[str] = set()
    for text in _latest_texts(turns):
        for fact in reversed(list(facts_in(text))):
            if fact.thing not in wanted and fact.thing != EVERYTHING:
                continue
            if fact.denied and not fact.value:
                return None
            value = fact.value.casefold()
            if fact.denied:
                taken_back.add(value)
            elif value not in taken_back:
                return fact.value
    return None


def stated_home(turns: tuple[Turn, ...]) -> str:
    """Returns where the person said they live, empty if they did not."""
    return stated(turns, "home") or ""


def _latest_texts(turns: tuple[Turn, ...]) -> Iterator[str]:
    """Yields the beginnings of the person's messages, the latest first, until enough has been searched."""
    searched = 0
    for turn in reversed(turns):
        if turn.role is Role.USER:
            text = turn.text[:LONGEST_STATEMENT]
            searched += len(text)
            if searched > _MOST_SEARCHED:
                return
            yield text


def _asked_thing(text: str) -> str | None:
    for pattern, thing in _ASKS:
        if pattern.fullmatch(text):
            return thing
    if match := _ASKS_LIKE.fullmatch(text):
        return match["verb"]
    if match := _ASKS_HOW_MANY.fullmatch(text):
        return f"number of {match['thing']}"
    for pattern in (_ASKS_NAMES, _ASKS_CALLED, _ASKS_NAME_OF, _ASKS_MY):
        if match := pattern.fullmatch(text):
            thing = next(group for group in match.groups() if group)
            return normal_thing(thing)
    return None


def _is_only_statement(text: str) -> bool:
    return all(read_sentence(sentence) or _is_courtesy(sentence) for sentence in sentences_of(text))


def _is_courtesy(sentence: str) -> bool:
    return even(sentence) in {
        "hi",
        "hello",
        "hey",
        "nice to meet you",
        "hi there",
        "hello there",
        "thanks",
        "please remember that",
        "remember that",
    }


def _confirmed(fact: Fact) -> str:
    if fact.denied:
        return _confirmed_denial(fact)
    if fact.thing == "name":
        return f"Nice to meet you, {fact.value}!"
    return f"Noted: {_sentence(fact.thing, fact.value)[0].lower()}{_sentence(fact.thing, fact.value)[1:]}"


def _confirmed_denial(fact: Fact) -> str:
    if fact.thing == EVERYTHING or not fact.value:
        what = "what you told me about yourself" if fact.thing == EVERYTHING else f"your {fact.thing}"
        return f"All right, I no longer use {what}; the messages themselves stay in the conversation."
    claim = _sentence(fact.thing, fact.value)
    return f"Noted: it is not so that {claim[0].lower()}{claim[1:]}"


def _sentence(thing: str, value: str) -> str:
    if thing in _SENTENCES:
        return _SENTENCES[thing].format(value)
    if thing.startswith("number of "):
        return f"You have {value} {thing.removeprefix('number of ')}."
    return f"Your {thing} {'are' if PLURAL.fullmatch(thing) else 'is'} {value}."


def _everything(turns: tuple[Turn, ...]) -> str:
    told = [fact.thing for text in reversed(list(_latest_texts(turns))) for fact in facts_in(text) if not fact.denied]
    facts = {thing: value for thing in dict.fromkeys(told) if (value := stated(turns, thing))}
    if not facts:
        return "I found no statement about yourself in this conversation."
    return "You told me: " + " ".join(_sentence(thing, value) for thing, value in facts.items())
