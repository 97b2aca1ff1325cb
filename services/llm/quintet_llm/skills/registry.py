"""Which skills there are, the more exact ones first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from quintet_llm.skills.arithmetic import ArithmeticSkill
from quintet_llm.skills.capabilities import CapabilitiesSkill
from quintet_llm.skills.clock import ClockSkill
from quintet_llm.skills.clock_times import ClockTimesSkill
from quintet_llm.skills.dates import DatesSkill
from quintet_llm.skills.documents import DocumentsSkill
from quintet_llm.skills.greeting import GreetingSkill
from quintet_llm.skills.guide.skill import GuideSkill
from quintet_llm.skills.open_meteo import OpenMeteo
from quintet_llm.skills.personal_dates import PersonalDatesSkill
from quintet_llm.skills.picture import PictureSkill
from quintet_llm.skills.recall import RecallSkill
from quintet_llm.skills.remote import JsonSource
from quintet_llm.skills.shares import SharesSkill
from quintet_llm.skills.skill import Skill
from quintet_llm.skills.stated_facts import StatedFactsSkill
from quintet_llm.skills.statement import StatementSkill
from quintet_llm.skills.unanswerable import DEFAULT_REMEDY
from quintet_llm.skills.units import UnitsSkill
from quintet_llm.skills.weather import WeatherSkill
from quintet_llm.skills.yahoo_chart import YahooChart

_KEEP_WEATHER_S = 300.0
_KEEP_PRICES_S = 30.0


def present_moment() -> datetime:
    """Returns the present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class SkillOptions:
    """Where the skills look things up; `now` returns an aware datetime."""

    geocoding_url: str = "https://geocoding-api.open-meteo.com"
    forecast_url: str = "https://api.open-meteo.com"
    shares_url: str = "https://query1.finance.yahoo.com"
    remedy: str = DEFAULT_REMEDY
    now: Callable[[], datetime] = present_moment


def build_skills(options: SkillOptions, client: httpx.AsyncClient) -> tuple[Skill, ...]:
    """Builds every skill and loads what their first answers need; takes about half a second."""
    units = UnitsSkill()
    units.warm_up()
    weather = OpenMeteo(JsonSource(client, _KEEP_WEATHER_S), options.geocoding_url, options.forecast_url)
    return (
        GuideSkill(),
        GreetingSkill(),
        CapabilitiesSkill(),
        RecallSkill(),
        ArithmeticSkill(),
        ClockSkill(options.now),
        ClockTimesSkill(options.now),
        DatesSkill(options.now),
        PersonalDatesSkill(options.now),
        units,
        WeatherSkill(weather, options.now),
        SharesSkill(YahooChart(JsonSource(client, _KEEP_PRICES_S), options.shares_url)),
        StatedFactsSkill(),
        PictureSkill(),
        DocumentsSkill(),
        StatementSkill(),
    )
