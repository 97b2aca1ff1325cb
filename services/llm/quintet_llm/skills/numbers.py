"""Numbers as people write and say them, in both directions."""

import re
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, start=2)
}
_SMALL |= {"fourty": 40, "fourtyfour": 44}
_SCALES = {"thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "grand": 1000}
_COUNTS = {"dozen": 12}
NUMBER_WORDS = frozenset(_SMALL) | frozenset(_SCALES) | frozenset(_COUNTS) | {"hundred", "point"}

_DIGITS = re.compile(r"(?:\d{1,3}(?:,\d{3}){1,10}|\d{1,60})(?:\.\d{1,40})?|\.\d{1,40}")
_SIGNIFICANT = 10
_LONGEST_INTEGER = 10**45


def read_digits(text: str) -> Fraction | None:
    """Reads `1,234.5` and `1e3` exactly, None if the text is anything else."""
    mantissa, letter, exponent = text.partition("e")
    if letter and _DIGITS.fullmatch(mantissa) and re.fullmatch(r"[+-]?\d{1,3}", exponent):
        return Fraction(mantissa.replace(",", "")) * Fraction(10) ** int(exponent)
    return Fraction(text.replace(",", "")) if _DIGITS.fullmatch(text) else None


def read_words(words: Sequence[str], start: int) -> tuple[Fraction, int] | None:
    """Reads the longest number in words from `words[start:]`, with the index of the word after it."""
    total = current = 0
    index = start
    fresh = False
    while index < len(words):
        word = words[index]
        if word in _SMALL:
            if fresh and not _continues(current, _SMALL[word]):
                break
            current, fresh = current + _SMALL[word], True
        elif word == "hundred" and (fresh or _starts_article(words, start, index)):
            current = max(current, 1) * 100
            fresh = True
        elif word in _COUNTS and (fresh or _starts_article(words, start, index)):
            current, fresh = max(current, 1) * _COUNTS[word], True
        elif word in _SCALES and (fresh or _starts_article(words, start, index)):
            total, current, fresh = total + max(current, 1) * _SCALES[word], 0, True
        elif not _joins(words, start, index):
            break
        index += 1
    if not fresh:
        return None
    return _with_decimals(Fraction(total + current), words, index)


def _continues(current: int, value: int) -> bool:
    """Tells whether `value` can follow `current` inside of one number: twenty + three, one hundred + five."""
    rest = current % 100
    return (rest == 0 and value < 100) if value >= 10 or rest == 0 else rest >= 20 and rest % 10 == 0


def _starts_article(words: Sequence[str], start: int, index: int) -> bool:
    return index == start or (index == start + 1 and words[start] in {"a", "an"})


def _joins(words: Sequence[str], start: int, index: int) -> bool:
    """Tells whether `a` opens a number, or `and` stands inside of one."""
    follower = words[index + 1] if index + 1 < len(words) else ""
    if words[index] in {"a", "an"}:
        return index == start and (follower in _SCALES or follower in _COUNTS or follower == "hundred")
    if words[index] != "and" or index == start:
        return False
    return words[index - 1] in _SCALES | {"hundred": 100} and follower in _SMALL


def _with_decimals(whole: Fraction, words: Sequence[str], index: int) -> tuple[Fraction, int]:
    if index + 1 >= len(words) or words[index] != "point":
        return whole, index
    digits = ""
    index += 1
    while index < len(words) and (words[index] in _UNITS[:10] or words[index] == "oh"):
        digits += "0" if words[index] == "oh" else str(_SMALL[words[index]])
        index += 1
    return (whole + Fraction(int(digits), 10 ** len(digits)), index) if digits else (whole, index - 1)


def read_amount(text: str) -> Fraction | None:
    """Reads a whole text as a number in digits or words: `3.5`, `three and a half`, `a`, `half a`."""
    text = text.strip()
    if text in {"a", "an"}:
        return Fraction(1)
    if text in {"half a", "half an", "a half"}:
        return Fraction(1, 2)
    sign = -1 if re.match(r"(?:-|minus |negative )", text) else 1
    text = re.sub(r"^(?:-|minus |negative )\s*", "", text)
    half = Fraction(1, 2) if text.endswith(" and a half") else Fraction(0)
    text = text.removesuffix(" and a half")
    if (digits := read_digits(text)) is not None:
        return sign * (digits + half)
    if fraction := re.fullmatch(r"(\d{1,9}) ?/ ?([1-9]\d{0,8})", text):
        return sign * Fraction(int(fraction[1]), int(fraction[2]))
    words = text.replace("-", " ").split()
    read = read_words(words, 0) if len(words) <= 30 else None
    return sign * (read[0] + half) if read and read[1] == len(words) else None


def rounded(value: Fraction, decimals: int) -> Fraction:
    """Rounds to so many decimals, a half away from zero as people do."""
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**decimals)


def write_number(value: Fraction, significant: int = _SIGNIFICANT) -> tuple[str, bool]:
    """Writes a number for a person, with whether that is exactly the number."""
    if value.denominator == 1 and abs(value) < _LONGEST_INTEGER:
        return (f"{value.numerator:,}" if abs(value) >= 10**6 else str(value.numerator)), True
    # One more digit than is shown to the left of the point would turn 123456789.5 into an integer.
    digits = max(significant, len(str(abs(int(value)))) + 2) if abs(value) < 10**15 else significant
    context = Context(prec=digits)
    decimal = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    exact = Fraction(decimal) == value
    if decimal and not -7 < decimal.adjusted() < 21:
        return _scientific(decimal), exact
    text = f"{decimal:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return (f"{Decimal(text):,f}" if abs(decimal) >= 10**6 else text), exact


def _scientific(decimal: Decimal) -> str:
    exponent = decimal.adjusted()
    mantissa = f"{decimal.scaleb(-exponent):f}".rstrip("0").rstrip(".")
    return f"{mantissa} × 10^{exponent}"
