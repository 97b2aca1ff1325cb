"""Dates as people write and say them."""

import re
from collections.abc import Callable
from datetime import date, timedelta

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, start=1)}
_MONTH_NUMBERS |= {name[:3]: number for name, number in _MONTH_NUMBERS.items()} | {"sept": 9}
_WEEKDAY_NUMBERS = {name: number for number, name in enumerate(WEEKDAYS)}
_WEEKDAY_NUMBERS |= {name[:3]: number for name, number in _WEEKDAY_NUMBERS.items()} | {"tues": 1, "thurs": 3, "weds": 2}

_MONTH = "(?P<month>" + "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True)) + r")\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,? (?:of |in )?(?P<year>\d{4}))?"
_WRITTEN = (
    re.compile(rf"(?:the )?{_DAY} (?:of )?{_MONTH}{_YEAR}"),
    re.compile(rf"{_MONTH} (?:the )?{_DAY}{_YEAR}"),
    re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"),
)
_IN_SLASHES = re.compile(r"(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4})")
_WEEKDAY = re.compile(r"(?P<which>next |this |last |on |coming |this coming )?(?P<name>[a-z]+)")


class DateProblemError(Exception):
    """Says in one sentence why a text that looks like a date is none."""


def easter(year: int) -> date:
    """Returns Easter Sunday of the Gregorian calendar."""
    golden, century = year % 19, year // 100
    epact = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    moon = epact - (epact // 28) * (1 - (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + moon + 2 - century + century // 4) % 7
    offset = moon - weekday
    month = 3 + (offset + 40) // 44
    return date(year, month, offset + 28 - 31 * (month // 4))


def _thanksgiving(year: int) -> date:
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


def _fixed(month: int, day: int) -> Callable[[int], date]:
    return lambda year: date(year, month, day)


_HOLIDAYS: dict[str, Callable[[int], date]] = {
    "christmas": _fixed(12, 25),
    "xmas": _fixed(12, 25),
    "christmas day": _fixed(12, 25),
    "christmas eve": _fixed(12, 24),
    "boxing day": _fixed(12, 26),
    "new year": _fixed(1, 1),
    "new years": _fixed(1, 1),
    "new year's": _fixed(1, 1),
    "new year's day": _fixed(1, 1),
    "new years day": _fixed(1, 1),
    "new year's eve": _fixed(12, 31),
    "new years eve": _fixed(12, 31),
    "halloween": _fixed(10, 31),
    "valentine's day": _fixed(2, 14),
    "valentines day": _fixed(2, 14),
    "st patrick's day": _fixed(3, 17),
    "april fools day": _fixed(4, 1),
    "april fools' day": _fixed(4, 1),
    "independence day": _fixed(7, 4),
    "bastille day": _fixed(7, 14),
    "easter": easter,
    "easter sunday": easter,
    "good friday": lambda year: easter(year) - timedelta(days=2),
    "easter monday": lambda year: easter(year) + timedelta(days=1),
    "thanksgiving": _thanksgiving,
    "thanksgiving day": _thanksgiving,
}
_HOLIDAY = re.compile(r"(?P<name>[a-z' ]{3,30}?)(?: (?:in |of )?(?P<year>\d{4}))?")


def read_date(text: str, today: date, *, past: bool = False) -> date | None:
    """Reads a date; one without a year is the next such day, or the last one if `past`. None if it is none.

    Raises:
        DateProblemError: for a day that no calendar has, and for `03/04/2025`, which is read in two ways.
    """
    text = text.strip(" ,.?")
    relative = {"today": 0, "now": 0, "tomorrow": 1, "yesterday": -1, "the day after tomorrow": 2}
    relative |= {"the day before yesterday": -2}
    if text in relative:
        return today + timedelta(days=relative[text])
    return _read_written(text, today, past) or _read_weekday(text, today) or read_holiday(text, today, past=past)


def _read_written(text: str, today: date, past: bool) -> date | None:
    if match := _IN_SLASHES.fullmatch(text):
        return _read_slashes(match)
    for pattern in _WRITTEN:
        if match := pattern.fullmatch(text):
            month = match["month"]
            number = int(month) if month.isdigit() else _MONTH_NUMBERS[month]
            found = _nearest(lambda year: date(year, number, int(match["day"])), match["year"], today, past)  # noqa: B023
            if found is None:
                raise DateProblemError(_impossible(number, int(match["day"]), match["year"]))
            return found
    return None


def _read_slashes(match: re.Match[str]) -> date:
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if match["sign"] == "." or first > 12 or first == second:
        day, month = first, second
    elif second > 12:
        day, month = second, first
    else:
        ways = (
            f"{first} {MONTHS[second - 1].title()} or {second} {MONTHS[first - 1].title()}" if first and second else ""
        )
        raise DateProblemError(f"{match[0]} can mean {ways} {year}; write the month as a word." if ways else _NO_DAY)
    try:
        return date(year, month, day)
    except ValueError:
        raise DateProblemError(_impossible(month, day, match["year"])) from None


_NO_DAY = "That is no date: days and months begin at 1."


def _impossible(month: int, day: int, year: str | None) -> str:
    if not 1 <= month <= 12:
        return f"There is no month {month}."
    name = MONTHS[month - 1].title()
    if year is None or int(year) == 0 or day == 0:
        return f"There is no {day} {name}{f' {year}' if year else ''}."
    return f"There is no {day} {name} {year}: that month has {days_in_month(int(year), month)} days."


def _read_weekday(text: str, today: date) -> date | None:
    match = _WEEKDAY.fullmatch(text)
    number = _WEEKDAY_NUMBERS.get(match["name"]) if match else None
    if match is None or number is None:
        return None
    if match["which"] == "last ":
        return today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)
    return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)


def read_holiday(text: str, today: date, *, past: bool = False) -> date | None:
    """Reads `easter 2027` or `christmas`, None if the text names no holiday that is known here."""
    match = _HOLIDAY.fullmatch(text.removeprefix("the "))
    name = match["name"].removeprefix("next ").removeprefix("this ").removeprefix("last ") if match else ""
    if match is None or name not in _HOLIDAYS:
        return None
    return _nearest(_HOLIDAYS[name], match["year"], today, past)


def _nearest(make: Callable[[int], date], year: str | None, today: date, past: bool) -> date | None:
    # A leap day without a year may be up to eight years away.
    step = -1 if past else 1
    years = [int(year)] if year else [today.year + step * offset for offset in range(9)]
    for candidate in years:
        try:
            day = make(candidate)
        except ValueError:
            continue
        if year or (day < today if past else day >= today):
            return day
    return None


def add_months(day: date, months: int) -> date:
    """Returns the same day of a later or earlier month, or its last day if it is shorter.

    Raises:
        ValueError: outside of the years 1 to 9999.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, days_in_month(year, month)))


def days_in_month(year: int, month: int) -> int:
    """Returns the number of days of a month."""
    following = date(year, month, 28) + timedelta(days=4)
    return (following - timedelta(days=following.day)).day if (year, month) != (9999, 12) else 31


def is_leap(year: int) -> bool:
    """Tells whether a year of the Gregorian calendar has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_number(name: str) -> int | None:
    """Returns 1 to 12 for a month's name or its first three letters."""
    return _MONTH_NUMBERS.get(name)


def write_date(day: date) -> str:
    """Writes a date for a person, for example `Sunday, 4 July 1976`."""
    return f"{day:%A}, {day.day} {day:%B} {day.year}"
