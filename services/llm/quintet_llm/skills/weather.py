"""The weather at a place, now and on the coming days, from a public source."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, timedelta

from quintet_errors import DomainError
from quintet_llm.skills.calendar_dates import WEEKDAYS
from quintet_llm.skills.clock import Now, zone_of
from quintet_llm.skills.open_meteo import CurrentWeather, DayForecast, OpenMeteo, Place
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.stated_facts import stated_home

_WHEN = (
    r"(?: ?,?(?:for |on |be )?(?P<{0}>now|right now|today|tonight|currently|at the moment|outside|like|this morning|"
    r"this afternoon|this evening|tomorrow|tomorrow morning|the day after tomorrow|the next few days|this week|"
    r"(?:this |next |on )?(?:" + "|".join(WEEKDAYS) + r")))?"
)
_NAME = r"(?:in|at|for|of|over in|around|near|like in) (?P<place>[^\d?!:;]{2,60}?)"
_THING = (
    r"(?:weather|forecast|weather forecast|temperature|current weather|current temperature|weather conditions?|"
    r"weather report|"
    r"outside temperature|wind|wind speed|humidity|current conditions)"
)
_SKY = (
    r"(?:rain|raining|rainy|snow|snowing|snowy|sunny|cloudy|windy|hot|cold|warm|foggy|stormy|freezing|storm|going to "
    r"rain|"
    r"going to snow|going to be (?:sunny|hot|cold|warm|cloudy|windy|rainy)|gonna rain|be (?:sunny|hot|cold|warm|"
    r"cloudy|windy|rainy)|nice)"
)
_PATTERNS = tuple(
    re.compile(pattern.replace("WHEN1", _WHEN.format("first")).replace("WHEN2", _WHEN.format("second")))
    for pattern in (
        r"(?:(?:what(?:'s|s| is| will| was)?|how(?:'s|s| is| will)?|check|get|show|current|is) )?(?:the |today's |"
        rf"tomorrow's )?(?:current )?{_THING}(?: (?:going to |gonna )?be)?(?: like| looking| doing| is it)?WHEN1(?: "
        rf"{_NAME})?WHEN2",
        rf"what (?:the )?{_THING} (?:is|will be)(?: like)?WHEN1(?: {_NAME})?WHEN2",
        rf"what(?:'s|s| is| will)? (?:the )?{_THING}(?: going to)?(?: be)?(?: like)?WHEN1(?: {_NAME})?WHEN2",
        rf"(?:what|how) (?:kind of |sort of )?{_THING} (?:do we have|can i expect|should i expect|is expected|is it|"
        rf"does it have)WHEN1(?: {_NAME})?WHEN2",
        rf"(?:what|how) (?:hot|cold|warm|windy|humid) (?:is it|will it be)WHEN1(?: {_NAME})?WHEN2",
        r"how (?:hot|cold|warm|windy|humid) (?:is it|is it going to be|will it be|will it get)WHEN1(?: "
        rf"{_NAME})?WHEN2",
        rf"(?:is|will|does) it (?:be )?(?:currently )?{_SKY}WHEN1(?: {_NAME})?WHEN2",
        rf"(?:do|will|should) i need (?:an umbrella|a jacket|a coat|a raincoat|sunglasses)WHEN1(?: {_NAME})?WHEN2",
        rf"is it {_SKY} or {_SKY}WHEN1(?: {_NAME})?WHEN2",
        rf"(?:what(?:'s|s| is) (?:the )?)?(?P<place>[^\W\d][\w .'-]{{1,40}}?)(?:'s)? {_THING}WHEN1",
        rf"{_THING}:? (?P<place>[^\W\d][\w .,'-]{{1,40}}?)",
    )
)
# Only a bare name may stand before or after the word: "poem about weather" and "weather app" are no places.
_NOT_A_PLACE = re.compile(
    r"\b(?:app|api|station|man|woman|write|poem|story|about|how|why|explain|what|who|code|function|model|balloon|"
    r"body|room|cpu|"
    r"oven|control|space|political|under|cold|hot|bad|good|nice|extreme|severe|song|essay|report|channel|vane|"
    r"changes?|"
    r"prediction|my|your|his|her|this|that|is|are|the|a|an|like|talk|joke|data|science|history|python|java|"
    r"javascript|"
    r"and|or|of|for|earth|sun|moon|mars|venus|jupiter|universe|surface|core|average|rising|global|boiling|melting|"
    r"color|colour|"
    r"movie|film|book|novel|painting|game|scale|conversion|sensor|affect|affects|effect|language|llm|sampling|gpt)\b"
)
_FOLLOW_UP = re.compile(
    r"(?:and|what about|how about|and what about|and how about|now|then)\s+(?:in |for |at "
    r")?(?P<place>[^\d?!:;]{2,60})"
)
_TOMORROWS = re.compile(
    r"(?:tomorrow|the day after tomorrow|today|(?:on |this |next "
    r")?(?:" + "|".join(WEEKDAYS) + r"))"
)
_TIMES_OF_DAY = re.compile(
    r"(?:the )?(?:morning|afternoon|evening|night|day|week|weekend|summer|winter|spring|"
    r"autumn|fall|moment)"
)
_FAHRENHEIT = re.compile(r" in (?:degrees )?(?:fahrenheit|celsius)$")
_HERE = {"here", "my city", "my town", "my area", "my place", "outside", "where i live", "my location", "home"}
_WHERE_I_LIVE = re.compile(r"(?: (?:in|at)(?: the (?:city|town|place))?)? where i(?: live|'m living|'m at| am)\b")
_DEEPEST = 5
_MOST_PLACES = 3
_UNREACHABLE = (
    "I can't get the weather at the moment: the weather service can't be reached, or did not answer properly."
)
_NO_PLACE = "For which place? Ask me, for example, “What's the weather in Paris?”"


@dataclass(frozen=True)
class _Wish:
    """What weather is asked for; `place` is empty for the person's own."""

    place: str
    when: str
    fahrenheit: bool = False


class WeatherSkill:
    """Reports what the source says, and nothing if it says nothing."""

    name = "weather"

    def __init__(self, open_meteo: OpenMeteo, now: Now) -> None:
        self._open_meteo = open_meteo
        self._now = now

    def match(self, question: Question) -> Intent | None:
        """Understands a question for the weather of a place."""
        wish = _read(question, _DEEPEST)
        if wish is None:
            return None
        place = wish.place or stated_home(question.turns)
        if not place:
            return say(self.name, CERTAIN, _NO_PLACE)
        day = _day(wish.when, self._now().astimezone(zone_of(question)).date())
        return Intent(self.name, CERTAIN, lambda: self._answer(place, day, fahrenheit=wish.fahrenheit))

    async def _answer(self, name: str, day: date | None, *, fahrenheit: bool) -> AsyncIterator[str]:
        degrees = _fahrenheit if fahrenheit else _celsius
        try:
            found = await self._places(name)
            reports = [(place, await self._open_meteo.weather(place)) for place in found]
        except DomainError:
            yield _UNREACHABLE
            return
        if not reports:
            yield f"The weather service knows no place called “{name}”."
        for index, (place, weather) in enumerate(reports):
            gap = "\n\n" if index else ""
            if day is None:
                yield gap + _current(place, weather.current, degrees)
            else:
                forecast = next((one for one in weather.days if one.day == day), None)
                yield gap + _forecast(place, day, forecast, degrees)

    async def _places(self, name: str) -> list[Place]:
        """Finds the place of that name, or each of `Paris and Berlin` where there is no such place."""
        for names in dict.fromkeys(((name,), tuple(name.split(" and ")[:_MOST_PLACES]))):
            found = [await self._open_meteo.find(one.strip()) for one in names]
            if places := [place for place in found if place]:
                return places
        return []


def _read(question: Question, depth: int) -> _Wish | None:
    text = _WHERE_I_LIVE.sub(" in where i live", _FAHRENHEIT.sub("", question.text))
    for index, pattern in enumerate(_PATTERNS):
        match = pattern.fullmatch(text)
        if match is None:
            continue
        groups = match.groupdict()
        place = (groups.get("place") or "").strip(" ,'")
        bare = index >= len(_PATTERNS) - 2
        if place and (_NOT_A_PLACE.search(place) if bare else _NOT_A_PLACE.search(_without_article(place))):
            continue
        when = groups.get("first") or groups.get("second") or _possessive(question.text)
        own = place in _HERE or bool(_TIMES_OF_DAY.fullmatch(place))
        return _Wish("" if own else place, when or "", fahrenheit="fahrenheit" in question.text)
    return _follow_up(question, depth)


def _without_article(place: str) -> str:
    return re.sub(r"^the |\b(?:of|and|the|is)\b", "", place)


def _possessive(text: str) -> str:
    return "tomorrow" if "tomorrow's " in text else ""


def _follow_up(question: Question, depth: int) -> _Wish | None:
    """Understands `and in Berlin?` and `and tomorrow?` after a question for the weather."""
    match = _FOLLOW_UP.fullmatch(question.whole)
    if match is None or depth == 0 or question.previous is None:
        return None
    before = _read(question.previous, depth - 1)
    if before is None or (_NOT_A_PLACE.search(match["place"]) and not _TOMORROWS.fullmatch(match["place"])):
        return None
    if _TOMORROWS.fullmatch(match["place"]):
        return _Wish(before.place, match["place"])
    return _Wish(match["place"].strip(" ,'"), before.when)


def _day(when: str, today: date) -> date | None:
    """Returns the day that a forecast is wanted for, None for now."""
    if when.startswith("tomorrow"):
        return today + timedelta(days=1)
    if when == "the day after tomorrow":
        return today + timedelta(days=2)
    weekday = when.rsplit(" ", 1)[-1]
    if weekday in WEEKDAYS:
        return today + timedelta(days=(WEEKDAYS.index(weekday) - today.weekday() - 1) % 7 + 1)
    return None


def _celsius(temperature: float) -> str:
    return f"{temperature:.0f}°C"


def _fahrenheit(temperature: float) -> str:
    return f"{temperature * 9 / 5 + 32:.0f}°F"


def _current(place: Place, weather: CurrentWeather, degrees: Callable[[float], str]) -> str:
    lines = [f"🌤️ Current Weather in {place.name}:", ""]
    if weather.temperature is not None:
        lines.append(f"Temperature: {degrees(weather.temperature)}")
    if weather.condition:
        lines.append(f"Condition: {weather.condition}")
    if weather.humidity is not None:
        lines.append(f"Humidity: {weather.humidity:.0f}%")
    if weather.wind_speed is not None:
        lines.append(f"Wind Speed: {weather.wind_speed:.0f} km/h")
    return "\n".join(lines) if len(lines) > 2 else _UNREACHABLE


def _forecast(place: Place, day: date, forecast: DayForecast | None, degrees: Callable[[float], str]) -> str:
    title = f"{day:%A}, {day.day} {day:%B}"
    if forecast is None:
        return f"The weather service has no forecast for {place.name} on {title}."
    lines = [f"🌤️ Forecast for {place.name} on {title}:", ""]
    if forecast.condition:
        lines.append(f"Condition: {forecast.condition}")
    if forecast.highest is not None and forecast.lowest is not None:
        lines.append(f"Temperature: {degrees(forecast.lowest)} to {degrees(forecast.highest)}")
    if forecast.rain_probability is not None:
        lines.append(f"Chance of Rain: {forecast.rain_probability:.0f}%")
    return "\n".join(lines) if len(lines) > 2 else _UNREACHABLE
