"""Places and weather from Open-Meteo's public API."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_llm.skills.remote import JsonSource

_CURRENT = "temperature_2m,relative_humidity_2m,weather_code,wind_speed_10m"
_DAILY = "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max"
_DAYS = 8

_CONDITIONS = {
    0: "Clear sky", 1: "Mainly clear", 2: "Partly cloudy", 3: "Overcast", 45: "Fog", 48: "Freezing fog",
    51: "Light drizzle", 53: "Drizzle", 55: "Heavy drizzle", 56: "Light freezing drizzle", 57: "Freezing drizzle",
    61: "Light rain", 63: "Rain", 65: "Heavy rain", 66: "Light freezing rain", 67: "Freezing rain",
    71: "Light snow", 73: "Snow", 75: "Heavy snow", 77: "Snow grains", 80: "Light showers", 81: "Showers",
    82: "Violent showers", 85: "Light snow showers", 86: "Snow showers", 95: "Thunderstorm",
    96: "Thunderstorm with light hail", 99: "Thunderstorm with hail",
}  # fmt: skip
"""Meaning of the WMO codes that the source uses."""


@dataclass(frozen=True)
class Place:
    """A place on the map, in degrees."""

    name: str
    country: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class CurrentWeather:
    """Measured now; None is what the source did not tell. Celsius, percent, km/h."""

    temperature: float | None
    condition: str
    humidity: float | None
    wind_speed: float | None


@dataclass(frozen=True)
class DayForecast:
    """Expected for one day; None is what the source did not tell. Celsius and percent."""

    day: date
    condition: str
    highest: float | None
    lowest: float | None
    rain_probability: float | None


@dataclass(frozen=True)
class Weather:
    """The weather at a place, now and on the coming days."""

    current: CurrentWeather
    days: tuple[DayForecast, ...]


class OpenMeteo:
    """Asks the geocoding and the forecast API."""

    def __init__(self, source: JsonSource, geocoding_url: str, forecast_url: str) -> None:
        self._source = source
        self._geocoding_url = geocoding_url.rstrip("/")
        self._forecast_url = forecast_url.rstrip("/")

    async def find(self, name: str) -> Place | None:
        """Finds the best known place of that name, None if there is none.

        Raises:
            DomainError: SOURCE_UNREACHABLE.
        """
        for candidate in dict.fromkeys((name, name.split(",", 1)[0].strip())):
            params = {"name": candidate, "count": "1", "language": "en", "format": "json"}
            found = await self._source.get(f"{self._geocoding_url}/v1/search", params)
            results = found.get("results") or []
            if results:
                return _read_place(results)
        return None

    async def weather(self, place: Place) -> Weather:
        """Returns the weather of a place.

        Raises:
            DomainError: SOURCE_UNREACHABLE.
        """
        params = {
            "latitude": f"{place.latitude:.4f}",
            "longitude": f"{place.longitude:.4f}",
            "current": _CURRENT,
            "daily": _DAILY,
            "timezone": "auto",
            "forecast_days": str(_DAYS),
        }
        found = await self._source.get(f"{self._forecast_url}/v1/forecast", params)
        try:
            return Weather(_read_current(found["current"]), _read_days(found.get("daily") or {}))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _not_understood() from error


def _read_place(results: Any) -> Place:
    try:
        first = results[0]
        return Place(
            str(first["name"]), str(first.get("country") or ""), float(first["latitude"]), float(first["longitude"])
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise _not_understood() from error


def _read_current(current: dict[str, Any]) -> CurrentWeather:
    return CurrentWeather(
        _number(current.get("temperature_2m")),
        _CONDITIONS.get(int(current["weather_code"]), "") if current.get("weather_code") is not None else "",
        _number(current.get("relative_humidity_2m")),
        _number(current.get("wind_speed_10m")),
    )


def _read_days(daily: dict[str, Any]) -> tuple[DayForecast, ...]:
    days = [date.fromisoformat(text) for text in daily.get("time") or []]

    def column(name: str) -> list[Any]:
        values = list(daily.get(name) or [])
        return values + [None] * (len(days) - len(values))

    codes = column("weather_code")
    highest, lowest = column("temperature_2m_max"), column("temperature_2m_min")
    rain = column("precipitation_probability_max")
    return tuple(
        DayForecast(
            day,
            _CONDITIONS.get(int(codes[index]), "") if codes[index] is not None else "",
            _number(highest[index]),
            _number(lowest[index]),
            _number(rain[index]),
        )
        for index, day in enumerate(days)
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _not_understood() -> DomainError:
    return DomainError(Reason.SOURCE_UNREACHABLE, "The weather source gave an answer that can't be understood.", {})
