"""The person's age and the days until their birthday, from what they stated."""

import re
from datetime import date

from quintet_llm.skills.calendar_dates import DateProblemError, read_date, write_date
from quintet_llm.skills.clock import Now, zone_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.stated_facts import stated

_ASKS_AGE = re.compile(r"how old (?:am i|i am)(?: now| today)?|what(?:'s| is) my age(?: now)?")
_ASKS_DAYS = re.compile(
    r"(?:how many )?days (?:are there |are left |left |is it )?(?:until|till|to|before) my (?:next )?birthday|"
    r"how long (?:is it )?(?:until|till|to) my (?:next )?birthday|how far away is my (?:next )?birthday"
)
_YEAR = re.compile(r"\b\d{4}\b")
_YEAR_AT_END = re.compile(r"(?:,? (?:of |in )?)\d{4}$")


class PersonalDatesSkill:
    """Computes with the birthday that the person stated; without one it leaves the question to others."""

    name = "stated-facts"

    def __init__(self, now: Now) -> None:
        self._now = now

    def match(self, question: Question) -> Intent | None:
        """Returns the age, or the days until the birthday."""
        asks_age = bool(_ASKS_AGE.fullmatch(question.text))
        if not asks_age and not _ASKS_DAYS.fullmatch(question.text):
            return None
        if asks_age and stated(question.turns, "age"):
            return None
        birthday = (stated(question.turns, "birthday") or "").casefold()
        if not birthday:
            return None if asks_age else say(self.name, CERTAIN, "I found no statement of your birthday here.")
        today = self._now().astimezone(zone_of(question)).date()
        try:
            sentence = _age(birthday, today) if asks_age else _days(birthday, today)
        except DateProblemError as problem:
            return say(self.name, CERTAIN, str(problem))
        return say(self.name, CERTAIN, sentence) if sentence else None


def _age(birthday: str, today: date) -> str:
    born = read_date(birthday, today, past=True) if _YEAR.search(birthday) else None
    if born is None:
        return f"You told me that your birthday is {birthday.title()}, from which I can't compute your age."
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return f"You are {years} years old: you told me that you were born on {write_date(born)}."


def _days(birthday: str, today: date) -> str | None:
    following = read_date(_YEAR_AT_END.sub("", birthday), today)
    if following is None:
        return None
    if following == today:
        return f"Your birthday is today, {write_date(today)}."
    days = (following - today).days
    return f"{days} day{'' if days == 1 else 's'} until your birthday on {write_date(following)}."
