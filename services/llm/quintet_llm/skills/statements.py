"""What a person's sentences state about themselves, and what they take back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from quintet_llm.skills.numbers import read_amount
from quintet_llm.skills.question import even

LONGEST_STATEMENT = 2000
_SENTENCE = re.compile(r"[.!?。！？\n]+(?:\s+|$)|;\s+")
_VALUE = r"(?P<value>[^?!;]{1,80}?)"
_TAIL = (
    r"(?:,? (?:by the way|btw|and i .{1,80}|but .{1,80}|now|these days|at the moment|nice to meet you|please "
    r"remember (?:that|this|it)))?"
)
_LEAD = (
    r"(?:(?:hi|hello|hey|hi there|hello there|good (?:morning|afternoon|evening|day)|greetings|"
    r"by the way|btw|actually|well|no|oh|also|and|ok|okay|so|just so you "
    r"know|fyi|for the record|"
    r"remember(?: that)?|please remember(?: that)?|note that|i told you|sorry|correction|now)[, ]+){0,3}"
)
_THING = r"(?P<thing>[a-z][a-z' -]{1,40}?)"


@dataclass(frozen=True)
class Fact:
    """Something that the person stated: `my <thing> is <value>`; not `denied` is what holds.

    A denied fact takes back the same value, or every value if it has none.
    """

    thing: str
    value: str
    denied: bool = False


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
        (r"i was born (?:on|in) (?P<value>[a-z0-9 ,./-]*\d{4})", "birthday"),
        (rf"i was born in {_VALUE}", "birthplace"),
        (r"i(?:'m| am) (?P<value>\d{1,3})(?: years old| years of age| yrs old)?", "age"),
        (rf"i (?:now )?work as {_VALUE}", "job"),
        (r"i(?:'m| am) (?P<value>an? (?:[a-z]+ ){0,2}(?:teacher|doctor|nurse|engineer|developer|programmer|"
         r"student|lawyer|artist|"
         r"writer|designer|chef|cook|driver|farmer|scientist|pilot|musician|journalist|carpenter|plumber|electrician|"
         r"architect|"
         r"accountant|dentist|baker|photographer|translator|librarian|mechanic|gardener|researcher|manager))", "job"),
        (rf"i (?:now )?work (?:at|for) {_VALUE}", "employer"),
        (rf"i have an? (?P<pet>dog|cat|bird|horse|parrot|hamster|rabbit|fish|sister|brother|son|daughter|friend) "
         rf"(?:named|called|whose name is) {_VALUE}", ""),
    )
)  # fmt: skip
PETS = r"(?:dogs|cats|birds|horses|parrots|hamsters|rabbits|fish|sisters|brothers|sons|daughters|kids|children|friends)"
_HAVE_SOME = re.compile(
    rf"{_LEAD}i (?:have|'ve got|have got|own) (?P<count>\d{{1,3}}|[a-z]{{2,12}}) (?P<thing>{PETS})"
    rf"(?:(?:,|:| -)? (?:(?:named|called|they are|their names are|whose names are) )?(?P<value>[^?!;]{{2,80}}?))?"
)
_WORK_AS_AT = re.compile(rf"(?P<lead>{_LEAD}i (?:now )?work) (?P<job>as .{{2,60}}?) (?P<place>(?:at|for) .{{2,60}})")
# "I'm Maria" is a name only with a capital, and only where nothing goes on that would make it something else.
_I_AM_NAME = re.compile(
    r"(?:[A-Za-z ]{2,14}[,!.]? )?(?:I'm|I am|i'm|i am) "
    r"(?P<name>[A-Z][a-zà-öø-ÿ]+(?:['-][A-Z]?[a-zà-öø-ÿ]+)?)"
    r"(?:$|\.$|!$|,.*)"
)
_NOT_A_NAME = re.compile(
    r"(?:afghan|african|albanian|american|arab|argentinian|asian|australian|austrian|bangladeshi|belgian|"
    r"brazilian|british|bulgarian|canadian|catholic|chilean|chinese|christian|colombian|croatian|czech|"
    r"danish|dutch|egyptian|english|estonian|ethiopian|european|filipino|finnish|french|german|greek|hindu|"
    r"hungarian|icelandic|indian|indonesian|iranian|iraqi|irish|israeli|italian|jamaican|japanese|jewish|"
    r"kenyan|korean|latvian|lebanese|lithuanian|malaysian|mexican|moroccan|muslim|nepali|nigerian|"
    r"norwegian|pakistani|peruvian|polish|portuguese|protestant|romanian|russian|scottish|serbian|slovak|"
    r"spanish|swedish|swiss|syrian|thai|turkish|ukrainian|vietnamese|welsh|buddhist|sad|happy|tired|hungry|"
    r"fine|good|great|okay|ok|sorry|lost|bored|ready|here|back|busy|sick|ill|late|new|sure|single|married|"
    r"free|happy|angry|afraid|cold|hot|thirsty|alone|old|young|well|awake|home|not|so|very|just|also|vegan|"
    r"vegetarian|aware|glad|done|confused|excited|stuck|curious|interested)"
)
_DENIALS = tuple(
    (re.compile(_LEAD + pattern + _TAIL), thing)
    for pattern, thing in (
        (rf"i(?:'m| am) (?:not|no longer) (?:called |named )?{_VALUE}", "name"),
        (rf"my name(?: isn't|'s not| is not| is no longer) {_VALUE}", "name"),
        (rf"i (?:don't|do not|no longer) (?:live|reside|stay) (?:in|at|near) {_VALUE}(?: any ?more| any longer)?",
         "home"),
        (rf"i (?:don't|do not|no longer) work (?:at|for) {_VALUE}(?: any ?more| any longer)?", "employer"),
        (rf"i (?:don't|do not|no longer) work as {_VALUE}(?: any ?more| any longer)?", "job"),
        (rf"i(?:'m| am) (?:not|no longer) from {_VALUE}", "origin"),
        (rf"my {_THING} (?:isn't|is not|is no longer|aren't|are not|wasn't|was not) {_VALUE}(?: any ?more)?", ""),
        (r"(?:please )?forget (?:about )?(?:where i live|my (?:home|address|city))", "home"),
        (r"(?:please )?forget (?:about )?how old i am", "age"),
        (rf"(?:please )?forget (?:about )?my {_THING}", ""),
    )
)  # fmt: skip
_FORGET_ALL = re.compile(
    r"(?:please )?forget (?:everything|all|what|whatever)(?: that)?(?: i(?:'ve| have)? (?:told|said)(?: you| to you)?)?"
    r"(?: you know)?(?: about me(?: myself)?)?"
)
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
_WHOLE_THINGS = dict.fromkeys(
    ("number", "phone", "telephone", "telephone number", "mobile number", "cell number", "mobile"), "phone number"
) | {"birth date": "birthday", "date of birth": "birthday", "birthdate": "birthday"}
EVERYTHING = "everything"
"""The thing of a denial that takes back all facts."""
# "What was my first question?" is about the conversation, "what is my IP address" about the machine.
NOT_STATED_THINGS = re.compile(
    r"\b(?:question|message|answer|last|first|previous|prompt|ip|horoscope|picture|photo|image|options|next|best|"
    r"screen|chance|chances|purpose|fortune|"
    r"future|location|balance|password|battery|weather|schedule|todo|calendar|taxes|mistake|error|bug|code)\b"
)


def facts_in(text: str) -> Iterator[Fact]:
    """Yields what a message states, in its order."""
    for sentence in sentences_of(text):
        yield from read_sentence(sentence)


def sentences_of(text: str) -> list[str]:
    """Splits a message where each part may be a statement of its own."""
    return [
        part.strip()
        for sentence in _SENTENCE.split(text[:LONGEST_STATEMENT])
        for part in re.split(r"\s+and (?=(?:i|my|I|My)\b)|,\s+(?=(?:i|my|I|My)\b)", sentence)
        if part.strip()
    ]


def read_sentence(sentence: str) -> list[Fact]:
    """Reads one sentence as statements; `value` keeps the person's own letters."""
    if len(sentence) > 200 or "?" in sentence:
        return []
    low = even(sentence)
    plain = sentence.replace("’", "'")
    if denied := _read_denial(low, plain):
        return [denied]
    if both := _WORK_AS_AT.fullmatch(low):
        parts = (f"{both['lead']} {both[part]}" for part in ("job", "place"))
        return [fact for part in parts if (fact := _read_statement(part, plain))]
    if some := _HAVE_SOME.fullmatch(low):
        return _read_some(some, plain)
    fact = _read_statement(low, plain) or _read_name(plain)
    return [fact] if fact else []


def _read_denial(low: str, plain: str) -> Fact | None:
    if _FORGET_ALL.fullmatch(low):
        return Fact(EVERYTHING, "", denied=True)
    for pattern, thing in _DENIALS:
        if match := pattern.fullmatch(low):
            groups = match.groupdict()
            name = thing or normal_thing(groups["thing"])
            if not groups.get("value"):
                return None if NOT_STATED_THINGS.search(name) else Fact(name, "", denied=True)
            fact = _fact(name, groups["value"], plain)
            # "I'm not hungry" denies no name: only a capital makes it one.
            if fact is None or NOT_STATED_THINGS.search(name) or (name == "name" and not fact.value[0].isupper()):
                return None
            return replace(fact, denied=True)
    return None


def _read_some(match: re.Match[str], plain: str) -> list[Fact]:
    """Reads `two dogs, Rex and Bruno`."""
    number = _fact(f"number of {match['thing']}", match["count"], plain)
    named = _fact(match["thing"], match["value"], plain) if match["value"] else None
    return [fact for fact in (number, named) if fact] if read_amount(match["count"]) is not None else []


def _read_name(plain: str) -> Fact | None:
    match = _I_AM_NAME.fullmatch(" ".join(plain.split()))
    if match is None or _NOT_A_NAME.fullmatch(match["name"].casefold()):
        return None
    return Fact("name", match["name"])


def _read_statement(low: str, plain: str) -> Fact | None:
    for pattern, thing in _STATEMENTS:
        if match := pattern.fullmatch(low):
            return _fact(thing or f"{match['pet']}'s name", match["value"], plain)
    if match := _MY_THING.fullmatch(low):
        return _fact(normal_thing(match["thing"]), match["value"].removeprefix("on "), plain)
    if match := _VERB_LIKES.fullmatch(low):
        return _fact(match["verb"], match["value"], plain)
    return None


def _fact(thing: str, value: str, sentence: str) -> Fact | None:
    value = value.strip(" ,")
    if not value or _NO_FACT.search(value) or (thing == "name" and _NOT_NAMES.search(value)):
        return None
    start = " ".join(sentence.split()).casefold().rfind(value)
    spoken = " ".join(sentence.split())[start : start + len(value)] if start >= 0 else value
    return Fact(thing, spoken)


PLURAL = re.compile(rf"{PETS}\b")


def normal_thing(thing: str) -> str:
    """Returns the one name of a thing that has several."""
    thing = re.sub(r"(?:'s?)? names?$", "", thing) if PLURAL.match(thing) else thing
    words = " ".join(_SAME_THINGS.get(word, word) for word in thing.split())
    words = _WHOLE_THINGS.get(words, words)
    return _SAME_THINGS.get(words, words)
