"""The program that knows prices: what it reads, and that its death or a bad file takes nothing away."""

import asyncio
import json
import os
import socket
from types import SimpleNamespace

import psutil
import pytest

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.price_book import PriceBook
from quintet_testing import eventually

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


EARLIER: set[int] = set()


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


@pytest.fixture(autouse=True)
def earlier():
    """Programs that other tests of this process have left to end by themselves."""
    EARLIER.clear()
    EARLIER.update(child.pid for child in programs())


def programs():
    children = [child for child in psutil.Process().children(recursive=True) if child.pid not in EARLIER]
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


SCRIPT = """
import json, pathlib, sys

place = pathlib.Path(__file__).parent

def note(what):
    with (place / "log").open("a") as log:
        log.write(what + "\\n")

note("start")
for line in sys.stdin:
    request = json.loads(line)
    note(request["ask"])
    if request["ask"] == "find" or (place / "slow").exists():
        (place / "gate").read_text()
    if request["ask"] == "load":
        print(json.dumps({"error": "Bad"} if (place / "broken").exists() else {"count": 0}), flush=True)
    elif request["ask"] == "find":
        found = {"provider": "acme", "model": request["model"]}
        print(json.dumps({"count": 1}), json.dumps(found), sep="\\n", flush=True)
    else:
        print(json.dumps({"count": 1}), json.dumps({"micro": 7}), sep="\\n", flush=True)
"""


@pytest.fixture
async def scripted(tmp_path):
    """A program that notes what it is asked; `find`, or if it is `slow` everything, waits for a writer of `gate`."""
    (tmp_path / "price_program.py").write_text(SCRIPT)
    os.mkfifo(tmp_path / "gate")
    now = [1000.0]
    book = PriceBook(program=tmp_path / "price_program.py", clock=lambda: now[0])

    def pass_time(seconds):
        now[0] += seconds

    def noted(what):
        log = tmp_path / "log"
        return log.read_text().split().count(what) if log.exists() else 0

    places = {name: tmp_path / name for name in ("broken", "gate", "slow")}
    yield SimpleNamespace(book=book, noted=noted, pass_time=pass_time, **places)
    await book.close()


async def fails(asking):
    with pytest.raises(DomainError) as failure:
        await asking
    assert failure.value.reason is Reason.SERVICE_UNAVAILABLE


async def test_broken_data_are_not_tried_for_each_question(scripted):
    scripted.broken.touch()
    for _ in range(3):
        await fails(scripted.book.get_ready())
        await fails(scripted.book.cost_micro_usd("acme", "acme-1", 1, 1))
        await fails(scripted.book.entries())
    assert scripted.noted("start") == 1
    scripted.pass_time(29)
    await fails(scripted.book.get_ready())
    assert scripted.noted("start") == 1
    scripted.broken.unlink()
    scripted.pass_time(2)
    assert await scripted.book.cost_micro_usd("acme", "acme-1", 1, 1) == 7
    assert scripted.noted("start") == 2


async def test_mended_data_are_tried_at_once_if_somebody_says_so(scripted):
    scripted.broken.touch()
    await fails(scripted.book.entries())
    await fails(scripted.book.entries(retry=True))
    assert scripted.noted("start") == 2
    scripted.broken.unlink()
    assert await scripted.book.entries(retry=True) == []
    assert await scripted.book.cost_micro_usd("acme", "acme-1", 1, 1) == 7
    assert scripted.noted("start") == 3


async def test_fetch_that_fails_keeps_nobody_from_the_data_that_are_here(scripted):
    scripted.broken.touch()
    await fails(scripted.book.entries(fetch=True))
    scripted.broken.unlink()
    assert await scripted.book.cost_micro_usd("acme", "acme-1", 1, 1) == 7


async def test_who_leaves_while_the_program_thinks_ends_it_for_nobody(scripted):
    asking = asyncio.create_task(scripted.book.find("acme", "acme-1"))

    async def is_asked():
        return scripted.noted("find")

    await eventually(is_asked)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    others = asyncio.gather(*(scripted.book.cost_micro_usd("acme", "acme-1", 1, 1) for _ in range(3)))
    await asyncio.to_thread(scripted.gate.write_text, "go")
    assert await others == [7, 7, 7]
    assert scripted.noted("start") == 1


async def test_who_leaves_while_the_program_starts_ends_it_for_nobody(scripted):
    scripted.slow.touch()
    leaving = asyncio.create_task(scripted.book.get_ready())
    staying = asyncio.create_task(scripted.book.cost_micro_usd("acme", "acme-1", 1, 1))

    async def is_loading():
        return scripted.noted("load")

    await eventually(is_loading)
    scripted.slow.unlink()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await asyncio.to_thread(scripted.gate.write_text, "go")
    assert await staying == 7
    assert scripted.noted("start") == 1


async def test_of_all_who_start_a_program_at_once_one_program_stays(scripted):
    await asyncio.gather(scripted.book.entries(), scripted.book.get_ready(), scripted.book.get_ready())
    assert scripted.noted("start") == 1
    assert len(programs()) == 1


async def test_programs_that_replace_each_other_leave_none_behind(real_book):
    await asyncio.gather(*(start() for start in (real_book.entries, real_book.get_ready) * 2))
    assert len(programs()) == 1
    assert await real_book.cost_micro_usd("acme", "acme-1", 500, 10) == 520
