"""What the person said about themselves earlier in the conversation; the latest statement wins."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from quintet_llm.conversation import Role, Turn
from quintet_llm.skills.question import Question, even
from quintet_llm.skills.skill import CERTAIN, Intent, say

_LONGEST_STATEMENT = 2000
# In characters: searching more would stop the event loop for longer than a few hundredths of a second.
_MOST_SEARCHED = 40_000
_SENTENCE = re.compile(r"[.!?。！？\n]+(?:\s+|$)|;\s+")
_VALUE = r"(?P<value>[^?!;]{1,80}?)"
_TAIL = (
    r"(?:,? (?:by the way|btw|and i .{1,80}|but .{1,80}|now|these days|at the moment|nice to meet you|please "
    r"remember (?:that|this|it)))?"
)
_LEAD = (
    r"(?:(?:hi|hello|hey|hi there|hello there|by the way|btw|actually|well|no|oh|also|and|ok|okay|so|just so you "
    r"know|fyi|for the record|"
    r"remember(?: that)?|please remember(?: that)?|note that|i told you|sorry|correction|now)[, ]+){0,3}"
)
_THING = r"(?P<thing>[a-z][a-z' -]{1,40}?)"


@dataclass(frozen=True)
class Fact:
    """Something that the person stated: `my <thing> is <value>`."""

    thing: str
    value: str


# Pattern, thing: a statement that does not have the form "my ... is ...".
_STATEMENTS = tuple(
    (re.compile(_LEAD + pattern + _TAIL), thing)
    for pattern, thing in (
        (rf"my name(?: is|'s) (?:actually |now )?{_VALUE}", "name"),
        (rf"(?:please )?call me {_VALUE}", "name"),
        (rf"i(?:'m| am) called {_VALUE}", "name"),
        (rf"people call me {_VALUE}", "name"),
        (rf"i (?:now |currently |actually )?(?:live|reside|stay) (?:now )?(?:in|at|near) {_VALUE}", "home"),
        (rf"i(?:'m| am) (?:now |currently )?(?:living|based) (?:now )?in {_VALUE}", "home"),
        (rf"i(?:'ve| have)?(?: just)? moved to {_VALUE}", "home"),
        (rf"i(?:'m| am| come) (?:originally )?from {_VALUE}", "origin"),
        (rf"i was born in {_VALUE}", "birthplace"),
        (r"i(?:'m| am) (?P<value>\d{1,3})(?: years old| years of age| yrs old)?", "age"),
        (rf"i (?:now )?work as (?:an? )?{_VALUE}", "job"),
        (r"i(?:'m| am) (?:an? )(?P<value>(?:[a-z]+ ){0,2}(?:teacher|doctor|nurse|engineer|developer|programmer|"
         r"student|lawyer|artist|"
         r"writer|designer|chef|cook|driver|farmer|scientist|pilot|musician|journalist|carpenter|plumber|electrician|"
         r"architect|"
         r"accountant|dentist|baker|photographer|translator|librarian|mechanic|gardener|researcher|manager))", "job"),
        (rf"i (?:now )?work (?:at|for) {_VALUE}", "employer"),
        (rf"i have an? (?P<pet>dog|cat|bird|horse|parrot|hamster|rabbit|fish|sister|brother|son|daughter|friend) "
         rf"(?:named|called|whose name is) {_VALUE}", ""),
    )
)  # fmt: skip
_MY_THING = re.compile(rf"{_LEAD}my {_THING} (?:is|are|was) (?:called |named |actually |now )?{_VALUE}{_TAIL}")
_VERB_LIKES = re.compile(rf"{_LEAD}i (?:really )?(?P<verb>like|love|hate|prefer) {_VALUE}{_TAIL}")
_NO_FACT = re.compile(
    r"\b(?:not|never|working|missing|stuck|lost|dead|late|slow|hurting|killing|driving)\b|^(?:you|it|this|that|him|"
    r"her|them|to .*)$|"
    r"\b(?:what|who|where|when|why|how|which|guess|not sure|unknown|question|problem|a secret|secret|none of your|"
    r"the same|wrong|broken)\b"
)
_NOT_NAMES = re.compile(
    r"\b(?:not|a|an|the|here|fine|good|ok|okay|tired|happy|sad|in|on|at|going|looking|trying|"
    r"just)\b"
)

_SAME_THINGS = {
    "favorite": "favourite",
    "color": "colour",
    "town": "home",
    "hometown": "birthplace",
    "first name": "name",
    "full name": "name",
    "city": "home",
    "occupation": "job",
    "profession": "job",
    "mum": "mother",
    "mom": "mother",
    "dad": "father",
}
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
    "employer": "You work for {}.",
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
        statements = list(_facts_in(question.original)) if question.whole else []
        if statements and not question.original.rstrip().endswith("?") and _is_only_statement(question.original):
            return say(self.name, CERTAIN, " ".join(_confirmed(fact) for fact in statements))
        return None

    def _recall(self, thing: str, question: Question) -> Intent | None:
        value = stated(question.turns, thing)
        if value is None and _NOT_STATED_THINGS.search(thing):
            return None
        if value is None:
            return say(self.name, CERTAIN, "You haven't told me that in this conversation.")
        return say(self.name, CERTAIN, _sentence(thing, value))


def stated(turns: tuple[Turn, ...], thing: str) -> str | None:
    """Returns the latest value that the person stated for a thing, None if they never did."""
    wanted = {thing, f"{thing}'s name", f"{thing} name"}
    facts = (fact for text in _latest_texts(turns) for fact in reversed(list(_facts_in(text))))
    return next((fact.value for fact in facts if fact.thing in wanted), None)


def stated_home(turns: tuple[Turn, ...]) -> str:
    """Returns where the person said they live, empty if they did not."""
    return stated(turns, "home") or ""


def _latest_texts(turns: tuple[Turn, ...]) -> Iterator[str]:
    """Yields the beginnings of the person's messages, the latest first, until enough has been searched."""
    searched = 0
    for turn in reversed(turns):
        if turn.role is Role.USER:
            text = turn.text[:_LONGEST_STATEMENT]
            searched += len(text)
            if searched > _MOST_SEARCHED:
                return
            yield text


def _facts_in(text: str) -> Iterator[Fact]:
    for sentence in _sentences(text):
        if fact := _read(sentence):
            yield fact


def _sentences(text: str) -> list[str]:
    return [
        part.strip()
        for sentence in _SENTENCE.split(text[:_LONGEST_STATEMENT])
        for part in re.split(r"\s+and (?=(?:i|my|I|My)\b)|,\s+(?=(?:i|my|I|My)\b)", sentence)
        if part.strip()
    ]


def _read(sentence: str) -> Fact | None:
    """Reads one sentence as a statement; `value` keeps the person's own letters."""
    if len(sentence) > 200 or "?" in sentence:
        return None
    low = even(sentence)
    plain = sentence.replace("’", "'")
    for pattern, thing in _STATEMENTS:
        if match := pattern.fullmatch(low):
            name = thing or f"{match['pet']}'s name"
            return _fact(name, match["value"], plain, strict=thing in {"name", "home", "origin"})
    if match := _MY_THING.fullmatch(low):
        return _fact(_normal(match["thing"]), match["value"], plain, strict=False)
    if match := _VERB_LIKES.fullmatch(low):
        return _fact(match["verb"], match["value"], plain, strict=False)
    return None


def _fact(thing: str, value: str, sentence: str, *, strict: bool) -> Fact | None:
    value = value.strip(" ,")
    if not value or _NO_FACT.search(value) or (strict and thing == "name" and _NOT_NAMES.search(value)):
        return None
    start = " ".join(sentence.split()).casefold().rfind(value)
    spoken = " ".join(sentence.split())[start : start + len(value)] if start >= 0 else value
    return Fact(thing, spoken)


def _normal(thing: str) -> str:
    words = " ".join(_SAME_THINGS.get(word, word) for word in thing.split())
    return _SAME_THINGS.get(words, words)


def _asked_thing(text: str) -> str | None:
    for pattern, thing in _ASKS:
        if pattern.fullmatch(text):
            return thing
    if match := _ASKS_LIKE.fullmatch(text):
        return match["verb"]
    for pattern in (_ASKS_CALLED, _ASKS_NAME_OF, _ASKS_MY):
        if match := pattern.fullmatch(text):
            thing = next(group for group in match.groups() if group)
            return _normal(thing)
    return None


# "What was my first question?" is about the conversation, "what is my IP address" about the machine.
_NOT_STATED_THINGS = re.compile(
    r"\b(?:question|message|answer|last|first|previous|prompt|ip|horoscope|picture|photo|image|options|next|best|"
    r"screen|chance|chances|purpose|fortune|"
    r"future|location|balance|password|battery|weather|schedule|todo|calendar|taxes|mistake|error|bug|code)\b"
)


def _is_only_statement(text: str) -> bool:
    return all(_read(sentence) or _is_courtesy(sentence) for sentence in _sentences(text))


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
    if fact.thing == "name":
        return f"Nice to meet you, {fact.value}!"
    return f"Noted: {_sentence(fact.thing, fact.value)[0].lower()}{_sentence(fact.thing, fact.value)[1:]}"


def _sentence(thing: str, value: str) -> str:
    if thing in _SENTENCES:
        return _SENTENCES[thing].format(value)
    return f"Your {thing} is {value}."


def _everything(turns: tuple[Turn, ...]) -> str:
    facts: dict[str, str] = {}
    for text in reversed(list(_latest_texts(turns))):
        facts |= {fact.thing: fact.value for fact in _facts_in(text)}
    if not facts:
        return "You haven't told me anything about yourself in this conversation."
    return "You told me: " + " ".join(_sentence(thing, value) for thing, value in facts.items())
