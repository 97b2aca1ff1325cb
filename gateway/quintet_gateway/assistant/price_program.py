"""A program of its own that knows the prices of language models; `price_book.py` starts it and asks it.

Importing the data of genai-prices takes a third of a second in which nothing else of a process can run, and some
40 MiB. It reads one JSON request a line from its input and answers in JSON lines; it ends with its input, or when
nothing was asked for a while. It is run by its path and imports nothing of the gateway, so that it starts fast.
"""

import json
import re
import select
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from genai_prices import UpdatePrices, Usage
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices, _providers_from_raw

_IDLE_S = 120.0
_MICRO = 1_000_000
# Vendors write the day of a model's release into the ids of its dated versions.
_DATE_IN_ID = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
_MEDIA = ("image", "audio", "video")
_TEXT_PRICES = {"input_mtok", "output_mtok", "input_mchars", "input_text_messages_kcount"}


def main() -> None:
    """Answers requests until the input ends or nobody asks."""
    fetched = False
    # What was fetched would be lost with the program.
    while fetched or select.select([sys.stdin], [], [], _IDLE_S)[0]:
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        try:
            answers = list(_answer(request))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a file or a server, the asker must be told
            _say({"error": type(error).__name__})
        else:
            fetched = fetched or bool(request.get("fetch"))
            _say({"count": len(answers)}, *answers)


def _say(*lines: dict[str, Any]) -> None:
    sys.stdout.writelines(json.dumps(line) + "\n" for line in lines)
    sys.stdout.flush()


def _answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match request["ask"]:
        case "load":
            _load(request["file"], fetch=request["fetch"])
            for provider in get_snapshot().providers:
                for model in provider.models:
                    yield _entry(provider, model)
        case "find":
            try:
                found = get_snapshot().find_provider_model(request["model"], None, *_seller(request))
            except LookupError:
                return
            yield {"provider": found[0].id, "model": found[1].id}
        case "cost":
            yield {"micro": _cost_micro_usd(request)}


def _load(file: str, *, fetch: bool) -> None:
    if file:
        providers = _providers_from_raw(json.loads(Path(file).read_bytes()))
        set_custom_snapshot(DataSnapshot(providers, from_auto_update=False))
    elif fetch:
        set_custom_snapshot(UpdatePrices().fetch())


def _entry(provider: Provider, model: ModelInfo) -> dict[str, Any]:
    prices = model.get_prices(datetime.now(tz=UTC)) if model.prices else ModelPrice()
    released = _date_in(model.id)
    return {
        "provider": provider.id,
        "vendor": provider.name,
        "model_id": model.id,
        "title": model.name or "",
        "context_window": model.context_window,
        "input_price": _dollars(prices.input_mtok),
        "output_price": _dollars(prices.output_mtok),
        "modalities": _modalities(vars(prices)),
        "released_on": released.isoformat() if released else None,
        "enabled": not model.deprecated,
    }


def _seller(request: dict[str, Any]) -> tuple[str | None, str | None]:
    """Returns the id of a provider or, of one that is known by its host only, the address of its API."""
    provider = request["provider"]
    return (None, f"https://{provider}") if "." in provider else (provider or None, None)


def _dollars(price: Decimal | TieredPrices | None) -> float | None:
    """Returns a price; of one that grows with the length of the prompt, the lowest."""
    price = price.base if isinstance(price, TieredPrices) else price
    return None if price is None else float(price)


def _modalities(prices: dict[str, Any]) -> list[str]:
    """Names what a model is known to take or to give, because it has a price."""
    priced = {name for name, price in prices.items() if price is not None}
    media = [medium for medium in _MEDIA if any(medium in name for name in priced)]
    return [*media, "text"] if priced & _TEXT_PRICES else media


def _date_in(model_id: str) -> date | None:
    found = _DATE_IN_ID.search(model_id)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _cost_micro_usd(request: dict[str, Any]) -> int:
    usage = Usage(input_tokens=request["input_tokens"], output_tokens=request["output_tokens"])
    try:
        price = get_snapshot().calc(usage, request["model"], *_seller(request), None)
    except LookupError:
        return 0
    return round(price.total_price * _MICRO)


if __name__ == "__main__":
    main()
