"""What the answer to a question must look like: an amount, a number, a time, a name, a place, a reason."""

import re
from dataclasses import dataclass

_COUNTED = (
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|hundred|"
    r"thousand|million|half|quarter|dozen|once|twice|every|each|daily|weekly|monthly|zwei|drei|vier|sechs|zehn)\b"
)
_NUMBER = re.compile(_COUNTED, re.IGNORECASE)
_MONEY = re.compile(
    r"[€$£¥]|\b(?:EUR|USD|GBP|CHF|euros?|dollars?|pounds?|francs?|shillings?|pence|cents?|crowns?)\b|\bfree\b",
    re.IGNORECASE,
)
_WEIGHT = re.compile(r"(?:\d|\b[a-z]+)\s?(?:kg|g|t|lbs?|pounds?|tons?|tonnes?|grams?|kilos?)\b|\bweigh", re.IGNORECASE)
_AGE = re.compile(r"\byears?\b|\bborn\b|\baged?\b|\bmonths old\b", re.IGNORECASE)
_TIME = re.compile(
    _COUNTED + r"|\b(?:first|second|third|fourth|fifth|last|morning|noon|evening|night|dawn|sunset|until|before|after|"
    r"when|january|february|march|april|june|july|august|september|october|november|december|\w+days?|spring|summer|"
    r"autumn|winter|easter|Uhr|montag|dienstag|mittwoch|donnerstag|freitag)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+|^[A-Z][a-z]+ [A-Z][a-z]+")
_PLACE = re.compile(r"\b(?:in|at|on|near|from|under|beside|behind|between|north|south|east|west)\b", re.IGNORECASE)
_CAUSE = re.compile(r"\b(?:because|since|for|so that|in order|prevents?|reason|due|therefore|so)\b", re.IGNORECASE)
_DEED = re.compile(r"`|^\d+[.)] |^(?!The|This|There|It|An?\b)[A-Z][a-z]+ (?:the|a|an|it|your|with|up|out)\b")
_MEASURES = r"price|cost|size|number|temperature|percentage|age|height|length|rate|weight|port|maximum|minimum|limit"


@dataclass(frozen=True)
class AnswerForm:
    """`needed` forms are in every right answer; the others are only likelier."""

    form: re.Pattern[str]
    needed: bool


_FORMS = (
    (r"\bhow (?:much|high) (?:is|are|was|does|do|did)\b.*\b(?:cost|price|rent|fee|salary|pay)\b", _MONEY, True),
    (r"\bhow much (?:is|are|was) (?!\w+ed\b)|\bhow much (?:do|does|did) .*\bcosts?\b|\bhow expensive\b", _NUMBER, True),
    (r"\bhow heavy\b|\bhow much .*\bweighs?\b|\bwhat .*\bweight\b", _WEIGHT, True),
    (r"\bhow old\b", _AGE, True),
    (r"\bhow (?:many|much|long|far|tall|high|often|big|deep|fast|wide|large)\b", _NUMBER, True),
    (rf"\bwhat (?:\w+ ){{0,4}}(?:{_MEASURES})\b", _NUMBER, True),
    (r"\bwhen\b|\b(?:what|which) (?:year|day|date|time)\b|\bwann\b", _TIME, True),
    (r"\bwho\b|\bwhom\b|\bwhose\b", _PERSON, True),
    (r"\bwhere\b", _PLACE, False),
    (r"\bwhy\b", _CAUSE, False),
    (r"\bhow (?:do|can|should|to)\b", _DEED, False),
)
_COMPILED = tuple((re.compile(asks, re.IGNORECASE), AnswerForm(form, needed)) for asks, form, needed in _FORMS)
_COUNTS = re.compile(r"\bhow many (\w+(?: \w+)?)", re.IGNORECASE)
_KINDS_OF_THINGS = (
    ("part-time", "full-time"),
    ("minimum", "maximum"),
    ("indoor", "outdoor"),
)
_OPPOSITES = (
    *_KINDS_OF_THINGS,
    ("least", "most"),
    ("open", "close"),
    ("before", "after"),
    ("increase", "decrease"),
    ("staging", "production"),
    ("buy", "sell"),
    ("allowed", "forbidden"),
)
_HOW_TO = re.compile(r"\bhow (?:do|can|could|should|to)\b", re.IGNORECASE)
_FORBIDS = re.compile(r"\b(?:never|must not|mustn't|may not|cannot|can't)\b", re.IGNORECASE)
_WHERE_IS = re.compile(r"\bwhere(?:'s| is| are| was| were) (?:the |our |my |your )?(.+?)[?.! ]*$", re.IGNORECASE)
_WITHIN = re.compile(r"\b(?:in|at|near|from|to|of)\b(?: [^\s;]+){0,6}", re.IGNORECASE)


def form_of(text: str) -> AnswerForm | None:
    """Returns what an answer to the question must look like, None if anything may do."""
    return next((form for asks, form in _COMPILED if asks.search(text)), None)


def counted_in(question: str) -> str:
    """Returns the words that name what a question wants to have counted, empty if it counts nothing."""
    found = _COUNTS.search(question)
    return found[1] if found else ""


def concerns_another(question: str, passage: str) -> bool:
    """Tells whether a passage knows only the other kind of what is asked about."""
    asked, said = question.casefold(), passage.casefold()
    return any(
        one in asked and other not in asked and other in said and one not in said
        for pair in _KINDS_OF_THINGS
        for one, other in (pair, pair[::-1])
    )


def contradicts(question: str, sentence: str) -> bool:
    """Tells whether a sentence can not be the answer.

    It speaks of the opposite, forbids what is to be done, or places something else where the thing asked for is.
    """
    asked, said = question.casefold(), sentence.casefold()
    for pair in _OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if one in asked and other not in asked and other in said and one not in said:
                return True
    if _HOW_TO.search(asked) and _FORBIDS.search(said) and not _FORBIDS.search(asked):
        return True
    where = _WHERE_IS.search(asked)
    return where is not None and where[1] in said and where[1] not in _WITHIN.sub(" ", said)
