"""Share prices and symbols from Yahoo's public chart and search endpoints."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from quintet_errors import DomainError, Reason
from quintet_llm.skills.remote import JsonSource


@dataclass(frozen=True)
class Quote:
    """The last price of a share; `change_percent` is against the previous close, None if that is not known."""

    symbol: str
    price: float
    currency: str
    change_percent: float | None
    company: str
    time: datetime


class YahooChart:
    """Asks for one symbol at a time."""

    def __init__(self, source: JsonSource, base_url: str) -> None:
        self._source = source
        self._base_url = base_url.rstrip("/")

    async def quote(self, symbol: str) -> Quote | None:
        """Returns the price of a symbol, None if the source does not know it.

        Raises:
            DomainError: SOURCE_UNREACHABLE.
        """
        url = f"{self._base_url}/v8/finance/chart/{quote(symbol, safe='.-=^')}"
        found = await self._source.get(url, {"interval": "1d", "range": "1d"})
        try:
            chart = found["chart"]
            results = chart.get("result")
            return _read_quote(results[0]["meta"]) if results else None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError) as error:
            raise _not_understood() from error

    async def find_symbol(self, company: str) -> str | None:
        """Finds the symbol of a company by its name, None if there is none.

        Raises:
            DomainError: SOURCE_UNREACHABLE.
        """
        params = {"q": company, "quotesCount": "5", "newsCount": "0"}
        found = await self._source.get(f"{self._base_url}/v1/finance/search", params)
        try:
            quotes = found.get("quotes") or []
            return next((str(one["symbol"]) for one in quotes if one.get("quoteType") == "EQUITY"), None)
        except (KeyError, TypeError, AttributeError) as error:
            raise _not_understood() from error


def _read_quote(meta: dict[str, Any]) -> Quote:
    price = float(meta["regularMarketPrice"])
    previous = meta.get("previousClose") or meta.get("chartPreviousClose")
    return Quote(
        symbol=str(meta["symbol"]),
        price=price,
        currency=str(meta.get("currency") or ""),
        change_percent=100 * (price / float(previous) - 1) if previous else None,
        company=str(meta.get("longName") or meta.get("shortName") or ""),
        time=datetime.fromtimestamp(int(meta["regularMarketTime"]), UTC),
    )


def _not_understood() -> DomainError:
    return DomainError(Reason.SOURCE_UNREACHABLE, "The price source gave an answer that can't be understood.", {})
