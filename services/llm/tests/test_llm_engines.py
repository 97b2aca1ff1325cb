"""What every engine of the chat service must do, run against each of them."""

import asyncio
from contextlib import aclosing

import pytest

from quintet_engines import EngineInfo
from quintet_errors import DomainError, Reason
from quintet_llm.conversation import Role, Turn
from quintet_llm.engine import ChatRequest, Finished, FinishReason, TextDelta
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.engines.provider import ProviderEngine
from quintet_llm.engines.provider_options import ProviderOptions
from quintet_llm.engines.scripted import ScriptedEngine
from quintet_llm.skills.registry import SkillOptions


@pytest.fixture(params=["grounded", "scripted", "provider"])
async def engine(request, provider):
    makers = {
        "grounded": lambda: GroundedEngine(SkillOptions()),
        "scripted": lambda: ScriptedEngine(lambda: ""),
        "provider": lambda: ProviderEngine(ProviderOptions(provider.url), SkillOptions()),
    }
    made = makers[request.param]()
    await made.warm_up()
    yield made
    await made.close()


def ask(*texts, **options):
    turns = tuple(Turn(Role.USER if index % 2 == 0 else Role.ASSISTANT, text) for index, text in enumerate(texts))
    return ChatRequest(turns, **options)


async def events_of(engine, request):
    return [event async for event in engine.answer(request)]


async def test_text_comes_before_exactly_one_end(engine):
    events = await events_of(engine, ask("what can you do?"))
    assert [type(event) for event in events] == [TextDelta] * (len(events) - 1) + [Finished]
    assert all(event.text for event in events[:-1])
    assert events[-1].reason is FinishReason.STOP


async def test_input_and_output_are_counted_in_words(engine):
    events = await events_of(engine, ask("what is", "no", "2 + 2"))
    text = "".join(event.text for event in events[:-1])
    assert events[-1].input_tokens == 6
    assert events[-1].output_tokens == len(text.split())


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_limit_cuts_after_so_many_tokens(engine, limit):
    events = await events_of(engine, ask("what can you do?", max_output_tokens=limit))
    assert len("".join(event.text for event in events[:-1]).split()) == limit
    assert (events[-1].reason, events[-1].output_tokens) == (FinishReason.LENGTH, limit)


async def test_same_request_has_the_same_answer(engine):
    assert await events_of(engine, ask("2+2")) == await events_of(engine, ask("2+2"))


async def test_closing_an_answer_early_leaves_the_engine_usable(engine):
    async with aclosing(engine.answer(ask("what can you do?"))) as answer:
        assert isinstance(await anext(answer), TextDelta)
    assert await events_of(engine, ask("2+2"))


async def test_many_answers_at_once_do_not_mix(engine):
    alone = await events_of(engine, ask("7 * 8"))
    together = await asyncio.gather(*(events_of(engine, ask("7 * 8")) for _ in range(50)))
    assert all(events == alone for events in together)


async def test_description_is_whole(engine):
    info = engine.info()
    assert isinstance(info, EngineInfo)
    assert info.name
    assert info.choice_reason
    assert info.loaded
    assert info.model in engine.models()


async def test_engine_works_again_after_close(engine):
    await engine.close()
    assert await events_of(engine, ask("2+2"))


async def test_scripted_engine_emits_the_words_of_its_text():
    engine = ScriptedEngine(lambda: "text=It is  144.")
    events = await events_of(engine, ask("x"))
    assert [event.text for event in events[:-1]] == ["It ", "is ", "144."]
    assert not engine.stopped.is_set()


async def test_scripted_engine_repeats_its_text_for_more_steps():
    events = await events_of(ScriptedEngine(lambda: "steps=5,text=a b"), ask("x"))
    assert "".join(event.text for event in events[:-1]) == "a b a b a"


async def test_scripted_engine_fails_where_the_script_says():
    answer = ScriptedEngine(lambda: "steps=4,error=RATE_LIMITED,error_after=2").answer(ask("x"))
    assert [(await anext(answer)).text, (await anext(answer)).text] == ["w0 ", "w1 "]
    with pytest.raises(DomainError) as caught:
        await anext(answer)
    assert caught.value.reason is Reason.RATE_LIMITED


async def test_scripted_engine_tells_when_it_was_stopped():
    engine = ScriptedEngine(lambda: "steps=1000,interval_ms=1")
    answer = engine.answer(ask("x"))
    await anext(answer)
    await answer.aclose()
    assert engine.stopped.is_set()
