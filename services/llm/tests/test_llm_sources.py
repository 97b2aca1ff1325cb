"""Weather and share prices against a loopback server that speaks, or fails, as the public sources do."""

import asyncio
import time

import pytest

from quintet_llm.skills.open_meteo import OpenMeteo
from quintet_llm.skills.remote import JsonSource, create_client

NO_WEATHER = "I can't get the weather at the moment: the weather service can't be reached, or did not answer properly."
NO_PRICES = "I can't get share prices at the moment: the price service can't be reached, or did not answer properly."
QUESTIONS = (("What's the weather in Paris?", NO_WEATHER), ("What's the stock price of AAPL?", NO_PRICES))


@pytest.mark.parametrize("fault", ["500", "malformed", "not-json-object", "redirect", "odd-types", "huge", "deep"])
async def test_bad_answer_is_one_clear_sentence(assistant, sources, fault):
    sources.fault = fault
    for question, sentence in QUESTIONS:
        assert (await assistant.ask(question))[0] == sentence


async def test_unreachable_source_is_one_clear_sentence(assistant, sources):
    sources.shutdown()
    sources.server_close()
    for question, sentence in QUESTIONS:
        assert (await assistant.ask(question))[0] == sentence


@pytest.mark.slow
async def test_slow_source_is_given_up_after_four_seconds(assistant, sources):
    sources.fault = "slow"
    started = time.monotonic()
    answers = await asyncio.gather(*(assistant.ask(question) for question, _ in QUESTIONS))
    assert [answer for answer, _ in answers] == [sentence for _, sentence in QUESTIONS]
    assert 3.5 < time.monotonic() - started < 6


async def test_source_is_asked_again_after_a_failure(assistant, sources):
    sources.fault = "500"
    assert (await assistant.ask("weather in Paris"))[0] == NO_WEATHER
    sources.fault = ""
    assert "18°C" in (await assistant.ask("weather in Paris"))[0]


async def test_answers_are_remembered_briefly(assistant, sources):
    first = await assistant.ask("weather in Paris")
    asked = len(sources.requests)
    assert await assistant.ask("what's the weather in Paris?") == first
    assert len(sources.requests) == asked == 2


async def test_memory_ends(sources):
    client = await create_client()
    open_meteo = OpenMeteo(JsonSource(client, keep_s=0), sources.url, sources.url)
    await open_meteo.find("Paris")
    await open_meteo.find("Paris")
    assert len(sources.requests) == 2
    await client.aclose()


async def test_documented_requests_are_sent(assistant, sources):
    await assistant.ask("weather in Paris")
    await assistant.ask("stock price of AAPL")
    geocoding, forecast, chart = sources.requests
    assert geocoding.startswith("/v1/search?name=paris&count=1&language=en")
    assert "latitude=48.8534" in forecast
    assert "current=temperature_2m" in forecast
    assert chart == "/v8/finance/chart/AAPL?interval=1d&range=1d"


async def test_name_in_an_address_can_not_change_the_address(assistant, sources):
    await assistant.ask("what's the weather in Paris&count=9#x")
    await assistant.ask("stock price of $../../x")
    assert all(path.startswith(("/v1/", "/v8/finance/chart/")) and "count=9" not in path for path in sources.requests)


async def test_price_formats(assistant):
    answer, skill = await assistant.ask("What's the stock price of AAPL?")
    assert skill == "shares"
    assert answer == "📊 Financial Analysis\n\n📈 AAPL: $182.45 (+1.23%)\nApple Inc.\n\n*Updated: 16:29:59*"


async def test_stopped_question_stops_the_request(assistant, sources):
    sources.fault = "slow"
    asking = asyncio.ensure_future(assistant.ask("weather in Paris"))
    while not sources.requests:
        await asyncio.sleep(0.01)
    asking.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - started < 0.25
