"""Times of day: one place's in another, the difference between two places, and the time left today."""

import re
from datetime import timedelta

from quintet_llm.skills.clock import Now, ask_for_city, zone_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.zones import find_zone, has_several_zones

_PLACE = r"[^\d?!:;]{2,40}?"
_DIFFERENCE = re.compile(
    rf"(?:what(?:'s|s| is) )?(?:the )?time difference (?:between|from) (?P<first>{_PLACE}) (?:and|to) "
    rf"(?P<second>{_PLACE})|"
    rf"how many hours (?:ahead of|behind) (?P<behind>{_PLACE}) is (?P<other>{_PLACE})"
)
_ELSEWHERE = re.compile(
    r"(?:what(?:'s|s| is| time is) |convert |when is )?(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))? ?"
    rf"(?P<half>am|pm|a\.m|p\.m|o'clock)?\.? (?:in |at )?(?P<first>{_PLACE})(?: time)? (?:in|to|for|into) "
    rf"(?P<second>{_PLACE})(?: time)?"
)
_MIDNIGHT = re.compile(
    r"(?:how many |how much )?(?:hours|minutes|time)(?: is it| are there| is there| are left| is left| left)* "
    r"(?:until|till|to|before) (?P<what>midnight|noon)|how long (?:is it )?(?:until|till|to) (?P<other>midnight|noon)"
)


class ClockTimesSkill:
    """Computes with times of day from the zone database; the offsets are those of today."""

    name = "time"

    def __init__(self, now: Now) -> None:
        self._now = now

    def match(self, question: Question) -> Intent | None:
        """Returns the computed time or difference, or asks for a city."""
        sentence = self._difference(question) or self._elsewhere(question) or self._remaining(question)
        return say(self.name, CERTAIN, sentence) if sentence else None

    def _difference(self, question: Question) -> str | None:
        match = _DIFFERENCE.fullmatch(question.text)
        if match is None:
            return None
        first, second = (match["first"] or match["behind"]).strip(), (match["second"] or match["other"]).strip()
        zones = find_zone(first), find_zone(second)
        if zones[0] is None or zones[1] is None:
            return _which(first if zones[0] is None else second)
        now = self._now()
        offsets = [now.astimezone(zone).utcoffset() or timedelta() for zone in zones]
        ahead = offsets[1] - offsets[0]
        if not ahead:
            return f"{first.title()} and {second.title()} have the same time at present."
        word = "ahead of" if ahead > timedelta() else "behind"
        return f"{second.title()} is {_span(abs(ahead))} {word} {first.title()} at present."

    def _elsewhere(self, question: Question) -> str | None:
        match = _ELSEWHERE.fullmatch(question.text)
        clock = _read_clock(match) if match else None
        if match is None or clock is None:
            return None
        first, second = match["first"].strip(), match["second"].strip()
        zones = find_zone(first), find_zone(second)
        if zones == (None, None):
            return None
        if zones[0] is None or zones[1] is None:
            return _which(first if zones[0] is None else second)
        there = self._now().astimezone(zones[0]).replace(hour=clock[0], minute=clock[1], second=0, microsecond=0)
        here = there.astimezone(zones[1])
        shift = (here.date() - there.date()).days
        day = {1: " the next day", -1: " the day before"}.get(shift, "")
        return f"{there:%H:%M} in {first.title()} is {here:%H:%M}{day} in {second.title()}."

    def _remaining(self, question: Question) -> str | None:
        match = _MIDNIGHT.fullmatch(question.text)
        if match is None:
            return None
        now = self._now().astimezone(zone_of(question))
        goal = match["what"] or match["other"]
        end = now.replace(hour=12 if goal == "noon" else 0, minute=0, second=0, microsecond=0)
        if end <= now:
            end += timedelta(days=1)
        left = timedelta(minutes=-(-(end.timestamp() - now.timestamp()) // 60))
        return f"{_span(left)} until {goal}; it is {now:%H:%M}."


def _read_clock(match: re.Match[str]) -> tuple[int, int] | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = (match["half"] or "").replace(".", "")
    if half in {"am", "pm"}:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif not half and match["minute"] is None:
        return None
    return (hour, minute) if hour < 24 and minute < 60 else None


def _which(place: str) -> str:
    if has_several_zones(place):
        return ask_for_city(place)
    return f"I don't know which time zone “{place}” is in; a large city nearby would help me."


def _span(span: timedelta) -> str:
    hours, minutes = divmod(round(span.total_seconds()) // 60, 60)
    counts = ((hours, "hour"), (minutes, "minute"))
    return " and ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in counts if count)
