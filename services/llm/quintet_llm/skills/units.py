"""Conversions between units of measure."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import pint

from quintet_llm.skills.numbers import read_amount, write_number
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say

# Unit in pint's spelling: what people write for it. Volumes and cooking measures are those of the US.
_SPELLINGS = {
    "millimeter": "mm, millimeter, millimetre",
    "centimeter": "cm, centimeter, centimetre",
    "meter": "m, meter, metre",
    "kilometer": "km, kilometer, kilometre, kms",
    "inch": 'in, inch, inches, "',
    "foot": "ft, foot, feet",
    "yard": "yd, yard",
    "mile": "mi, mile",
    "nautical_mile": "nautical mile, nmi",
    "light_year": "light year, lightyear",
    "milligram": "mg, milligram",
    "gram": "g, gram, gramme, gm",
    "kilogram": "kg, kilogram, kilo, kgs, kilogramme",
    "metric_ton": "tonne, metric ton, t, metric tonne",
    "ton": "ton, us ton, short ton",
    "ounce": "oz, ounce",
    "pound": "lb, lbs, pound",
    "stone": "stone, stones, st",
    "milliliter": "ml, milliliter, millilitre",
    "centiliter": "cl, centiliter, centilitre",
    "deciliter": "dl, deciliter, decilitre",
    "liter": "l, liter, litre",
    "teaspoon": "tsp, teaspoon, tea spoon",
    "tablespoon": "tbsp, tablespoon, table spoon",
    "cup": "cup",
    "fluid_ounce": "fl oz, fluid ounce, fl. oz",
    "pint": "pt, pint",
    "quart": "qt, quart",
    "gallon": "gal, gallon",
    "meter**3": "cubic meter, cubic metre, m^3, m3",
    "degC": "c, °c, celsius, degrees celsius, degree celsius, centigrade, degrees centigrade, degrees c, deg c, ºc",
    "degF": "f, °f, fahrenheit, degrees fahrenheit, degree fahrenheit, degrees f, deg f, ºf",
    "kelvin": "k, kelvin, kelvins, degrees kelvin",
    "second": "s, sec, second, secs",
    "millisecond": "ms, millisecond",
    "minute": "min, minute, mins",
    "hour": "h, hr, hour, hrs",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year, yr",
    "decade": "decade",
    "century": "century, centuries",
    "bit": "bit",
    "byte": "byte, b",
    "kilobyte": "kb, kilobyte",
    "megabyte": "mb, megabyte, meg",
    "gigabyte": "gb, gigabyte, gig",
    "terabyte": "tb, terabyte",
    "petabyte": "pb, petabyte",
    "kibibyte": "kib, kibibyte",
    "mebibyte": "mib, mebibyte",
    "gibibyte": "gib, gibibyte",
    "tebibyte": "tib, tebibyte",
    "megabit": "mbit, megabit",
    "gigabit": "gbit, gigabit",
    "meter**2": "square meter, square metre, m^2, m2, sqm, sq m",
    "kilometer**2": "square kilometer, square kilometre, km^2, km2, sq km",
    "foot**2": "square foot, square feet, sq ft, ft^2, ft2, sqft",
    "mile**2": "square mile, sq mi",
    "acre": "acre",
    "hectare": "ha, hectare",
    "kilometer/hour": "km/h, kph, kmh, kilometers per hour, kilometres per hour, kilometer per hour, kilometre per "
    "hour, kmph, km per hour, km per h, km an hour, kilometers an hour, kilometres an hour",
    "mile/hour": "mph, miles per hour, mile per hour, mi/h, miles an hour, mi per hour",
    "meter/second": "m/s, meters per second, metres per second, meter per second, m per second, m per s",
    "foot/second": "ft/s, feet per second, foot per second, ft per second, fps",
    "knot": "knot, kt, kn",
    "joule": "j, joule",
    "kilojoule": "kj, kilojoule",
    "calorie": "cal, calorie",
    "kilocalorie": "kcal, kilocalorie",
    "kilowatt_hour": "kwh, kilowatt hour, kilowatt-hour",
    "watt": "w, watt",
    "kilowatt": "kw, kilowatt",
    "horsepower": "hp, horsepower",
    "pascal": "pa, pascal",
    "bar": "bar",
    "psi": "psi",
    "standard_atmosphere": "atm, atmosphere",
    "newton": "n, newton",
    "degree": "degree, deg, degrees, °",
    "radian": "rad, radian",
}
_UNITS: dict[str, str] = {}
for _unit, _names in _SPELLINGS.items():
    for _name in _names.split(", "):
        _UNITS[_name] = _unit
        if len(_name) > 2 and _name[-1].isalpha() and _name[-1] != "s":
            _UNITS[f"{_name}s"] = _unit
_WRITTEN = {
    "degC": "°C", "degF": "°F", "kelvin": "K", "foot": "feet", "inch": "inches", "century": "centuries",
    "kilometer/hour": "km/h", "mile/hour": "mph", "meter/second": "m/s", "horsepower": "horsepower", "psi": "psi",
    "metric_ton": "tonnes", "foot**2": "square feet", "meter**2": "square meters", "kilometer**2": "square kilometers",
    "mile**2": "square miles", "meter**3": "cubic meters", "standard_atmosphere": "atmospheres", "stone": "stone",
}  # fmt: skip
_WRITTEN["foot/second"] = "feet per second"
_WRITTEN_ONE = {
    "foot": "foot",
    "inch": "inch",
    "century": "century",
    "metric_ton": "tonne",
    "foot**2": "square foot",
    "meter**2": "square meter",
}
_WRITTEN_ONE |= {"kilometer**2": "square kilometer", "mile**2": "square mile", "meter**3": "cubic meter"}
_WRITTEN_ONE["standard_atmosphere"] = "atmosphere"
# Each of these has a name that means another unit beside other units.
_SECOND_MEANINGS = {"ounce": "fluid_ounce"}
_OTHER_TEMPERATURE = {"degC": "degF", "degF": "degC"}

_NUMBER = (
    r"(?P<amount>(?:-|minus |negative )?(?:[\d,.]{1,30}(?: ?/ ?\d{1,9})?|an?|half an?|a half|"
    r"[a-z]+(?:[ -][a-z]+){0,6}?(?: and a half)?))"
)
_FROM = r"(?P<source>°?[a-zº\"][a-z0-9./^ °-]{0,30}?|°[cf]|\")"
_TO = r"(?P<target>°?[a-zº][a-z0-9./^ °-]{0,30}?)"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:convert |change |turn |express |translate )?{_NUMBER} ?{_FROM} (?:to|in|into|as|=|equals|in terms of|"
        rf"->|expressed in|converted to) {_TO}",
        r"(?:what(?:'s|s| is| are)|how much is|how much are|how many is|how long is|how far is|how big is|how heavy "
        rf"is|how fast is|how tall is|how hot is|how cold is) {_NUMBER} ?{_FROM} (?:to|in|into|as|in terms of|"
        rf"expressed in|converted to) {_TO}",
        rf"how many {_TO} (?:are |is |does |do |can |will |fit |go )?(?:there |i get )?(?:in|into|is|are|make|makes|"
        rf"equal|equals|to|from|make up|per|fit in|fit into) {_NUMBER} ?{_FROM}(?: have| make| contain| be| equal)?",
        rf"how many {_TO} (?:does|do|are|is|has|have) {_NUMBER} ?{_FROM}(?: have| has| make| contain| equal)?",
        rf"{_NUMBER} ?{_FROM} (?:is|equals|are|makes?) how many {_TO}",
        rf"how much (?:is )?{_NUMBER} ?{_FROM} (?:is |are )?in {_TO}",
    )
)
_FEET_AND_INCHES = re.compile(
    r"(?:what(?:'s| is) |convert |how (?:much|tall) is )?(?P<feet>\d{1,3}) ?(?:ft|feet|foot|') ?(?:and "
    r")?(?P<inches>\d{1,2}(?:\.\d)?) ?(?:inches|inch|in|\")?"
    rf" (?:to|in|into|as) {_TO}"
)
_CONTINUES = re.compile(
    rf"(?:and|what about|how about|and what about|and how about) (?:(?:in|to|into) (?P<target>[a-z][a-z ]{{0,30}})|"
    rf"{_NUMBER} ?{_FROM})"
)
_DEEPEST = 5


@dataclass(frozen=True)
class _Conversion:
    """So much of one unit, asked for in another; units in pint's spelling."""

    amount: Fraction
    source: str
    target: str


@cache
def _registry() -> "pint.UnitRegistry[float]":
    return pint.UnitRegistry(cache_folder=None, autoconvert_offset_to_baseunit=True)


class UnitsSkill:
    """Converts by pint's definitions."""

    name = "units"

    def warm_up(self) -> None:
        """Loads the definitions, which takes about a fifth of a second."""
        self._convert(_Conversion(Fraction(1), "degC", "degF"))

    def match(self, question: Question) -> Intent | None:
        """Returns the conversion, or says that the two units do not measure the same."""
        conversion = _read(question.text) or _follow_up(question, _DEEPEST)
        return say(self.name, CERTAIN, self._sentence(conversion)) if conversion else None

    def _sentence(self, conversion: _Conversion) -> str:
        for candidate in _meanings(conversion):
            if (result := self._convert(candidate)) is not None:
                left = _write(candidate.amount, candidate.source)
                number, exactly = _rounded(result)
                return f"{left} {'=' if exactly else '≈'} {_write(number, candidate.target)}."
        source, target = _plural(conversion.source), _plural(conversion.target)
        return (
            f"{source[0].upper()}{source[1:]} and {target} don't measure the same thing, so one can't be converted "
            "to the other."
        )

    def _convert(self, conversion: _Conversion) -> float | None:
        try:
            quantity = _registry().Quantity(float(conversion.amount), conversion.source)
            return float(quantity.to(conversion.target).magnitude)
        except (pint.DimensionalityError, OverflowError):
            return None


def _read(text: str) -> _Conversion | None:
    if both := _FEET_AND_INCHES.fullmatch(text):
        target = _UNITS.get(both["target"])
        return _Conversion(int(both["feet"]) * 12 + Fraction(both["inches"]), "inch", target) if target else None
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        source, target = _UNITS.get(match["source"].strip()), _UNITS.get(match["target"].strip())
        amount = read_amount(match["amount"])
        if source and target and amount is not None and abs(amount) < 10**18:
            return _Conversion(amount, source, target)
    return None


def _follow_up(question: Question, depth: int) -> _Conversion | None:
    """Understands `and 20 km?` and `and in feet?` after a conversion."""
    match = _CONTINUES.fullmatch(question.whole)
    if match is None or depth == 0 or question.previous is None:
        return None
    before = _read(question.previous.text) or _follow_up(question.previous, depth - 1)
    if before is None:
        return None
    if target := _UNITS.get(match["target"] or ""):
        return replace(before, target=target)
    source = _UNITS.get((match["source"] or "").strip())
    amount = read_amount(match["amount"]) if source else None
    return _Conversion(amount, source, before.target) if source and amount is not None and amount < 10**18 else None


def _meanings(conversion: _Conversion) -> list[_Conversion]:
    """Returns the conversion with the other meanings of its units: ounces of water, degrees of heat."""
    if conversion.source == "degree" and conversion.target in _OTHER_TEMPERATURE:
        return [replace(conversion, source=_OTHER_TEMPERATURE[conversion.target])]
    return [
        conversion,
        replace(conversion, source=_SECOND_MEANINGS.get(conversion.source, conversion.source)),
        replace(conversion, target=_SECOND_MEANINGS.get(conversion.target, conversion.target)),
    ]


def _rounded(value: float) -> tuple[Fraction, bool]:
    rounded = float(f"{value:.6g}")
    # Floating point misses whole numbers by a few units in the last place.
    exactly = abs(rounded - value) <= 1e-9 * abs(value) or abs(value - round(value)) <= 1e-9 * abs(value)
    number = rounded if abs(rounded - value) <= 1e-9 * abs(value) or not exactly else round(value)
    return Fraction(str(number)), exactly


def _write(amount: Fraction, unit: str) -> str:
    number = write_number(amount)[0]
    if unit in {"degC", "degF"}:
        return f"{number} {_WRITTEN[unit]}"
    if amount == 1:
        return f"{number} {_WRITTEN_ONE.get(unit) or _WRITTEN.get(unit) or unit.replace('_', ' ')}"
    return f"{number} {_plural(unit)}"


def _plural(unit: str) -> str:
    return _WRITTEN.get(unit) or f"{unit.replace('_', ' ')}s"
