"""The calendar: today, weekdays, days between, leap years, holidays."""

import re
from collections.abc import Callable
from datetime import date, timedelta, tzinfo
from zoneinfo import ZoneInfo

from quintet_llm.skills.calendar_dates import (
    WEEKDAYS,
    DateProblemError,
    add_months,
    days_in_month,
    is_leap,
    month_number,
    read_date,
    read_holiday,
    write_date,
)
from quintet_llm.skills.clock import Now, zone_of
from quintet_llm.skills.numbers import read_amount
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.zones import city_of, find_zone

_DAY_SPAN = {"day": 1, "week": 7, "fortnight": 14}
_MONTH_SPAN = {"month": 1, "year": 12, "decade": 120, "quarter": 3}
_SPAN = r"(?P<count>[\d,]{1,9}|an?|[a-z]+(?:[ -][a-z]+){0,3}?) (?P<unit>day|week|fortnight|month|year|decade)s?"
_WHEN = r"(?P<when>[\w', /.-]{1,40}?)"
_IS = r"(?:'s|s| is| was| will be|'ll be)"

_Answer = Callable[[re.Match[str], date], str | None]


class DatesSkill:
    """Answers questions about days from the proleptic Gregorian calendar."""

    name = "date"

    def __init__(self, now: Now) -> None:
        self._now = now

    def match(self, question: Question) -> Intent | None:
        """Returns the computed answer."""
        text, zone = _elsewhere(question)
        today = self._now().astimezone(zone).date()
        for pattern, answer in _PATTERNS:
            match = pattern.fullmatch(text)
            sentence = _safely(answer, match, today) if match else None
            if sentence:
                there = f"In {city_of(zone)}: " if text != question.text and isinstance(zone, ZoneInfo) else ""
                return say(self.name, CERTAIN, there + sentence)
        return None


def _elsewhere(question: Question) -> tuple[str, tzinfo | None]:
    """Takes `in Tokyo` off `what day is it in Tokyo`; returns the rest with the zone that counts."""
    match = _IN_A_PLACE.fullmatch(question.text)
    zone = find_zone(match["place"]) if match else None
    return (match["rest"], zone) if match and zone else (question.text, zone_of(question))


_IN_A_PLACE = re.compile(
    r"(?P<rest>(?:what|which)(?:'s|s| is)? (?:the )?(?:current )?(?:date|day|weekday|day of the week|year|month)"
    r"(?: is it| today| now| right now)*) in (?P<place>[^\d?]{2,40}?)(?: now| right now| today)?"
)


def _safely(answer: _Answer, match: re.Match[str], today: date) -> str | None:
    try:
        return answer(match, today)
    except DateProblemError as problem:
        return str(problem)
    except (ValueError, OverflowError):
        return "That date is outside of the years 1 to 9999, which is all that my calendar covers."


def _today(_match: re.Match[str], today: date) -> str:
    return f"Today is {write_date(today)}."


def _named_part(match: re.Match[str], today: date) -> str:
    part = match["part"]
    if part == "year":
        return f"It is the year {today.year}."
    return f"It is {today:%B} {today.year}."


def _week_number(_match: re.Match[str], today: date) -> str:
    return f"It is week {today.isocalendar().week} of {today.isocalendar().year} (ISO 8601)."


def _weekday(match: re.Match[str], today: date) -> str | None:
    past = bool(re.search(r"\b(?:was|did|were)\b", match[0]))
    day = read_date(match["when"].replace(" be in ", " in "), today, past=past)
    if day is None:
        return None
    if day == today:
        return f"Today is {write_date(day)}."
    verb = "was" if day < today else "is" if day - today < timedelta(days=2) else "will be"
    if match["when"] in {"tomorrow", "yesterday", "the day after tomorrow", "the day before yesterday"}:
        return f"{match['when'].capitalize()} {verb} {write_date(day)}."
    return f"{day.day} {day:%B} {day.year} {verb} a {day:%A}."


def _is_weekday(match: re.Match[str], today: date) -> str:
    return f"{'Yes' if f'{today:%A}'.casefold() == match['name'] else 'No'}, today is {write_date(today)}."


def _when_is(match: re.Match[str], today: date) -> str | None:
    past = bool(re.search(r"\b(?:was|did)\b", match[0]))
    name = match["when"].removeprefix("the ")
    day = read_holiday(name, today, past=past)
    if day is None:
        return None
    label = re.sub(r"^(?:next|this|last) ", "", re.sub(r" (?:in |of )?\d{4}$", "", name)).title().replace("'S", "'s")
    return f"{label} {'was' if day < today else 'is'} on {write_date(day)}."


def _until(match: re.Match[str], today: date) -> str | None:
    day = read_date(match["when"], today)
    if day is None:
        return None
    if day < today:
        return f"{write_date(day)} is over: it was {_days((today - day).days)} ago."
    unit = match.groupdict().get("unit")
    return (
        f"{_count(day - today, unit)} until {write_date(day)}." if day > today else f"It is today, {write_date(day)}."
    )


def _since(match: re.Match[str], today: date) -> str | None:
    day = read_date(match["when"], today, past=True)
    if day is None:
        return None
    if day > today:
        return f"{write_date(day)} is still to come: it is {_days((day - today).days)} away."
    return f"{_count(today - day, match.groupdict().get('unit'))} since {write_date(day)}."


def _between(match: re.Match[str], today: date) -> str | None:
    first, last = read_date(match["first"], today), read_date(match["last"], today)
    if first is None or last is None:
        return None
    return f"{_count(abs(last - first), match['unit'])} between {write_date(first)} and {write_date(last)}."


def _count(span: timedelta, unit: str | None) -> str:
    if unit and unit.startswith("week"):
        weeks, days = divmod(span.days, 7)
        text = f"{weeks} week{'s' if weeks != 1 else ''}"
        return text + (f" and {_days(days)}" if days else "")
    return _days(span.days)


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _shifted(match: re.Match[str], today: date) -> str | None:
    count = read_amount(match["count"])
    if count is None or count.denominator != 1 or count > 10**6:
        return None
    groups = match.groupdict()
    base = read_date(groups["when"], today) if groups.get("when") else today
    if base is None:
        return None
    direction = -1 if re.search(r"\b(?:ago|before|prior|earlier)\b", match[0]) else 1
    day = _moved(base, direction * int(count), match["unit"])
    verb = "was" if day < today else "will be" if day > today else "is"
    plural = "" if count == 1 else "s"
    where = {-1: "before", 1: "after"}[direction]
    start = "today" if base == today else write_date(base)
    return f"{int(count)} {match['unit']}{plural} {where} {start} {verb} {write_date(day)}."


def _moved(day: date, count: int, unit: str) -> date:
    if unit in _DAY_SPAN:
        return day + timedelta(days=count * _DAY_SPAN[unit])
    return add_months(day, count * _MONTH_SPAN[unit])


def _leap(match: re.Match[str], today: date) -> str:
    named = match.groupdict().get("year")
    year = today.year if not named or named in {"this year", "this", "it"} else int(named)
    year += 1 if named == "next year" else 0
    return f"{year} {'is' if is_leap(year) else 'is not'} a leap year."


def _named_leap(match: re.Match[str], today: date) -> str:
    if match["which"] == "last":
        year = next(year for year in range(today.year - 1, 0, -1) if is_leap(year))
        return f"The last leap year was {year}."
    year = next(year for year in range(today.year + 1, today.year + 9) if is_leap(year))
    return f"The next leap year is {year}."


def _month_length(match: re.Match[str], today: date) -> str | None:
    number = month_number(match["month"])
    if match["month"] == "this month":
        number = today.month
    if number is None:
        return None
    year = int(match["year"] or today.year)
    return f"{date(year, number, 1):%B} {year} has {days_in_month(year, number)} days."


def _year_length(match: re.Match[str], today: date) -> str:
    year = int(match["year"]) if match["year"].isdigit() else today.year
    return f"{year} has {366 if is_leap(year) else 365} days."


def _age(match: re.Match[str], today: date) -> str | None:
    born = read_date(match["when"], today, past=True)
    if born is None or born > today or not re.search(r"\d{4}", match["when"]):
        return None
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return f"Someone born on {write_date(born)} is {years} years old today."


_UNTIL = (
    r"(?:until|till|til|before|to|left until|left till|left to|are left until|are there until|are there till|"
    r"remain until|are left till|away is|away from)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], _Answer], ...] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        (rf"is (?:it|today)(?: a)? (?P<name>{'|'.join(WEEKDAYS)})(?: today)?", _is_weekday),
        (
            r"(?:what|which)(?:'s|s| is)? (?:the )?(?:current )?(?:date|day|weekday)(?: of the week)?(?: is it)?(?: "
            r"it is)?(?: today| now| right now)?"
            r"(?: is it| today is)?",
            _today,
        ),
        (
            r"(?:what(?:'s|s| is) )?(?:today|today's|todays)(?:'s)?(?: the)?(?: date| day)(?: today)?(?: it "
            r"is)?",
            _today,
        ),
        (
            r"(?:what(?:'s|s| is) )?(?:the )?(?:date|day|weekday)(?: of the week)?(?: it)?(?: is)?(?: it)? ?(?:today|"
            r"now)",
            _today,
        ),
        (
            r"(?:the |today's )?(?:current )?date(?: today)?|what (?:today's|the) (?:date|day) is(?: today| now)?|"
            r"what "
            r"date (?:it is|we have)(?: today)?",
            _today,
        ),
        (
            r"what (?:is today|day do we have(?: today)?|day are we(?: on)?)|today is what day|is it \w+day "
            r"today",
            _today,
        ),
        (
            r"(?:what|which)(?:'s|s| is)? (?:the )?(?:current )?(?P<part>year|month)(?: is it| are we in| is "
            r"this)?(?: "
            r"now| today| right now)?",
            _named_part,
        ),
        (
            r"(?:what|which) (?:calendar )?week(?: number)?(?: of the year)? is (?:it|this)(?: now| today)?|"
            r"what(?:'s| "
            r"is) the week number",
            _week_number,
        ),
        (rf"(?:what|which) (?:day(?: of (?:the )?week)?|weekday){_IS} (?:it on |on |it )?{_WHEN}", _weekday),
        (
            rf"(?:what|which) (?:day(?: of (?:the )?week)?|weekday) (?:is|was|will) {_WHEN}(?: be| fall on| on| "
            r"fall)?",
            _weekday,
        ),
        (
            rf"(?:on )?(?:what|which) (?:day(?: of (?:the )?week)?|weekday) (?:did|does|do|will) {_WHEN} (?:fall|"
            r"fall "
            r"on|land on|be|be on)",
            _weekday,
        ),
        (rf"(?:on )?(?:what|which) (?:day(?: of (?:the )?week)?|weekday) (?:is|was|will) {_WHEN}(?: be)?", _weekday),
        (
            r"(?:what(?:'s|s| is| was| will be) )?(?:the )?(?:day(?: of (?:the )?week)?|weekday|date) (?:of|on|for) "
            rf"{_WHEN}",
            _weekday,
        ),
        (
            r"(?:what(?:'s|s| is| was| will be) )?(?P<when>tomorrow|yesterday|the day after tomorrow|the day before "
            r"yesterday)(?:'s|s)? (?:date|day)",
            _weekday,
        ),
        (
            r"(?:what(?:'s|s| is| was| will be) )?(?:the date (?:of )?)?(?P<when>(?:next|last|this|coming) \w{3,6}day)"
            r"(?:(?:'s|s) date)?",
            _weekday,
        ),
        (
            r"what(?:'s|s| is| was| will be) (?P<when>tomorrow|yesterday|the day after tomorrow|the day before "
            r"yesterday)",
            _weekday,
        ),
        (
            r"what(?:'s|s| is| was) (?:the )?(?:date|day) (?P<when>tomorrow|yesterday|the day after tomorrow|next "
            r"\w+day|last \w+day|this \w+day)",
            _weekday,
        ),
        (
            rf"(?:when|what day|what date|on what date|on which date)(?:'s| is| was) {_WHEN}(?: on)?(?: this "
            r"year)?",
            _when_is,
        ),
        (rf"(?:how many )?(?P<unit>days?|weeks?|sleeps?) {_UNTIL} {_WHEN}", _until),
        (rf"how (?:long|far)(?: is it| do i have| have i got| away)? {_UNTIL} {_WHEN}", _until),
        (rf"how (?:far|far away|many days away|long) is {_WHEN}(?: away| from now| from today)?", _until),
        (
            r"(?:how many )?(?P<unit>days?|weeks?) (?:is it |are there |are left |do i have |till |left |remain "
            rf")+(?:until |till |to |before )?{_WHEN}",
            _until,
        ),
        (rf"how many (?P<unit>days|weeks) (?:is it )?from (?:today|now) (?:to|until|till) {_WHEN}", _until),
        (
            r"(?:how many )?(?P<unit>days?|weeks?)(?: is it| has it been| have passed| passed| it has been)?(?: have "
            rf"passed)? since {_WHEN}",
            _since,
        ),
        (rf"how long (?:is it|has it been|ago was)(?: since)? {_WHEN}", _since),
        (
            r"(?:how many )?(?P<unit>days?|weeks?)(?: are there| is it| are)? (?:between|from) "
            r"(?P<first>[\w', -]{1,40}?) (?:and|to|until|till) (?P<last>[\w', -]{1,40})",
            _between,
        ),
        (
            r"(?:(?:what|which)(?:'s|s| is| was| will| will be|'ll be)? )?(?:the )?(?:date |day |weekday |day of the "
            rf"week )?(?:is it |will it be |is |was it |was |be |will be )?(?:it )?(?:in )?{_SPAN} (?:from (?:today|"
            r"now)|ago|later)",
            _shifted,
        ),
        (
            r"(?:what|which)(?:'s|s| is| will be)? (?:the )?(?:date|day|weekday|day of the week) ?(?:is it |will it "
            r"be "
            rf"|will be |is |it is |be )?in {_SPAN}",
            _shifted,
        ),
        (
            r"(?:(?:what|which)(?:'s|s| is| was| will be)? )?(?:the )?(?:date |day |weekday )?(?:is |was |will be "
            rf")?{_SPAN} (?:after|before|from|prior to) {_WHEN}",
            _shifted,
        ),
        (
            r"(?:is|was|will) (?P<year>\d{1,4}|this year|next year|this|it)(?: be)? (?:a )?leap year|is it a leap "
            r"year(?: this year)?",
            _leap,
        ),
        (
            r"(?:when|what|which year)(?:'s| is| was| will be)? (?:the )?(?P<which>next|last|previous) leap year(?: "
            r"be)?",
            _named_leap,
        ),
        (
            r"how many days (?:are there |are |does |has |there are )?(?:in )?(?P<month>[a-z]+|this month)(?: "
            r"of)?(?: "
            r"(?P<year>\d{4}))?(?: have)?",
            _month_length,
        ),
        (
            r"how many days (?:are there |are |does |has |there are )?(?:in )?(?:the year )?(?P<year>\d{4}|this "
            r"year)(?: have)?",
            _year_length,
        ),
        (
            r"how old (?:am i|is someone|would someone be|is a person|would i be|are you)? ?(?:if i was|who was|if "
            rf"they were|if he was|if she was|if)? ?born (?:on |in )?{_WHEN}",
            _age,
        ),
    )
)
