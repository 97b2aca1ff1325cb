"""Arithmetic against Python's own, numbers in words, and every unit's definition."""

import re
from fractions import Fraction

import pint
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quintet_llm.skills.calendar_dates import easter
from quintet_llm.skills.expression import ArithmeticProblemError, evaluate, read_expression
from quintet_llm.skills.numbers import read_amount, read_words, write_number
from quintet_llm.skills.units import _SPELLINGS
from quintet_llm.skills.zones import _PLACES, zone_names

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def spelled(number):
    if number < 20:
        return UNITS.split()[number]
    if number < 100:
        rest = f" {spelled(number % 10)}" if number % 10 else ""
        return TENS.split()[number // 10 - 2] + rest
    for size, word in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {spelled(number % size)}" if number % size else ""
            return f"{spelled(number // size)} {word}{rest}"
    raise AssertionError


@settings(max_examples=300, database=None, deadline=None)
@given(st.integers(0, 10**12 - 1))
def test_numbers_in_words_are_read_back(number):
    words = spelled(number).split()
    assert read_words(words, 0) == (Fraction(number), len(words))


ATOMS = st.integers(0, 999).map(str) | st.decimals(0, 99, places=2).map(str)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})")
        | inner.map(lambda one: f"(-{one})")
    ),
    max_leaves=12,
)


@settings(max_examples=300, database=None, deadline=None)
@given(EXPRESSIONS)
def test_expressions_are_computed_as_python_does(text):
    tokens = read_expression(text)
    assume(tokens is not None)
    exact = re.sub(r"\d+(?:\.\d+)?", lambda number: f"Fraction('{number[0]}')", text)
    try:
        expected = eval(exact, {"Fraction": Fraction})  # noqa: S307 - made by this test
    except ZeroDivisionError:
        with pytest.raises(ArithmeticProblemError):
            evaluate(tokens)
        return
    assert evaluate(tokens).number == expected


PRECEDENCE = {
    "2 + 3 * 4": 14,
    "-2^2": -4,
    "2^3^2": 512,
    "2 * -3": -6,
    "10 - 2 - 3": 5,
    "100 / 10 / 2": 5,
    "50%": Fraction(1, 2),
    "200 + 10%": 220,
    "2(3 + 4)": 14,
    "√16 + 9": 13,
    "√(16 + 9)": 5,
    "3! + 1": 7,
    "7 mod 4 * 2": 6,
    "2^-1": Fraction(1, 2),
    "0^0": 1,
    "8^(1/3)": None,
}


def test_precedence_is_the_usual_one():
    for text, expected in PRECEDENCE.items():
        value = evaluate(read_expression(text))
        assert value is not None, text
        if expected is not None:
            assert value.number == expected, text


@pytest.mark.parametrize("text", ["1 +", "* 2", "(1", "1)", "1 2 3 +", "2 ++", "()", "1 % % +", "^", "2 ^"])
def test_broken_expressions_are_none(text):
    tokens = read_expression(text)
    assert tokens is None or evaluate(tokens) is None


@pytest.mark.parametrize(
    "text", ["9^99999999", "(9^999)^999", "400!!", "2^0.5^-99999999", "1/0", "5 mod 0", "0^-1", "(-8)^0.3", "3.5!"]
)
def test_impossible_results_are_a_sentence(text):
    with pytest.raises(ArithmeticProblemError, match=r"\.$"):
        evaluate(read_expression(text))


WRITTEN = {
    Fraction(144): ("144", True),
    Fraction(1_000_000): ("1,000,000", True),
    Fraction(5, 2): ("2.5", True),
    Fraction(1, 3): ("0.3333333333", False),
    Fraction(-1, 8): ("-0.125", True),
    Fraction(0): ("0", True),
    Fraction(1, 10**9): ("1 × 10^-9", True),
    Fraction(10**50): ("1 × 10^50", True),
    Fraction(123456789, 2): ("61,728,394.5", True),
}


def test_numbers_are_written_for_people():
    assert {value: write_number(value) for value in WRITTEN} == WRITTEN


AMOUNTS = {
    "3.5": Fraction(7, 2),
    "two and a half": Fraction(5, 2),
    "a": 1,
    "half a": Fraction(1, 2),
    "1/4": Fraction(1, 4),
    "minus 40": -40,
    "one hundred and twenty-five": 125,
    "1,234.5": Fraction(2469, 2),
    "two point five": Fraction(5, 2),
    "a dozen": 12,
    "banana": None,
    "": None,
}


def test_amounts_are_read():
    assert {text: read_amount(text) for text in AMOUNTS} == AMOUNTS


def test_every_unit_is_defined():
    registry = pint.UnitRegistry(cache_folder=None)
    for unit in _SPELLINGS:
        assert registry.parse_units(unit)


def test_every_zone_is_known():
    assert set(_PLACES) <= zone_names() | {"UTC"}


def test_easter_is_where_the_almanac_has_it():
    almanac = {
        1961: (4, 2),
        2000: (4, 23),
        2008: (3, 23),
        2024: (3, 31),
        2025: (4, 20),
        2026: (4, 5),
        2038: (4, 25),
        2285: (3, 22),
    }
    assert {year: (easter(year).month, easter(year).day) for year in almanac} == almanac
