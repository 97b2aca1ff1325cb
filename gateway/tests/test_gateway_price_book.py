"""The program that knows prices: what it reads, and that its death or a bad file takes nothing away."""

import asyncio
import json
import socket

import psutil
import pytest

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.price_book import PriceBook

MODELS = [
    {
        "id": "acme-1",
        "name": "Acme One",
        "match": {"starts_with": "acme-1"},
        "context_window": 1000,
        "prices": {"input_mtok": {"base": 1, "tiers": [{"start": 1000, "price": 10}]}, "output_mtok": 2},
    },
    {"id": "acme-ear-2026-02-28", "match": {"equals": "acme-ear"}, "deprecated": True, "prices": {"audio_hours": 1}},
    {"id": "acme-odd-2026-02-31", "match": {"equals": "acme-odd"}, "prices": {"input_mtok": 1, "output_image_mtok": 3}},
]


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "models.json"
    provider = {"id": "acme", "name": "Acme", "api_pattern": "https://api\\.acme\\.test", "models": MODELS}
    file.write_text(json.dumps([provider]))
    return file


@pytest.fixture
async def real_book(file):
    book = PriceBook(file)
    yield book
    await book.close()


def programs():
    children = psutil.Process().children(recursive=True)
    return [child for child in children if any("price_program" in part for part in child.cmdline())]


async def test_book_reads_the_operators_file(real_book):
    one, ear, odd = await real_book.entries()
    assert (one["provider"], one["vendor"], one["title"], one["context_window"]) == ("acme", "Acme", "Acme One", 1000)
    assert (one["input_price"], one["output_price"], one["modalities"]) == (1.0, 2.0, ["text"])
    assert (ear["input_price"], ear["modalities"], ear["enabled"]) == (None, ["audio"], False)
    # A day that no calendar has is no date of release.
    assert (ear["released_on"], odd["released_on"], odd["modalities"]) == ("2026-02-28", None, ["image", "text"])
    assert await real_book.find("acme", "acme-1-large") == ("acme", "acme-1")
    assert await real_book.find("api.acme.test", "acme-1") == ("acme", "acme-1")
    assert await real_book.find("acme", "unknown") is None
    # 1 dollar for a million tokens, and 10 if there are more than a thousand.
    assert await real_book.cost_micro_usd("acme", "acme-1", 500, 10) == 520
    assert await real_book.cost_micro_usd("acme", "acme-1", 2000, 10) == 20020
    assert await real_book.cost_micro_usd("nobody", "acme-1", 500, 10) == 0


async def test_book_survives_the_death_of_its_program(real_book):
    await real_book.get_ready()
    (program,) = programs()
    program.kill()
    assert await real_book.cost_micro_usd("acme", "acme-1", 500, 10) == 520
    await real_book.close()
    assert programs() == []


async def test_question_that_nobody_waits_for_spoils_no_other(real_book):
    await real_book.get_ready()
    asking = asyncio.create_task(real_book.find("acme", "acme-1"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await real_book.cost_micro_usd("acme", "acme-1", 500, 10) == 520
    assert len(programs()) == 1


async def test_broken_file_is_an_error_and_the_old_data_stay(real_book, file):
    await real_book.entries()
    file.write_text('[{"id": 1}]')
    with pytest.raises(DomainError) as failure:
        await real_book.entries()
    assert failure.value.reason is Reason.SERVICE_UNAVAILABLE
    assert await real_book.cost_micro_usd("acme", "acme-1", 500, 10) == 520
    assert len(programs()) == 1


@pytest.fixture
def no_network(monkeypatch):
    """Sends the program's requests to a port of this machine that refuses them."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{bound.getsockname()[1]}")
        yield


@pytest.mark.usefixtures("no_network")
async def test_bundled_data_are_there_and_stay_if_none_can_be_fetched():
    book = PriceBook()
    rows = await book.entries()
    assert len(rows) > 1000
    assert {"OpenAI", "Anthropic", "Google"} <= {one["vendor"] for one in rows}
    assert any(one["input_price"] and one["context_window"] for one in rows)
    with pytest.raises(DomainError):
        await book.entries(fetch=True)
    assert await book.find("openai", "gpt-4o-2024-08-06") == ("openai", "gpt-4o")
    assert await book.cost_micro_usd("openai", "gpt-4o", 1_000_000, 0) > 0
    await book.close()
