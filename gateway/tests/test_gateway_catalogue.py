"""The catalogue of models: counts, rules of search, prices, and what happens when its data can't be had."""

from datetime import date

import pytest
from scripted_services import REMOTE, ScriptedServices

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.catalogue import ModalityCount, ModelCatalogue, VendorCount
from quintet_gateway.assistant.installed_models import InstalledModel, InstalledModels
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.clients.chat import ChatClient
from quintet_testing import eventually, serve

AWAY = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.", {})


def row(vendor, model_id, released_on=None, **more):
    known = {"title": "", "context_window": None, "input_price": None, "output_price": None, "modalities": ["text"]}
    return {
        **known,
        "provider": vendor.lower(),
        "vendor": vendor,
        "model_id": model_id,
        "released_on": released_on,
        "enabled": True,
        **more,
    }


ROWS = [
    row("Acme", "acme-1", "2025-05-01", title="The Small One", input_price=1.0),
    row("Acme", "acme-2", "2026-01-31", modalities=["image", "text"], output_price=0.0),
    row("Acme", "acme-0", enabled=False),
    row("Zeta", "zeta-b"),
    row("Zeta", "ACME-1"),
    row("Meta acme", "zeta-a", "2026-01-31"),
]


class ScriptedBook:
    """Holds `rows`; a name of a model stands for the row that it begins with."""

    def __init__(self):
        self.rows = ROWS
        self.failure = None
        self.reads = 0
        self.fetches = []
        self.retries = []
        self.closed = False

    async def entries(self, *, fetch=False, retry=False):
        self.reads += 1
        self.fetches.append(fetch)
        self.retries.append(retry)
        if self.failure:
            raise self.failure
        return self.rows

    async def find(self, provider, model):
        ids = ((one["provider"], one["model_id"]) for one in self.rows)
        return next((found for found in ids if found[0] == provider and model.startswith(found[1])), None)

    async def cost_micro_usd(self, provider, model, input_tokens, output_tokens):
        if self.failure:
            raise self.failure
        return input_tokens + output_tokens

    async def close(self):
        self.closed = True


class Installed:
    def __init__(self):
        self.models = []

    async def list(self):
        return self.models


@pytest.fixture
def book():
    return ScriptedBook()


@pytest.fixture
def installed():
    return Installed()


@pytest.fixture
def catalogue(book, installed):
    return ModelCatalogue(book, installed)


def ids(entries):
    return [entry.model_id for entry in entries]


async def test_status_counts_what_is_enabled(catalogue, book):
    status = await catalogue.status()
    assert (status.vendor_count, status.model_count, status.deployment_count, status.price_count) == (3, 5, 5, 2)
    assert status.top_vendors == [VendorCount("Acme", 2), VendorCount("Zeta", 2), VendorCount("Meta acme", 1)]
    assert book.reads == 1


async def test_model_of_two_vendors_is_one_model_and_two_deployments(catalogue, book):
    book.rows = [row("Acme", "open-1"), row("Zeta", "open-1")]
    status = await catalogue.status()
    assert (status.model_count, status.deployment_count) == (1, 2)
    assert await catalogue.modalities() == [ModalityCount("text", 1)]
    assert await catalogue.vendors() == [VendorCount("Acme", 1), VendorCount("Zeta", 1)]


async def test_only_the_largest_vendors_are_top(catalogue, book):
    book.rows = [row(f"V{number:02}", f"m{one}") for number in range(12) for one in range(number + 1)]
    top = (await catalogue.status()).top_vendors
    assert [one.name for one in top] == [f"V{number:02}" for number in range(11, 1, -1)]


async def test_vendors_and_modalities_come_by_name(catalogue):
    assert [one.name for one in await catalogue.vendors()] == ["Acme", "Meta acme", "Zeta"]
    assert await catalogue.modalities() == [ModalityCount("image", 1), ModalityCount("text", 5)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # The newest first, then those without a date, each by id.
        ({}, ["acme-2", "zeta-a", "acme-1", "ACME-1", "zeta-b"]),
        ({"include_disabled": True}, ["acme-2", "zeta-a", "acme-1", "ACME-1", "acme-0", "zeta-b"]),
        ({"limit": 2}, ["acme-2", "zeta-a"]),
        ({"pattern": "aCMe-1"}, ["acme-1", "ACME-1"]),
        ({"pattern": "small"}, ["acme-1"]),
        ({"vendor": "ACME"}, ["acme-2", "zeta-a", "acme-1"]),
        ({"vendor": "acme", "pattern": "acme"}, ["acme-2", "acme-1"]),
        ({"modality": "image"}, ["acme-2"]),
        ({"modality": "Image"}, []),
        ({"pattern": "%"}, []),
    ],
)
async def test_search_follows_its_rules(catalogue, asked, expected):
    assert ids(await catalogue.search(**asked)) == expected


async def test_entry_keeps_what_is_known_and_none_for_the_rest(catalogue):
    known, unknown = (await catalogue.search("acme-1"))[0], (await catalogue.search("zeta-b"))[0]
    assert (known.released_on, known.input_price, known.output_price) == (date(2025, 5, 1), 1.0, None)
    assert (unknown.released_on, unknown.context_window, unknown.input_price) == (None, None, None)


async def test_find_knows_exact_names_and_those_that_stand_for_a_model(catalogue):
    assert (await catalogue.find("acme", "acme-1")).title == "The Small One"
    assert (await catalogue.find("acme", "acme-1-20250501")).title == "The Small One"
    assert await catalogue.find("acme", "other") is None


async def test_installed_models_of_this_house_are_free(catalogue, installed):
    installed.models = [InstalledModel("grounded-1", "grounded", "", ("text",))]
    (entry,) = await catalogue.search(vendor="quintet")
    assert (entry.model_id, entry.provider, entry.input_price, entry.output_price) == ("grounded-1", "grounded", 0, 0)
    assert entry.is_installed
    assert await catalogue.find("grounded", "grounded-1") == entry
    assert VendorCount("Quintet", 1) in await catalogue.vendors()


async def test_installed_model_of_a_provider_stands_there_once(catalogue, installed):
    served = [InstalledModel(name, "provider", "acme", ("text",)) for name in ("acme-1", "own-tune")]
    installed.models = [*served, InstalledModel("llama", "provider", "gpu.example:8000", ("text",))]
    assert ids(await catalogue.search("acme-1", vendor="acme")) == ["acme-1"]
    (tuned,) = await catalogue.search("own-tune")
    assert (tuned.vendor, tuned.input_price) == ("Acme", None)
    assert (await catalogue.search("llama"))[0].vendor == "gpu.example:8000"


async def test_refresh_reads_again_and_keeps_the_old_if_that_fails(catalogue, book):
    await catalogue.status()
    book.rows = ROWS[:1]
    await catalogue.refresh()
    assert (await catalogue.status()).deployment_count == 1
    book.failure = AWAY
    with pytest.raises(DomainError):
        await catalogue.refresh()
    assert (await catalogue.status()).deployment_count == 1
    assert book.fetches == [False] * 3
    # What was mended by hand must not wait until an earlier failure is forgotten.
    assert book.retries == [False, True, True]


async def test_catalogue_without_data_is_an_error_until_they_can_be_had(catalogue, book):
    book.failure = AWAY
    with pytest.raises(DomainError):
        await catalogue.search()
    book.failure = None
    assert await catalogue.search()


async def test_cost_that_can_not_be_known_is_nothing(catalogue, book):
    assert await catalogue.cost_micro_usd("acme", "acme-1", 3, 4) == 7
    book.failure = AWAY
    assert await catalogue.cost_micro_usd("acme", "acme-1", 3, 4) == 0


async def test_newer_data_are_fetched_only_if_that_was_chosen(book, installed):
    book.failure = AWAY
    catalogue = ModelCatalogue(book, installed, refresh_s=3600)
    catalogue.start()

    async def has_tried():
        return book.reads

    await eventually(has_tried)
    book.failure = None
    assert await catalogue.search()
    await catalogue.close()
    assert book.fetches == [True, False]
    assert book.closed


def telling(engine):
    async def ask():
        return engine

    return ask


async def failing():
    raise AWAY


async def test_installed_models_are_those_of_the_services_that_answer():
    services = ScriptedServices()
    whisper = Engine(name="faster-whisper", model="whisper-base", kind=Engine.KIND_NEURAL)
    espeak = Engine(name="espeak-ng", kind=Engine.KIND_EMBEDDED)
    engines = {"embedding": telling(Engine()), "stt": telling(whisper), "tts": telling(espeak), "vision": failing}
    async with serve(services.register) as channel:
        models = await InstalledModels(ChatModels(ChatClient(channel)), engines).list()
    assert [(one.model_id, one.engine, one.modalities) for one in models] == [
        ("grounded-1", "grounded", ("text",)),
        ("grounded-2", "grounded", ("text",)),
        ("whisper-base", "faster-whisper", ("audio", "text")),
        ("espeak-ng", "espeak-ng", ("audio", "text")),
    ]


async def test_models_of_a_provider_are_told_as_its_own():
    services = ScriptedServices()
    services.chat.engine, services.chat.models = REMOTE, ["gpt-4o"]
    async with serve(services.register) as channel:
        assert await InstalledModels(ChatModels(ChatClient(channel)), {}).list() == [
            InstalledModel("gpt-4o", "provider", "openai", ("text",))
        ]


async def test_no_model_is_installed_while_the_llm_service_is_away():
    services = ScriptedServices()
    services.chat.engine_failure = DomainError(Reason.INTERNAL, "No.", {})
    async with serve(services.register) as channel:
        assert await InstalledModels(ChatModels(ChatClient(channel)), {}).list() == []
