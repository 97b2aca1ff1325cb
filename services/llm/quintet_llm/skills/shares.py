"""Share prices from a public source."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from quintet_errors import DomainError
from quintet_llm.skills.clock import zone_of
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, Intent
from quintet_llm.skills.yahoo_chart import Quote, YahooChart

_PRICE = r"(?:stock price|share price|stock|shares?|stocks|stock quote|quote|stock value|market price|ticker)"
_NAME = r"(?P<name>\$?[a-z0-9][\w.&' -]{0,40}?)"
_NOW = r"(?: now| right now| today| currently| at the moment| trading at| worth| doing)*"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"how much (?:does|is|do|are) (?:a|one|an)? ?(?:share|stock)s? (?:of|in) {_NAME}(?: stock)?(?: cost| "
        rf"trading at| worth)?{_NOW}",
        r"(?:what(?:'s|s| is| are)? |how much (?:is|are|does) |how(?:'s| is| are) |check |get |show )?(?:the "
        rf")?(?:current |latest )?{_PRICE} (?:price )?(?:of|for|on) (?:the )?(?:company )?{_NAME}(?:'s)?(?: stock| "
        rf"shares?)?{_NOW}",
        r"(?:what(?:'s|s| is| are)? |how much (?:is|are|does) |how(?:'s| is| are) |check |get |show )?(?:the "
        rf")?(?:current |latest )?{_NAME}(?:'s)? (?:current )?{_PRICE}(?: (?:price|cost|value|worth|trading at|doing|"
        rf"going for))*{_NOW}",
        rf"(?:what(?:'s|s| is)? )(?:the )?(?:current |latest )?price of (?P<name>\$[a-z.-]{{1,10}}|"
        rf"(?:[a-z0-9][\w.&' -]{{0,40}}?) (?:stock|shares?)){_NOW}",
        rf"what(?:'s|s| is| are| does| do) {_NAME} (?:trading at|selling for on the stock market)(?: now| right now| "
        r"today)?",
        r"\$(?P<name>[a-z]{1,5}(?:\.[a-z]{1,2})?)",
    )
)
# The company's name must be one: "how do I buy stock" and "chicken stock" are other questions.
_NOT_A_COMPANY = re.compile(
    r"\b(?:buy|sell|invest|chicken|beef|vegetable|fish|bone|in|to|out of|of|make|making|my|your|a|an|the|best|good|"
    r"which|why|should|market|"
    r"explain|write|poem|story|about|do|does|did|i|you|rolling|live|joint|common|preferred|penny|cheap|value|growth|"
    r"tech|what|how|and|or|"
    r"photo|take|laughing|lock|movie|famous|inspirational|motivational|insurance|book|for|market's|crash|is|are|"
    r"dividend|split|"
    r"holder|options?|history|file|screen|time|car|ride|fair|per|next|hot|top)\b"
)
_SYMBOL = re.compile(r"\$?(?P<symbol>[A-Z]{1,5}(?:[.-][A-Z]{1,3})?)(?![\w'])")
_PLAIN_SYMBOL = re.compile(r"[a-z]{1,5}(?:[.-][a-z]{1,3})?")
_FOLLOW_UP = re.compile(
    r"(?:and|what about|how about|and what about|and how about)\s+(?:for |of "
    r")?(?P<name>\$?[a-z][\w.&' -]{0,40})"
)
_KNOWN = {
    "apple": "AAPL",
    "microsoft": "MSFT",
    "google": "GOOGL",
    "alphabet": "GOOGL",
    "amazon": "AMZN",
    "tesla": "TSLA",
    "meta": "META",
    "facebook": "META",
    "nvidia": "NVDA",
    "netflix": "NFLX",
    "intel": "INTC",
    "amd": "AMD",
    "ibm": "IBM",
    "oracle": "ORCL",
    "disney": "DIS",
    "coca cola": "KO",
    "coca-cola": "KO",
    "pepsi": "PEP",
    "boeing": "BA",
    "ford": "F",
    "walmart": "WMT",
    "nike": "NKE",
    "mcdonald's": "MCD",
    "mcdonalds": "MCD",
    "starbucks": "SBUX",
    "visa": "V",
    "mastercard": "MA",
    "paypal": "PYPL",
    "uber": "UBER",
    "airbnb": "ABNB",
    "spotify": "SPOT",
    "sap": "SAP",
}
_SIGNS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "KRW": "₩",
    "CNY": "CN¥",
    "CAD": "C$",
    "AUD": "A$",
    "HKD": "HK$",
}
_DEEPEST = 5
_UNREACHABLE = "I can't get share prices at the moment: the price service can't be reached, or did not answer properly."


@dataclass(frozen=True)
class _Wish:
    """The share asked for: a symbol in capitals, or a company's name to look up."""

    name: str
    is_symbol: bool


class SharesSkill:
    """Reports what the source says, and nothing if it says nothing."""

    name = "shares"

    def __init__(self, yahoo: YahooChart) -> None:
        self._yahoo = yahoo

    def match(self, question: Question) -> Intent | None:
        """Understands a question for the price of a share."""
        wish = _read(question, _DEEPEST)
        return Intent(self.name, CERTAIN, lambda: self._answer(wish, question)) if wish else None

    async def _answer(self, wish: _Wish, question: Question) -> AsyncIterator[str]:
        try:
            quote = await self._quote(wish)
        except DomainError:
            yield _UNREACHABLE
            return
        yield _written(quote, question) if quote else f"The price service knows no share called “{wish.name}”."

    async def _quote(self, wish: _Wish) -> Quote | None:
        symbol = wish.name if wish.is_symbol else await self._yahoo.find_symbol(wish.name)
        if symbol is None and _PLAIN_SYMBOL.fullmatch(wish.name):
            symbol = wish.name.upper()
        return await self._yahoo.quote(symbol) if symbol else None


def _read(question: Question, depth: int) -> _Wish | None:
    for pattern in _PATTERNS:
        match = pattern.fullmatch(question.text)
        if match is None:
            continue
        name = re.sub(r" (?:stock|shares?|inc|corp)$", "", match["name"].strip())
        if wish := _wish(name, question.original):
            return wish
    match = _FOLLOW_UP.fullmatch(question.whole)
    if match and depth and question.previous and _read(question.previous, depth - 1):
        return _wish(match["name"].strip(), question.original)
    return None


def _wish(name: str, original: str) -> _Wish | None:
    bare = name.removeprefix("$")
    if bare in _KNOWN:
        return _Wish(_KNOWN[bare], is_symbol=True)
    symbols = {match["symbol"].casefold() for match in _SYMBOL.finditer(original)}
    if name.startswith("$") or (bare in symbols and bare not in {"i", "a"}):
        return _Wish(bare.upper(), is_symbol=True)
    if _NOT_A_COMPANY.search(bare):
        return None
    # A short single word in small letters, as speech recognition writes it, is looked up as a name.
    return _Wish(bare, is_symbol=False)


def _written(quote: Quote, question: Question) -> str:
    sign = _SIGNS.get(quote.currency)
    price = f"{sign}{quote.price:,.2f}" if sign else f"{quote.price:,.2f} {quote.currency}".strip()
    change = "" if quote.change_percent is None else f" ({quote.change_percent:+.2f}%)"
    arrow = "📉" if (quote.change_percent or 0) < 0 else "📈"
    company = f"{quote.company}\n" if quote.company else ""
    moment = quote.time.astimezone(zone_of(question))
    return f"📊 Financial Analysis\n\n{arrow} {quote.symbol}: {price}{change}\n{company}\n*Updated: {moment:%H:%M:%S}*"
