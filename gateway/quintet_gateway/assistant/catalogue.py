"""The catalogue of language models: what is known of them in the world, and what runs here."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from quintet_errors import DomainError
from quintet_gateway.assistant.installed_models import InstalledModel, InstalledModels
from quintet_gateway.assistant.price_book import PriceBook
from quintet_gateway.assistant.remembered import Remembered
from quintet_observability import get_logger

_log = get_logger(__name__)

_OWN_VENDOR = "Quintet"
_INSTALLED_FRESH_S = 10.0
_TOP_VENDORS = 10


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model of one vendor.

    `provider` is the vendor's short name, as usage records know it. Prices are in US dollars for a million tokens, of
    those that depend on the length of the prompt the lowest. None stands for what is not known, and `modalities` holds
    only what is known: text, image, audio, video. `is_installed` tells that it can be used here.
    """

    provider: str
    vendor: str
    model_id: str
    title: str = ""
    context_window: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    modalities: tuple[str, ...] = ()
    released_on: date | None = None
    enabled: bool = True
    is_installed: bool = False


@dataclass(frozen=True)
class VendorCount:
    """How many models a vendor offers."""

    name: str
    model_count: int


@dataclass(frozen=True)
class ModalityCount:
    """How many models are known to take or to give something; one that several vendors offer counts once."""

    modality: str
    model_count: int


@dataclass(frozen=True)
class CatalogueStatus:
    """Numbers of the enabled entries.

    A model that several vendors offer counts once as a model and once for each of them as a deployment.
    """

    vendor_count: int
    model_count: int
    deployment_count: int
    price_count: int
    top_vendors: Sequence[VendorCount]


class ModelCatalogue:
    """Reads its data when they are first asked for. Methods raise DomainError SERVICE_UNAVAILABLE if they can't be.

    With `refresh_s`, it fetches newer data that often from the maintainers of the data, once `start` was called.
    """

    def __init__(self, book: PriceBook, installed: InstalledModels, refresh_s: float = 0) -> None:
        self._book = book
        self._refresh_s = refresh_s
        self._known = Remembered(self._read, float("inf"))
        self._installed = Remembered(installed.list, _INSTALLED_FRESH_S)
        self._refreshing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to fetch newer data, if that was chosen."""
        if self._refresh_s:
            self._refreshing = asyncio.create_task(self._keep_fresh())

    async def close(self) -> None:
        """Stops fetching and gives up what is held for it."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing
        await self._book.close()

    async def status(self) -> CatalogueStatus:
        """Counts what the catalogue holds; `top_vendors` are the largest 10, the largest first."""
        entries = await self._enabled()
        by_size = sorted(_vendors(entries), key=lambda one: (-one.model_count, one.name))
        return CatalogueStatus(
            vendor_count=len(by_size),
            model_count=len({entry.model_id for entry in entries}),
            deployment_count=len(entries),
            price_count=sum(entry.input_price is not None or entry.output_price is not None for entry in entries),
            top_vendors=by_size[:_TOP_VENDORS],
        )

    async def vendors(self) -> list[VendorCount]:
        """Returns all vendors by name."""
        return sorted(_vendors(await self._enabled()), key=lambda one: (one.name.casefold(), one.name))

    async def modalities(self) -> list[ModalityCount]:
        """Returns all modalities by name."""
        known = {(name, entry.model_id) for entry in await self._enabled() for name in entry.modalities}
        counts = Counter(name for name, _ in known)
        return [ModalityCount(name, counts[name]) for name in sorted(counts)]

    async def search(
        self,
        pattern: str = "",
        vendor: str = "",
        modality: str = "",
        limit: int = 50,
        *,
        include_disabled: bool = False,
    ) -> list[CatalogueEntry]:
        """Returns the newest models first, those without a date last, and else by id.

        `pattern` is a part of id or title and `vendor` a part of the vendor's name, in any case of letters; `modality`
        is a whole name. Empty ones do not matter.
        """
        wanted, seller = pattern.casefold(), vendor.casefold()
        found = [
            entry
            for entry in await self._entries()
            if (entry.enabled or include_disabled)
            and (wanted in entry.model_id.casefold() or wanted in entry.title.casefold())
            and seller in entry.vendor.casefold()
            and (not modality or modality in entry.modalities)
        ]
        return sorted(found, key=_newest_first)[:limit]

    async def find(self, provider: str, model: str) -> CatalogueEntry | None:
        """Returns the entry that a provider's short name and a model's name stand for; None if it is not known."""
        entries = await self._entries()
        names = (provider, model)
        known = next((entry for entry in entries if (entry.provider, entry.model_id) == names), None)
        if known is None and (ids := await self._book.find(provider, model)):
            return next((entry for entry in entries if (entry.provider, entry.model_id) == ids), None)
        return known

    async def cost_micro_usd(self, provider: str, model: str, input_tokens: int, output_tokens: int) -> int:
        """Returns what a provider asks for a call, in millionths of a US dollar; 0 where that is not known."""
        try:
            return await self._book.cost_micro_usd(provider, model, input_tokens, output_tokens)
        except DomainError:
            return 0

    async def get_ready(self) -> None:
        """Makes the next cost known at once."""
        with suppress(DomainError):
            await self._book.get_ready()

    async def refresh(self) -> None:
        """Reads the operator's file again or, if fetching was chosen, fetches newer data; keeps the old if that fails.

        Raises:
            DomainError: SERVICE_UNAVAILABLE; the catalogue stays as it was.
        """
        rows = await self._book.entries(fetch=bool(self._refresh_s), retry=True)
        self._known.put(_to_entries(rows))
        self._installed.forget()

    async def _keep_fresh(self) -> None:
        while True:
            try:
                await self.refresh()
            except DomainError:
                _log.warning("catalogue_not_refreshed")
            await asyncio.sleep(self._refresh_s)

    async def _read(self) -> list[CatalogueEntry]:
        return _to_entries(await self._book.entries())

    async def _enabled(self) -> list[CatalogueEntry]:
        return [entry for entry in await self._entries() if entry.enabled]

    async def _entries(self) -> list[CatalogueEntry]:
        known, installed = await asyncio.gather(self._known.get(), self._installed.get())
        return _join(known, installed)


def _join(known: Sequence[CatalogueEntry], installed: Iterable[InstalledModel]) -> list[CatalogueEntry]:
    """Returns the installed models and those known of; one that is both stands there once."""
    names = {(entry.provider, entry.model_id) for entry in known}
    titles = {entry.provider: entry.vendor for entry in known}
    own = [_own_entry(model, titles) for model in installed if (model.provider, model.model_id) not in names]
    return [*own, *known]


def _own_entry(model: InstalledModel, titles: dict[str, str]) -> CatalogueEntry:
    is_own = not model.provider
    return CatalogueEntry(
        provider=model.provider or model.engine,
        vendor=_OWN_VENDOR if is_own else titles.get(model.provider, model.provider),
        model_id=model.model_id,
        input_price=0.0 if is_own else None,
        output_price=0.0 if is_own else None,
        modalities=model.modalities,
        is_installed=True,
    )


def _to_entries(rows: Iterable[dict[str, Any]]) -> list[CatalogueEntry]:
    return [
        CatalogueEntry(
            **{
                **row,
                "modalities": tuple(row["modalities"]),
                "released_on": date.fromisoformat(row["released_on"]) if row["released_on"] else None,
            }
        )
        for row in rows
    ]


def _vendors(entries: Iterable[CatalogueEntry]) -> list[VendorCount]:
    counts = Counter(vendor for vendor, _ in {(entry.vendor, entry.model_id) for entry in entries})
    return [VendorCount(name, count) for name, count in counts.items()]


def _newest_first(entry: CatalogueEntry) -> tuple[int, str, str]:
    return (-entry.released_on.toordinal() if entry.released_on else 0, entry.model_id, entry.vendor)
