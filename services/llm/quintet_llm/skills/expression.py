"""Reads and computes an arithmetic expression in symbols and words. Exact where numbers can be, and bounded."""

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from quintet_llm.skills.numbers import NUMBER_WORDS, read_digits, read_words

_LARGEST_BITS = 4096
_DEEPEST = 40
_MOST_TOKENS = 200
_PRECISE = Context(prec=40)
_PI = Fraction("3.141592653589793238462643383279502884197")


class ArithmeticProblemError(Exception):
    """Says in one sentence why an expression has no result that can be written."""


@dataclass(frozen=True)
class Value:
    """A computed number, and whether it is the exact result."""

    number: Fraction
    exact: bool = True


@dataclass(frozen=True)
class Token:
    """A number, or a symbol of `+ - * / ^ % ( ) ! mod of √ ∛ π`; `²` and `³` before a number raise it."""

    symbol: str
    number: Fraction | None = None


# Longer phrases first: each is replaced wherever it stands as whole words.
_PHRASES = {
    "the square of": "²",
    "square of": "²",
    "the cube of": "³",
    "cube of": "³",
    "to the power of": "^",
    "raised to the power of": "^",
    "raised to the power": "^",
    "raised to": "^",
    "to the power": "^",
    "multiplied by": "*",
    "multiply by": "*",
    "multiplied with": "*",
    "divided by": "/",
    "divide by": "/",
    "added to": "+",
    "take away": "-",
    "the square root of": "√",
    "square root of": "√",
    "the square root": "√",
    "square root": "√",
    "root of": "√",
    "sqrt of": "√",
    "sqrt": "√",
    "the cube root of": "∛",
    "cube root of": "∛",
    "per cent": "%",
    "percent": "%",
    "dozen dozen": "dozen * dozen",
    "a half of": "0.5 *",
    "half of": "0.5 *",
    "a quarter of": "0.25 *",
    "one quarter of": "0.25 *",
    "three quarters of": "0.75 *",
    "a third of": "(1/3) *",
    "one third of": "(1/3) *",
    "two thirds of": "(2/3) *",
    "a tenth of": "0.1 *",
    "open parenthesis": "(",
    "close parenthesis": ")",
    "squared": "^ 2",
    "cubed": "^ 3",
    "factorial": "!",
    "times": "*",
    "plus": "+",
    "minus": "-",
    "negative": "-",
    "less": "-",
    "over": "/",
    "twice": "2 *",
    "double": "2 *",
    "triple": "3 *",
    "modulo": "mod",
    "modulus": "mod",
    "pi": "π",
}
_PHRASE = re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, _PHRASES), key=len, reverse=True)) + r")\b")
_FRACTION_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "hundredth": 100,
}  # fmt: skip
_FRACTION_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_FRACTION = re.compile(
    rf"(?P<and>\band )?\b(?P<count>{'|'.join(_FRACTION_COUNTS)}|an?)[ -](?P<part>{'|'.join(_FRACTION_PARTS)})s?\b"
    r"(?! (?:power|of))"
)
_ORDINAL_POWER = re.compile(r"\bto the (\d{1,3})(?:st|nd|rd|th)?(?: power)?\b")
_TOKEN = re.compile(
    r"\s*(?:(?P<fraction>(?:~ )?\d{1,2}\|\d{1,3})|(?P<number>(?:(?:\d{1,3}(?:,\d{3}){1,10}(?![\d,])|\d{1,60})"
    r"(?:\.\d{1,40})?|\.\d{1,40})(?:e[+-]?\d{1,3}(?![\w.]))?)(?![\d.]*\.\d)|"
    r"(?P<word>[a-z]+)|(?P<symbol>\*\*|[-+*/^%()!×÷·√∛²³π]))"
)
_SYMBOLS = {"**": "^", "×": "*", "÷": "/", "·": "*", "x": "*"}
_WORD_SYMBOLS = {"mod", "of", "x"}


def read_expression(text: str) -> list[Token] | None:
    """Reads an even text as an expression with at least one operation, None if it is anything else."""
    if len(text) > 4 * _MOST_TOKENS:
        return None
    prepared = _ORDINAL_POWER.sub(r"^ \1", text)
    prepared = _FRACTION.sub(_written_fraction, prepared)
    prepared = _PHRASE.sub(lambda match: f" {_PHRASES[match[0]]} ", prepared)
    tokens = _tokens(re.sub(r"(?<=[a-z])-(?=[a-z])", " ", prepared))
    if not tokens or len(tokens) > _MOST_TOKENS:
        return None
    return tokens if any(token.number is None and token.symbol not in {"(", ")", "π"} for token in tokens) else None


def _written_fraction(match: re.Match[str]) -> str:
    """Writes `one third` as a number of its own, and joins `and a half` to the number before it."""
    count = _FRACTION_COUNTS.get(match["count"], 1)
    join = " ~ " if match["and"] else " "
    return f"{join}{count}|{_FRACTION_PARTS[match['part']]} "


def _tokens(text: str) -> list[Token] | None:
    parts: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None or len(parts) > 2 * _MOST_TOKENS:
            return None
        parts.append(match["fraction"] or match["number"] or match["word"] or match["symbol"])
        position = match.end()
    return _joined(parts)


def _joined(parts: list[str]) -> list[Token] | None:
    tokens: list[Token] = []
    index = 0
    while index < len(parts):
        part = parts[index]
        if "|" in part:
            if not _add_fraction(tokens, part):
                return None
            index += 1
        elif (digits := read_digits(part)) is not None:
            number, index = _scaled(digits, parts, index + 1)
            tokens.append(Token("", number))
        elif (words := read_words(parts, index)) is not None:
            tokens.append(Token("", words[0]))
            index = words[1]
        elif (
            part == "point"
            and tokens
            and index + 1 < len(parts)
            and parts[index + 1].isdigit()
            and parts[index - 1].isdigit()
        ):
            tokens[-1] = Token("", Fraction(f"{parts[index - 1]}.{parts[index + 1]}"))
            index += 2
        elif part.isascii() and part.isalpha() and part not in _WORD_SYMBOLS:
            return None
        else:
            tokens.append(Token(_SYMBOLS.get(part, part)))
            index += 1
    return tokens


def _add_fraction(tokens: list[Token], part: str) -> bool:
    """Adds `1|3` as a number, or `~ 1|2` to the number before it; False where there is none."""
    top, bottom = part.removeprefix("~ ").split("|")
    fraction = Fraction(int(top), int(bottom))
    if not part.startswith("~"):
        tokens.append(Token("", fraction))
        return True
    whole = tokens.pop().number if tokens else None
    if whole is None or whole.denominator != 1 or fraction >= 1:
        return False
    tokens.append(Token("", whole + fraction))
    return True


def _scaled(number: Fraction, parts: list[str], index: int) -> tuple[Fraction, int]:
    """Reads `5 million` and `3 hundred`."""
    while index < len(parts) and parts[index] in NUMBER_WORDS - {"point"}:
        scale = read_words(["one", parts[index]], 0)
        if scale is None or scale[1] != 2:
            break
        number, index = number * scale[0], index + 1
    return number, index


def evaluate(tokens: list[Token]) -> Value | None:
    """Computes an expression, None if it is not well formed.

    Raises:
        ArithmeticProblemError: for a division by zero and the like, and for numbers that are too large.
    """
    parser = _Parser(tokens)
    try:
        value = parser.sum()
    except _NotWellFormedError:
        return None
    return value if parser.at_end() else None


class _NotWellFormedError(Exception):
    """The tokens are no expression."""


class _Parser:
    """Recursive descent: sum, product, sign, power, postfix, atom."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    def at_end(self) -> bool:
        return self._index == len(self._tokens)

    def _next(self) -> str:
        return "" if self.at_end() else self._tokens[self._index].symbol

    def _take(self, *symbols: str) -> str:
        symbol = self._next()
        if symbol and symbol in symbols:
            self._index += 1
            return symbol
        return ""

    def sum(self) -> Value:
        value = self._product()
        while symbol := self._take("+", "-"):
            right = self._product()
            # "80 + 15%" means 15% of 80 to everyone who types it into a calculator.
            if self._tokens[self._index - 1].symbol == "%":
                right = _multiply(value, right)
            sign = 1 if symbol == "+" else -1
            value = _bounded(value.number + sign * right.number, value.exact and right.exact)
        return value

    def _product(self) -> Value:
        value = self._sign()
        while True:
            if symbol := self._take("*", "/", "mod", "of"):
                value = _OPERATIONS[symbol](value, self._sign())
            elif self._next() in {"(", "√", "∛", "²", "³", "π"}:
                value = _multiply(value, self._sign())
            else:
                return value

    def _sign(self) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ArithmeticProblemError("That expression is nested too deeply for me.")
        try:
            if self._take("-"):
                value = self._sign()
                return Value(-value.number, value.exact)
            return self._sign() if self._take("+") else self._power()
        finally:
            self._depth -= 1

    def _power(self) -> Value:
        base = self._postfix()
        return _power(base, self._sign()) if self._take("^") else base

    def _postfix(self) -> Value:
        value = self._atom()
        while symbol := self._take("%", "!"):
            value = Value(value.number / 100, value.exact) if symbol == "%" else _factorial(value)
        return value

    def _atom(self) -> Value:
        if self.at_end():
            raise _NotWellFormedError
        token = self._tokens[self._index]
        self._index += 1
        if token.number is not None:
            return Value(token.number)
        if token.symbol == "π":
            return Value(_PI, exact=False)
        if token.symbol in {"√", "∛"}:
            # Not _sign(): √2^2 is read as (√2)^2 and √9 + 1 as 4.
            return _root(self._root_argument(), 2 if token.symbol == "√" else 3)
        if token.symbol in {"²", "³"}:
            return _power(self._root_argument(), Value(Fraction(2 if token.symbol == "²" else 3)))
        if token.symbol == "(":
            value = self.sum()
            if not self._take(")"):
                raise _NotWellFormedError
            return value
        raise _NotWellFormedError

    def _root_argument(self) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ArithmeticProblemError("That expression is nested too deeply for me.")
        try:
            if self._take("-"):
                value = self._postfix()
                return Value(-value.number, value.exact)
            return self._postfix()
        finally:
            self._depth -= 1


def _bounded(number: Fraction, exact: bool) -> Value:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > _LARGEST_BITS:
        raise ArithmeticProblemError("That number is too large for me to write out.")
    return Value(number, exact)


def _multiply(left: Value, right: Value) -> Value:
    return _bounded(left.number * right.number, left.exact and right.exact)


def _divide(left: Value, right: Value) -> Value:
    if right.number == 0:
        raise ArithmeticProblemError("Division by zero has no result.")
    return _bounded(left.number / right.number, left.exact and right.exact)


def _remainder(left: Value, right: Value) -> Value:
    if right.number == 0:
        raise ArithmeticProblemError("Division by zero has no result, so it has no remainder either.")
    return _bounded(left.number % right.number, left.exact and right.exact)


_OPERATIONS = {"*": _multiply, "of": _multiply, "/": _divide, "mod": _remainder}


def _power(base: Value, exponent: Value) -> Value:
    if base.number == 0 and exponent.number < 0:
        raise ArithmeticProblemError("Division by zero has no result.")
    if exponent.number.denominator == 1:
        size = max(abs(base.number.numerator), base.number.denominator).bit_length()
        if abs(exponent.number) * max(size - 1, 0) > _LARGEST_BITS or abs(exponent.number) > 10**6:
            if abs(base.number) in {0, 1}:
                return Value(base.number ** (2 + int(exponent.number) % 2), base.exact)
            raise ArithmeticProblemError("That number is too large for me to write out.")
        return Value(Fraction(base.number ** int(exponent.number)), base.exact and exponent.exact)
    if exponent.number == Fraction(1, 2):
        return _root(base, 2)
    if base.number < 0:
        raise ArithmeticProblemError("A negative number to a fractional power is not a real number.")
    if abs(exponent.number) > 10_000 or base.number.numerator.bit_length() > 64:
        raise ArithmeticProblemError("That number is too large for me to write out.")
    return Value(Fraction(_PRECISE.power(_decimal(base.number), _decimal(exponent.number))), exact=False)


def _root(value: Value, degree: int) -> Value:
    number = value.number
    if number < 0 and degree == 2:
        raise ArithmeticProblemError("The square root of a negative number is not a real number.")
    sign = -1 if number < 0 else 1
    top, bottom = (_integer_root(part, degree) for part in (abs(number.numerator), number.denominator))
    if top is not None and bottom is not None:
        return Value(Fraction(sign * top, bottom), value.exact)
    root = _PRECISE.power(_decimal(abs(number)), _PRECISE.divide(Decimal(1), Decimal(degree)))
    return Value(sign * Fraction(root), exact=False)


def _integer_root(number: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(number)
        return root if root * root == number else None
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low if low**3 == number else None


def _factorial(value: Value) -> Value:
    if value.number.denominator != 1 or value.number < 0:
        raise ArithmeticProblemError("Only whole numbers from zero have a factorial.")
    if value.number > 400:
        raise ArithmeticProblemError("That number is too large for me to write out.")
    return Value(Fraction(math.factorial(int(value.number))), value.exact)


def _decimal(number: Fraction) -> Decimal:
    return _PRECISE.divide(Decimal(number.numerator), Decimal(number.denominator))
