"""Arithmetic in digits and words, percentages, and `times 3` after a result."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from quintet_llm.skills.expression import (
    ArithmeticProblemError,
    Token,
    Value,
    evaluate,
    read_expression,
)
from quintet_llm.skills.money import Money, money_in
from quintet_llm.skills.numbers import read_amount, rounded, write_number
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent, say
from quintet_llm.skills.written_expression import write_expression

_DEEPEST_FOLLOW_UP = 8
_ASKING = re.compile(
    r"(?:what (?:do|would|will) (?:you|i|we) get (?:if|when|by)(?: you| i| we)?|if (?:you|i|we)|what(?:'s| is| are| "
    r"does| do|s)?|how much (?:is|are|does|do)|how many (?:is|are)|calculate|compute|evaluate|solve|"
    r"work out|find|figure out|the (?:result|answer|value) (?:of|to)|result of|answer|get|"
    r"cuánto (?:es|son)|cuanto (?:es|son)|combien (?:font|fait)|"
    r"was (?:ist|sind|ergibt)|wie ?viel (?:ist|sind)|quanto (?:fa|fanno|è|e|é|dá)|сколько будет|чему равно|كم "
    r"(?:يساوي|هو)?|"
    r"ما هو)\s+"
)
_CLOSING = re.compile(
    r"\s*(?:=|equals? what|equals?|is|is what|is equal to|equal(?: to)?(?: what)?|makes?|come to|work out to|в сумме|"
    r"は(?:何|なん|いくつ)(?:ですか)?|[은는] ?(?:얼마|뭐|몇)(?:야|예요|입니까|인가요)?|等于(?:多少|几)|是多少|"
    r"(?:कितना|क्या|कितने) ?(?:होता |होते )?(?:है|हैं|होगा)|کتنا (?:ہے|ہوتا ہے)|किती(?: होतात| आहे)?|"
    r"เท่ากับเท่า(?:ไร|ไหร่)|"
    r"(?:es|ist|est|fait|fa)?\s*=)\s*$"
)
_NUMBER = r"(-?[\d.,]{1,30}|[a-z -]{1,60}?)"
_PERCENT = r"\s*(?:%|percent|per cent)"
# An amount of one currency is computed as a number; the answer leaves the currency out.
_CURRENCY = re.compile(r"[$€£](?=\d)|(?<=\w) (?:dollars?|bucks|euros?|cents?)\b")
_CURRENCY_SIGN = re.compile(r"[$€£]")
_DATE_OR_CODE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}|[\d]{3}-[\d]{3,4}-\d{4}|\d{1,2}/\d{1,2}/\d{2,4}|9/11|24/7|50/50|"
    r"\d+-\d+-\d+"
)
_MOST_DECIMALS = 30
_NEAREST = {"whole number": 0, "integer": 0, "tenth": 1, "hundredth": 2, "thousandth": 3}
_ROUNDED_TO = re.compile(
    r"(?P<sum>.{1,300}?),? (?:(?:rounded |correct )?to (?P<count>\d{1,2}|[a-z]{1,9}) (?:decimals?|decimal places?|"
    r"digits after the (?:decimal )?point)|rounded to the nearest (?P<nearest>whole number|integer|tenth|hundredth|"
    r"thousandth))"
)
_FACTORIAL = re.compile(r"\d!\s{0,9}\??$")
_FOLLOW_UP = re.compile(
    r"(?:(?:what (?:about|if)|how about|now|then|and|ok|so|multiply|divide|add|subtract|take|make)\s+)*"
    r"(?:(?:it|that|this|the result|the answer|the last (?:result|answer))\s*(?:is|be)?\s*)?"
    r"(?P<operation>times|plus|minus|divided by|multiplied by|multiply by|divide by|by|squared|cubed|to the power of|"
    r"[-+*/×÷^]|mod)"
    r"\s*(?P<rest>.{0,60})"
)
_SIGN_OR_OPERATION = {"plus", "minus", "+", "-"}
_PRONOUN = re.compile(r"\b(?:that|it|this|the (?:last |previous )?(?:result|answer))\b")
_STAND_IN = 987_654_321_987_654_321
_CONTINUES_BY_VERB = re.compile(
    r"(?P<verb>add|subtract|multiply|divide)(?: (?P<target>it|that|this|the result|the answer))?(?: by)? "
    r"(?P<amount>[\w. -]{1,40}?)"
    r"(?: (?:to|from) (?:it|that|this|the result|the answer))?"
)


@dataclass(frozen=True)
class _Result:
    """A computed expression with the words that repeat the question."""

    value: Value
    words: str
    suffix: str = ""
    money: Money | None = None
    decimals: int | None = None

    def sentence(self) -> str:
        number, words = self.value.number, self.words
        shown = number if self.decimals is None else rounded(number, self.decimals)
        if self.money and not self.suffix and self.decimals is None:
            text, written_exactly = self.money.write(shown)
            words = self.money.put_into(words)
        else:
            text, written_exactly = write_number(shown, 40 if self.decimals else 10)
        sign = "=" if self.value.exact and written_exactly and shown == number else "≈"
        return f"{words} {sign} {text}{self.suffix}"


class ArithmeticSkill:
    """Computes what is wholly an expression; a text around one is someone else's question."""

    name = "arithmetic"

    def match(self, question: Question) -> Intent | None:
        """Returns the computed answer, or the sentence that says why there is none."""
        if not question.text:
            return None
        try:
            result = _compute(question, _DEEPEST_FOLLOW_UP)
        except ArithmeticProblemError as problem:
            return say(self.name, CERTAIN, str(problem))
        return say(self.name, CERTAIN, result.sentence()) if result else None


def _compute(question: Question, depth: int) -> _Result | None:
    asked, decimals = _without_rounding(question.text)
    if decimals is not None:
        result = _compute(question.part(asked), depth)
        return replace(result, decimals=decimals) if result else None
    expression = _unasked(question.text)
    if _DATE_OR_CODE.fullmatch(expression):
        return None
    if _FACTORIAL.search(question.original):
        expression += "!"  # Closing punctuation was taken off an even text.
    # "minus 5" after a result continues it, so a follow-up is tried first.
    if continued := _follow_up(question, depth):
        return continued
    result = _percentage(expression) or _aggregate(expression) or _plain(expression)
    if result and len(set(_CURRENCY_SIGN.findall(question.text))) > 1:
        raise ArithmeticProblemError("Those are two currencies, and I have no exchange rates.")
    money = money_in(question.text, read_expression(expression)) if result else None
    return replace(result, money=money) if result else None


def _without_rounding(text: str) -> tuple[str, int | None]:
    """Takes `to two decimals` off a question; returns the rest with the number of decimals, None if unsaid."""
    match = _ROUNDED_TO.fullmatch(text)
    if match is None:
        return text, None
    if match["nearest"]:
        return match["sum"], _NEAREST[match["nearest"]]
    count = read_amount(match["count"])
    if count is None or count.denominator != 1 or not 0 <= count <= _MOST_DECIMALS:
        return text, None
    return match["sum"], int(count)


def _unasked(text: str) -> str:
    """Returns the text without `what is` before it and `equals` after it."""
    for _ in range(3):
        text = _ASKING.sub("", text, count=1) if _ASKING.match(text) else text
    return _CURRENCY.sub("", _CLOSING.sub("", text, count=1)).strip(" =:,?")


def _plain(text: str) -> _Result | None:
    tokens = read_expression(text)
    if tokens is None or (tokens[0].symbol in {"-", "+"} and len(tokens) < 3):
        return None  # A number with a sign is no question.
    value = evaluate(tokens)
    return _Result(value, write_expression(tokens)) if value else None


def _percentage(text: str) -> _Result | None:
    for pattern, compute in _PERCENTAGES:
        match = pattern.fullmatch(text)
        if (
            match
            and (first := _amount(match["first"])) is not None
            and (second := _amount(match["second"])) is not None
        ):
            return compute(first, second)
    return None


def _amount(text: str) -> Fraction | None:
    return read_amount(text.strip().lstrip("$€£"))


def _share(part: Fraction, whole: Fraction) -> _Result:
    if whole == 0:
        raise ArithmeticProblemError("Nothing can be a percentage of zero.")
    return _Result(Value(100 * part / whole), f"{_written(part)} of {_written(whole)}", "%")


def _off(rate: Fraction, price: Fraction) -> _Result:
    return _Result(Value(price * (1 - rate / 100)), f"{_written(price)} − {_written(rate)}%")


def _raised(amount: Fraction, rate: Fraction) -> _Result:
    return _Result(Value(amount * (1 + rate / 100)), f"{_written(amount)} + {_written(rate)}%")


def _lowered(amount: Fraction, rate: Fraction) -> _Result:
    return _off(rate, amount)


def _tip(rate: Fraction, amount: Fraction) -> _Result:
    return _Result(Value(amount * rate / 100), f"{_written(rate)}% of {_written(amount)}")


def _from(first: Fraction, second: Fraction) -> _Result:
    return _Result(Value(second - first), f"{_written(second)} − {_written(first)}")


def _change(old: Fraction, new: Fraction) -> _Result:
    if old == 0:
        raise ArithmeticProblemError("A change from zero has no percentage.")
    return _Result(Value(100 * (new - old) / old), f"Change from {_written(old)} to {_written(new)}", "%")


def _remainder(left: Fraction, right: Fraction) -> _Result:
    if right == 0:
        raise ArithmeticProblemError("Division by zero has no result, so it has no remainder either.")
    return _Result(Value(left % right), f"{_written(left)} mod {_written(right)}")


_AMOUNT = r"[$€£]?[\w., -]{1,40}?"
_Compute = Callable[[Fraction, Fraction], _Result]
_PERCENTAGES: tuple[tuple[re.Pattern[str], _Compute], ...] = tuple(
    (re.compile(pattern), compute)
    for pattern, compute in (
        (
            rf"(?:what )?(?:percent|per cent|percentage|%)(?: of)? (?P<second>{_AMOUNT}) is "
            rf"(?P<first>{_AMOUNT})",
            _share,
        ),
        (rf"(?P<first>{_AMOUNT}) is what (?:percent|per cent|percentage|%)(?: of)? (?P<second>{_AMOUNT})", _share),
        (
            rf"(?P<first>{_AMOUNT}) (?:as a percentage of|out of) (?P<second>{_AMOUNT})(?: in percent| as a "
            r"percentage)?",
            _share,
        ),
        (rf"(?P<first>{_AMOUNT}){_PERCENT} off(?: of)? (?P<second>{_AMOUNT})", _off),
        (rf"increase (?P<first>{_AMOUNT}) by (?P<second>{_AMOUNT}){_PERCENT}", _raised),
        (rf"(?P<first>{_AMOUNT}) increased by (?P<second>{_AMOUNT}){_PERCENT}", _raised),
        (rf"(?:decrease|reduce) (?P<first>{_AMOUNT}) by (?P<second>{_AMOUNT}){_PERCENT}", _lowered),
        (rf"(?P<first>{_AMOUNT}) (?:decreased|reduced) by (?P<second>{_AMOUNT}){_PERCENT}", _lowered),
        (
            rf"(?:a |an )?(?P<first>{_AMOUNT}){_PERCENT} tip (?:on|for|of) (?P<second>{_AMOUNT})(?: dollars| "
            r"euros)?",
            _tip,
        ),
        (rf"subtract (?P<first>{_AMOUNT}) from (?P<second>{_AMOUNT})", _from),
        (rf"(?P<first>{_AMOUNT}) subtracted from (?P<second>{_AMOUNT})", _from),
        (
            rf"(?:the )?percent(?:age)? (?:change|increase|decrease) from (?P<first>{_AMOUNT}) to "
            rf"(?P<second>{_AMOUNT})",
            _change,
        ),
        (
            rf"(?:the )?remainder (?:of|when) (?P<first>{_AMOUNT}) (?:is )?divided by "
            rf"(?P<second>{_AMOUNT})",
            _remainder,
        ),
    )
)
_AGGREGATE = re.compile(
    r"(?:the )?(?P<kind>sum|product|difference|quotient|average|mean|add|multiply|divide|subtract|factorial|total)"
    r"(?: of| between)? (?P<list>[\w.,() -]{1,200})"
)
_SEPARATOR = re.compile(r",\s+and\s+|,\s+|\s+and\s+|\s+by\s+|\s+to\s+|\s+with\s+")


def _aggregate(text: str) -> _Result | None:
    """Computes `the sum of 3 and 4`, `multiply 6 by 7`, `the average of 3, 4 and 8`."""
    match = _AGGREGATE.fullmatch(text)
    if match is None:
        return None
    kind = match["kind"]
    numbers = [read_amount(part) for part in _SEPARATOR.split(match["list"])]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers):
        return None
    if kind == "factorial" and len(known) == 1:
        tokens = [Token("", known[0]), Token("!")]
    elif len(known) < 2:
        return None
    elif kind in {"average", "mean"}:
        listed = ", ".join(_written(number) for number in known)
        return _Result(Value(sum(known, Fraction(0)) / len(known)), f"Average of {listed}")
    else:
        tokens = _chain(_SYMBOL_OF_KIND.get(kind, "+"), known)
    value = evaluate(tokens)
    return _Result(value, write_expression(tokens)) if value else None


_SYMBOL_OF_KIND = {"product": "*", "multiply": "*", "difference": "-", "subtract": "-", "quotient": "/", "divide": "/"}


def _chain(symbol: str, numbers: list[Fraction]) -> list[Token]:
    tokens = [Token("", numbers[0])]
    for number in numbers[1:]:
        tokens += [Token(symbol), Token("", number)]
    return tokens


def _follow_up(question: Question, depth: int) -> _Result | None:
    """Computes `times 3`, `divide that by 2` and `add 5 to it` from the result of the question before."""
    if depth == 0 or question.previous is None:
        return None
    operation = _operation(_spoken_end(question.whole))
    # The result is put into the read expression and not into its text, where it would lose digits.
    expression = f"{_STAND_IN} {operation}" if operation else _PRONOUN.sub(f" {_STAND_IN} ", _unasked(question.text))
    tokens = read_expression(expression) if str(_STAND_IN) in expression else None
    before = _compute(question.previous, depth - 1) if tokens else None
    if before is None or tokens is None:
        return None
    tokens = [Token("", before.value.number) if token.number == _STAND_IN else token for token in tokens]
    value = evaluate(tokens)
    if value is None:
        return None
    return _Result(Value(value.number, value.exact and before.value.exact), write_expression(tokens))


def _spoken_end(text: str) -> str:
    return _CLOSING.sub("", text, count=1)


def _operation(text: str) -> str | None:
    verb = _CONTINUES_BY_VERB.fullmatch(re.sub(r"^(?:now |and |then |ok |please )+", "", text))
    if verb and read_amount(verb["amount"]) is not None:
        sign = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}[verb["verb"]]
        return f"{sign} {verb['amount']}"
    match = _FOLLOW_UP.fullmatch(text)
    if match is None:
        return None
    operation = {"by": "times"}.get(match["operation"], match["operation"])
    rest = match["rest"].strip()
    if operation in {"squared", "cubed"}:
        return operation if not rest else None
    # "-3 squared" and "minus one plus one" are whole sums that begin with a sign.
    if operation in _SIGN_OR_OPERATION and _is_sum(rest):
        return None
    return f"{operation} {rest}" if rest else None


def _is_sum(text: str) -> bool:
    tokens = read_expression(text) if read_amount(text) is None else None
    return tokens is not None and any(token.symbol not in {"", "%"} for token in tokens)


def _written(number: Fraction) -> str:
    return write_number(number)[0]
