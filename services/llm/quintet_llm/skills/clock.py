"""The time now, here or anywhere."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.stated_facts import stated_home
from quintet_llm.skills.zones import find_zone, has_several_zones, zone_names

Now = Callable[[], datetime]
"""Returns the present moment as an aware datetime."""

_NOW = r"(?: now| right now| just now| currently| at the moment)?"
_HERE = r"(?: here| where i am)?"
_PLACE = r"(?:in|at|for|over in) (?P<place>[^?]{1,60}?)"
_ASKS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:what(?:'s|s| is| was)? )?(?:the )?(?:current |exact |local |present )?time(?: is it| it is| of day is "
        rf"it)?{_NOW}{_HERE}{_NOW}(?: {_PLACE}{_NOW})?",
        rf"what(?:'s|s| is) (?:the )?(?:time|clock){_NOW}(?: {_PLACE})?{_NOW}",
        rf"what time (?:do we|do you|have you|you) (?:have|got){_NOW}",
        r"(?:have you|do you|you) (?:got|have) the time",
        rf"how late is it{_NOW}(?: {_PLACE})?",
        rf"what hour is it{_NOW}(?: {_PLACE})?",
        rf"what(?:'s|s| is) (?P<place>[\w .'-]{{1,40}}?)(?:'s)? (?:local |current )?time{_NOW}",
        rf"(?P<place>[\w .'-]{{1,40}}?)(?:'s)? (?:local |current )?time{_NOW}",
        rf"(?:current )?time {_PLACE}{_NOW}",
        r"what does the clock say",
        r"(?:what(?:'s|s| is) )?(?:the )?(?:current )?(?:time and date|date and time|day and time|time and day)(?: "
        r"now| today)?",
        # The same question in the other languages that Quintet speaks.
        r"qu[eé] hora es(?: ahora)?|quelle heure (?:est[- ]il|il est)|il est quelle heure|wie sp[aä]t ist es|wie "
        r"viel uhr ist es|"
        r"che or[ae] (?:sono|è|e)|que horas s[aã]o|который (?:сейчас )?час|сколько (?:сейчас )?времени|"
        r"(?:今|いま)、?(?:は)?何時(?:ですか)?|지금 ?몇 ?시(?:예요|야|입니까|인가요)?|现在几点(?:了|钟)?|"
        r"كم الساعة(?: الآن)?|(?:अभी )?(?:कितने बजे हैं|समय क्या है|क्या समय (?:है|हुआ है)|टाइम क्या है)|"
        r"(?:ابھی )?(?:کیا وقت (?:ہے|ہوا ہے)|کتنے بجے ہیں)|(?:ตอนนี้)?กี่โมง(?:แล้ว)?|किती वाजले(?: आहेत)?",
    )
)
_TWO_QUESTIONS = re.compile(r" and (?:what|how|when|is|tell|the)\b")
_STRONG = re.compile(r"what(?:'s|s| is)? (?:the )?(?:current |local )?time(?: is it| it is)?(?: now)? in ")
_FOLLOW_UP = re.compile(
    r"(?:and|what about|how about|and what about|and how about|now|then)\s+(?:in |for |at "
    r")?(?P<place>.{2,60})"
)
_ENGLISH = re.compile(r"\b(?:time|clock|hour|late)\b")
_HOME = {"my city", "my town", "my home", "my hometown", "my place", "home", "where i live", "my country"}
_HOME |= {f"the {kind} where i live" for kind in ("city", "town", "place", "country")}
_WHERE_I_LIVE = re.compile(r"(?: in)? where i live\b")
_DEEPEST = 5


class ClockSkill:
    """Tells the time in the person's zone, or in a place that has one."""

    name = "time"

    def __init__(self, now: Now) -> None:
        self._now = now

    def match(self, question: Question) -> Intent | None:
        """Returns the time, or says that the place's zone is unknown."""
        place = asked_place(question, _DEEPEST)
        if place is None:
            return None
        own = place in _HOME
        if own:
            place = stated_home(question.turns).strip(" .")
        if place in {"", "here", "my area", "my time zone"}:
            return say(self.name, CERTAIN, self._here(question))
        if has_several_zones(place):
            return say(self.name, CERTAIN, ask_for_city(place))
        zone = find_zone(place)
        if zone is None:
            sentence = f"I don't know which time zone “{place}” is in; a large city nearby would help me."
            return say(self.name, CERTAIN, sentence) if _STRONG.match(question.text) or own else None
        moment = self._now().astimezone(zone)
        return say(self.name, CERTAIN, f"It is {_written(moment)} in {_title(place)}.")

    def _here(self, question: Question) -> str:
        zone = zone_of(question)
        moment = self._now().astimezone(zone)
        suffix = f" ({zone.key})" if isinstance(zone, ZoneInfo) else f" ({moment.tzname()})"
        if _ENGLISH.search(question.text):
            return f"It is {_written(moment)}{suffix}."
        return f"{moment:%H:%M}{suffix}"


def zone_of(question: Question) -> tzinfo | None:
    """Returns the zone that the person's request names, None for the server's."""
    return ZoneInfo(question.time_zone) if question.time_zone in zone_names() else None


def asked_place(question: Question, depth: int) -> str | None:
    """Returns the place whose time is asked for, empty for here, None if the time is not asked for."""
    if _TWO_QUESTIONS.search(question.text) or question.text in {"what is time", "what's time"}:
        return None
    text = _WHERE_I_LIVE.sub(" in where i live", question.text)
    for pattern in _ASKS:
        if match := pattern.fullmatch(text):
            place = (match.groupdict().get("place") or "").strip()
            if not place or place in _HOME or _is_known(place) or _STRONG.match(question.text):
                return place
    follow_up = _FOLLOW_UP.fullmatch(question.whole)
    if follow_up and depth and _is_known(follow_up["place"]) and question.previous:
        before = asked_place(question.previous, depth - 1)
        return follow_up["place"] if before is not None else None
    return None


def ask_for_city(place: str) -> str:
    """Asks which city of a country with several zones is meant."""
    title = _title(place.casefold())
    return f"There are several time zones in {title}; which city do you mean?"


def _is_known(place: str) -> bool:
    return has_several_zones(place) or find_zone(place) is not None


def _written(moment: datetime) -> str:
    return f"{moment:%H:%M} on {moment:%A}, {moment.day} {moment:%B %Y}"


def _title(place: str) -> str:
    bare = place.removeprefix("the ")
    short = bare in {
        "uk",
        "us",
        "usa",
        "uae",
        "utc",
        "gmt",
        "nyc",
        "la",
        "sf",
        "ist",
        "est",
        "pst",
        "cet",
        "cst",
        "jst",
    }
    article = "the " if bare in {"us", "usa", "uk", "uae"} else ""
    return (
        article + bare.upper()
        if short
        else re.sub(
            r"\b(?!the\b|of\b|de\b|d'|"
            r"in\b)\w",
            lambda letter: letter[0].upper(),
            place,
        )
    )
