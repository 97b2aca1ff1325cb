"""Amounts of one currency inside of an arithmetic question."""

import re
from dataclasses import dataclass
from fractions import Fraction

from quintet_llm.skills.expression import Token
from quintet_llm.skills.numbers import read_digits, rounded, write_number

_AMOUNT = re.compile(r"(?P<sign>[$€£]) ?(?P<digits>[\d,]{1,20}(?:\.\d{1,10})?)")


@dataclass(frozen=True)
class Money:
    """The currency of a question, with its amounts as they were written."""

    sign: str
    amounts: tuple[str, ...]

    def write(self, number: Fraction) -> tuple[str, bool]:
        """Writes an amount, rounded to cents, with whether it is exactly that."""
        cents = int(rounded(number, 2) * 100)
        minus = "-" if cents < 0 else ""
        whole, rest = divmod(abs(cents), 100)
        text = f"{whole:,}" if whole >= 10**6 else str(whole)
        return f"{minus}{self.sign}{text}" + (f".{rest:02d}" if rest else ""), number * 100 == cents

    def put_into(self, words: str) -> str:
        """Puts the sign before the amounts that had one."""
        position = 0
        for amount in self.amounts:
            number = read_digits(amount)
            plain = write_number(number)[0] if number is not None else amount
            found = re.compile(rf"(?<![\d.,$€£]){re.escape(plain)}(?![\d%]|[.,]\d)").search(words, position)
            if found is None:
                continue
            words = f"{words[: found.start()]}{self.sign}{amount}{words[found.end() :]}"
            position = found.start() + len(amount) + 1
        return words


def money_in(text: str, tokens: list[Token] | None = None) -> Money | None:
    """Returns the currency that the result is in, None for a ratio, a product of amounts or two currencies."""
    amounts = list(_AMOUNT.finditer(text))
    signs = {match["sign"] for match in amounts}
    if len(signs) != 1:
        return None
    symbols = {token.symbol for token in tokens or []}
    if len(amounts) > 1 and symbols & {"*", "/", "of", "^", "mod"}:
        return None
    # "100 / $5" is a number of times, and no square of an amount is one.
    if re.search(r"(?:/|÷|divided by|over|mod) ?[$€£]|\^|power of|squared|cubed|root|percentage|what percent", text):
        return None
    return Money(signs.pop(), tuple(match["digits"] for match in amounts))
