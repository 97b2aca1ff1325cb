"""Questions of what something is, which only a sentence that says so answers."""

import re

_ASKS = (
    re.compile(
        r"(?:what|who)(?:'s| is| are| was| were) (?!the\b|my\b|your\b|our\b|this\b|that\b|it\b|there\b|in\b|on\b|up\b)"
        r"(?P<article>an? )?(?P<term>[^?]+?)(?: in [\w ]+)?",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:please )?(?:define|explain) (?P<article>an? )?(?P<term>[^?]+?)(?: (?:in|to) [\w ]+)?", re.IGNORECASE
    ),
    re.compile(r"what do(?:es)? (?P<article>an? )?(?P<term>[^?]+?) (?:mean|stand for)", re.IGNORECASE),
    re.compile(r"how do(?:es)? (?P<article>an? )?(?P<term>(?!i\b|we\b|you\b|one\b)[^?]+?) work", re.IGNORECASE),
)
_MOST_WORDS = 4
_JOINED = re.compile(r"\b(?:of|for|by|with|from|at|on|to|allowed|supported|accepted|needed|used|sent)\b", re.IGNORECASE)
_SAYS = r"(?:means?\b|stands? for\b|refers? to\b|denotes?\b|describes?\b|{copula})"
_COPULA = r"(?:is|are|was|were) (?=an?\b|the\b|any\b|one\b|our\b|what\b|where\b|whoever\b|[\d`\"]|(?-i:[A-Z]))"
_NAME = re.compile(r"[A-Z][\w'-]+(?: [A-Z][\w'-]+)+")


class Definition:
    """What a question wants to have defined."""

    def __init__(self, term: str, article: str, *, is_person: bool) -> None:
        self.term = term
        self._article = article
        self._is_person = is_person
        plural = "" if re.search(r"\W$", term) else "(?:s|es)?"
        says = _SAYS.format(copula=_COPULA)
        self._says = re.compile(
            rf"(?:^|[:;.] )(?:an? |the )?[\"`]?{re.escape(term)}{plural}[\"`]? {says}", re.IGNORECASE
        )

    def is_given_by(self, sentence: str, heading: str) -> bool:
        """Tells whether a sentence says what the term is; `heading` stands right above it if it is the first one."""
        if self._is_person and _NAME.fullmatch(self.term):
            return self.term in sentence
        named = not self._article and self.term[:1].isupper() and heading.casefold() == self.term.casefold()
        return named or bool(self._says.search(sentence))


def definition_asked(text: str) -> Definition | None:
    """Returns what a question wants to have defined, None if it asks for something else."""
    plain = " ".join(text.replace("’", "'").split()).rstrip("?!. ")
    for asks in _ASKS:
        found = asks.fullmatch(plain)
        if found and len(found["term"].split()) <= _MOST_WORDS and not _JOINED.search(found["term"]):
            # "What does error E17 mean?" is answered by "E17 means ...".
            term = re.sub(
                r"^(?:error|alert|code|status|term|word|abbreviation) (?=\S)", "", found["term"].strip("\"'` ")
            )
            return Definition(term, found["article"] or "", is_person=plain.casefold().startswith("who"))
    return None
