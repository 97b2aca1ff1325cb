"""Writes an expression with the usual signs and spaces, so that it says what was computed."""

from fractions import Fraction

from quintet_llm.skills.expression import Token
from quintet_llm.skills.numbers import write_number

_SIGNS = {"*": " × ", "/": " ÷ ", "+": " + ", "-": " − ", "mod": " mod ", "of": " of "}
_NAMED = {"²": "square of ", "³": "cube of "}
_LARGEST_DENOMINATOR = 10**6


def write_expression(tokens: list[Token]) -> str:
    """Writes an expression; a negative number after another sign stands in parentheses."""
    text, index = "", 0
    while index < len(tokens):
        piece, index = _piece(tokens, index)
        text += piece
    return " ".join(text.split())


def _piece(tokens: list[Token], index: int) -> tuple[str, int]:
    """Writes one token, or a negative operand; returns the index after it."""
    token = tokens[index]
    if token.number is not None:
        return _number(tokens, index), index + 1
    if token.symbol == "-" and _starts(tokens, index):
        return _negative(tokens, index)
    return _NAMED.get(token.symbol) or _SIGNS.get(token.symbol, token.symbol), index + 1


def _starts(tokens: list[Token], index: int) -> bool:
    before = tokens[index - 1] if index else None
    return before is None or (before.number is None and before.symbol not in {")", "%", "!", "π"})


def _number(tokens: list[Token], index: int) -> str:
    number = tokens[index].number or Fraction(0)
    text = _exactly(number)
    after = tokens[index + 1].symbol if index + 1 < len(tokens) else ""
    first = index == 0 or tokens[index - 1].symbol == "("
    raised = after in {"^", "!"}
    bare = "/" not in text if not raised else number >= 0 and "/" not in text
    return text if bare and (first or number >= 0) else f"({text})"


def _exactly(number: Fraction) -> str:
    """Writes a number that has no end in decimals as a fraction, because the equation would be wrong."""
    text, exact = write_number(number)
    if exact or number.denominator > _LARGEST_DENOMINATOR:
        return text
    return f"{number.numerator}/{number.denominator}"


def _negative(tokens: list[Token], index: int) -> tuple[str, int]:
    """Writes `-3^2` as it stands at the beginning, and as `(-3^2)` after another sign."""
    end = index + 1
    if end >= len(tokens) or tokens[end].number is None:
        return "-", end
    end += 1
    while end < len(tokens) and tokens[end].symbol in {"%", "!"}:
        end += 1
    if end + 1 < len(tokens) and tokens[end].symbol == "^" and tokens[end + 1].number is not None:
        end += 2
    inner = "".join(_piece(tokens, position)[0] for position in range(index + 1, end))
    first = index == 0 or tokens[index - 1].symbol == "("
    return (f"-{inner}" if first else f"(-{inner})"), end
