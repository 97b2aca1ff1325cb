"""Turns of conversations over real gRPC: what is kept, what is streamed, and what is recorded, however a turn ends."""

import asyncio
from contextlib import aclosing

import pytest
from scripted_services import REMOTE, ScriptedPassages, ScriptedPrices, ScriptedServices

from quintet.chat.v1.chat_service_pb2 import ChatFinished, ChatMessage, Passage
from quintet.session.v1.session_service_pb2 import Message
from quintet.usage.v1.usage_service_pb2 import UsageRecord
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Ask, ChatTurns, Owner
from quintet_gateway.assistant.history import History
from quintet_gateway.assistant.metering import Measured, Meter
from quintet_gateway.assistant.models import ChatModels
from quintet_gateway.assistant.usage import Usage
from quintet_gateway.clients.chat import ChatClient
from quintet_gateway.clients.session import SessionClient
from quintet_gateway.clients.usage import UsageClient
from quintet_testing import eventually, serve

MAYA = Owner("aegis", "maya")
BUSY = DomainError(Reason.ENGINE_BUSY, "All slots are taken.", {})


@pytest.fixture
async def services():
    return ScriptedServices()


@pytest.fixture
async def knowledge():
    return ScriptedPassages()


@pytest.fixture
async def prices():
    return ScriptedPrices()


@pytest.fixture
async def turns(services, knowledge, prices):
    async with serve(services.register) as channel:
        chat, usage = ChatClient(channel), Usage(UsageClient(channel))
        models = ChatModels(chat)
        meter = Meter(models, prices, usage)
        turns = ChatTurns(chat, History(SessionClient(channel)), models, knowledge, meter)
        yield turns
        await turns.close()
        await meter.close(5)
        await usage.close(5)


@pytest.fixture
def recorded(services):
    """Waits for the records of so many calls, and returns them."""

    async def wait(count=1):
        async def enough():
            return len(services.usage.records) >= count and services.usage.records

        records = await eventually(enough)
        assert len(records) == count
        return records

    return wait


async def read(turn):
    async with aclosing(turn.deltas()) as deltas:
        return [delta async for delta in deltas]


async def test_turn_streams_and_keeps_question_and_answer(services, turns, recorded):
    services.session.put("s1", "maya")
    turn = await turns.begin(Ask(MAYA, "12*12?", session_id="s1", title="Sums", question_id="q1", answer_id="a1"))
    assert (turn.question.message_id, turn.question.content) == ("q1", "12*12?")
    assert turn.session.title == "Sums"
    assert turn.outcome is None
    assert await read(turn) == ["It is ", "144."]
    assert (turn.text, turn.engine, turn.model) == ("It is 144.", "grounded", "grounded-1")
    assert [message.message_id for message in services.session.messages["s1"]] == ["q1", "a1"]
    assert (turn.answer.message_id, turn.answer.content) == ("a1", "It is 144.")
    assert turn.session.message_count == 2
    assert turn.session.attributes["provider"] == "grounded"
    assert turn.session.attributes["answer_model"] == "grounded-1"
    assert float(turn.session.attributes["last_response_ms"]) == pytest.approx(turn.outcome.response_s * 1000, abs=0.1)
    assert services.calls == ["stored ROLE_USER", "asked", "stored ROLE_ASSISTANT"]
    assert (turn.outcome.input_tokens, turn.outcome.output_tokens, turn.outcome.cost_usd) == (7, 3, 0.0)
    assert 0 < turn.outcome.first_text_s <= turn.outcome.response_s
    assert not turn.outcome.estimated
    await recorded()


async def test_a_stored_question_is_answered_though_its_context_cannot_be_read(services, turns):
    services.session.put("s1", "maya", count=3)
    services.session.listing_failure = DomainError(Reason.DEADLINE_EXCEEDED, "Too slow.", {})
    turn = await turns.begin(Ask(MAYA, "12*12?", session_id="s1", must_exist=True))
    assert await read(turn) == ["It is ", "144."]
    assert len(services.session.messages["s1"]) == 5


async def test_record_tells_what_a_turn_took(services, turns, recorded):
    services.session.put("s1", "maya")
    turn = await turns.begin(Ask(MAYA, "12*12?", action="stream_chat", session_id="s1"))
    await read(turn)
    (record,) = await recorded()
    assert record.scope == MAYA.scope()
    assert (record.action, record.provider, record.model) == ("stream_chat", "grounded", "grounded-1")
    assert (record.input_tokens, record.output_tokens, record.cost_micro_usd) == (7, 3, 0)
    assert record.outcome == UsageRecord.OUTCOME_SUCCEEDED
    assert record.latency.ToMicroseconds() == pytest.approx(turn.outcome.response_s * 1e6, abs=1)
    assert 0 < record.first_token_latency.ToMicroseconds() <= record.latency.ToMicroseconds()
    assert record.record_id
    assert record.start_time.seconds > 0
    assert not record.estimated


async def test_earlier_messages_are_the_context(services, turns):
    services.session.put("s1", "maya", count=2)
    await read(await turns.begin(Ask(MAYA, "And now?", session_id="s1")))
    asked = services.chat.requests[0].messages
    assert [message.content for message in asked] == ["m0", "m1", "And now?"]
    assert {message.role for message in asked} == {ChatMessage.ROLE_USER}


async def test_session_that_must_exist_is_an_error_and_nothing_is_asked(services, turns):
    with pytest.raises(DomainError) as failure:
        await turns.begin(Ask(MAYA, "Hello", session_id="gone", must_exist=True))
    assert failure.value.reason is Reason.SESSION_NOT_FOUND
    assert services.calls == []


async def test_unknown_session_is_answered_and_nothing_is_kept(services, turns, recorded):
    services.session.put("s1", "somebody else")
    turn = await turns.begin(Ask(MAYA, "Hello", session_id="s1"))
    assert await read(turn) == ["It is ", "144."]
    assert (turn.question, turn.answer, turn.session) == (None, None, None)
    assert turn.outcome.output_tokens == 3
    assert services.session.messages["s1"] == []
    await recorded()


async def test_question_is_not_lost_if_the_engine_refuses(services, turns, recorded):
    services.session.put("s1", "maya")
    services.chat.refusal = BUSY
    turn = await turns.begin(Ask(MAYA, "Hello", session_id="s1"))
    with pytest.raises(DomainError) as failure:
        await read(turn)
    assert failure.value.reason is Reason.ENGINE_BUSY
    assert [message.content for message in services.session.messages["s1"]] == ["Hello"]
    (record,) = await recorded()
    assert record.outcome == UsageRecord.OUTCOME_FAILED
    assert (record.provider, record.model) == ("grounded", "grounded-1")
    assert (record.input_tokens, record.output_tokens, record.estimated) == (0, 0, True)
    assert not record.HasField("first_token_latency")


async def test_half_an_answer_is_kept_and_its_tokens_are_estimated(services, turns, recorded):
    services.session.put("s1", "maya")
    services.chat.failure = DomainError(Reason.ENGINE_FAILED, "It broke.", {})
    turn = await turns.begin(Ask(MAYA, "12345678", session_id="s1"))
    with pytest.raises(DomainError):
        await read(turn)
    assert turn.answer.content == "It is 144."
    (record,) = await recorded()
    assert record.outcome == UsageRecord.OUTCOME_FAILED
    # Eight and ten bytes at four a token.
    assert (record.input_tokens, record.output_tokens, record.estimated) == (2, 3, True)


async def test_leaving_stops_the_engine_keeps_no_answer_and_is_recorded(services, turns, recorded):
    services.session.put("s1", "maya")
    services.chat.release.clear()
    turn = await turns.begin(Ask(MAYA, "12345678", session_id="s1"))
    deltas = turn.deltas()
    assert await anext(deltas) == "It is "
    await deltas.aclose()
    async with asyncio.timeout(5):
        await services.chat.stopped.wait()
    assert [message.role for message in services.session.messages["s1"]] == [Message.ROLE_USER]
    (record,) = await recorded()
    assert record.outcome == UsageRecord.OUTCOME_ABORTED
    assert (record.input_tokens, record.output_tokens, record.estimated) == (2, 2, True)


async def test_cancelled_reader_is_recorded_as_one_who_left(services, turns, recorded):
    services.chat.release.clear()
    turn = await turns.begin(Ask(MAYA, "Hello"))
    reading = asyncio.create_task(read(turn))

    async def has_text():
        return turn.text == "It is 144."

    await eventually(has_text)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    (record,) = await recorded()
    assert record.outcome == UsageRecord.OUTCOME_ABORTED


async def test_answer_is_stored_even_if_its_reader_leaves_meanwhile(services, turns):
    services.session.put("s1", "maya")
    turn = await turns.begin(Ask(MAYA, "Hello", session_id="s1"))
    services.session.may_append.clear()
    reading = asyncio.create_task(read(turn))

    async def is_settled():
        return turn.outcome

    await eventually(is_settled)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    services.session.may_append.set()
    await turns.close()
    assert [message.content for message in services.session.messages["s1"]] == ["Hello", "It is 144."]


async def test_remote_model_has_a_provider_and_a_price(services, turns, prices, recorded):
    services.chat.engine, services.chat.models = REMOTE, ["gpt-4o"]
    turn = await turns.begin(Ask(MAYA, "Hello"))
    await read(turn)
    (record,) = await recorded()
    assert (record.provider, record.model, record.cost_micro_usd) == ("openai", "gpt-4o", 20)
    assert turn.outcome.cost_usd == pytest.approx(0.00002)
    assert prices.ready.is_set()


async def test_turn_does_not_wait_for_its_cost_and_its_record_has_it(services, turns, prices, recorded):
    services.chat.engine, services.chat.models = REMOTE, ["gpt-4o"]
    services.session.put("s1", "maya")
    prices.may_tell.clear()
    turn = await turns.begin(Ask(MAYA, "Hello", session_id="s1"))
    try:
        async with asyncio.timeout(5):
            await read(turn)
        assert turn.answer.content == "It is 144."
        assert (turn.outcome.provider, turn.outcome.output_tokens, turn.outcome.cost_usd) == ("openai", 3, None)
        assert services.usage.records == []
    finally:
        prices.may_tell.set()
    (record,) = await recorded()
    assert record.cost_micro_usd == 20


async def test_closing_waits_for_the_cost_of_a_call(services, prices):
    services.chat.engine = REMOTE
    prices.may_tell.clear()
    async with serve(services.register) as channel:
        usage = Usage(UsageClient(channel))
        meter = Meter(ChatModels(ChatClient(channel)), prices, usage)
        measured = Measured(MAYA, "chat", "provider", "gpt-4o", 7, 3, False, 0, 1, 1, UsageRecord.OUTCOME_SUCCEEDED)
        settling = meter.settle(measured)
        closing = asyncio.create_task(meter.close(20))
        async with asyncio.timeout(5):
            assert (await asyncio.shield(settling)).cost_usd is None
        for _ in range(5):
            await asyncio.sleep(0)
        assert not closing.done()
        prices.may_tell.set()
        await closing
        await usage.close(5)
    assert [record.cost_micro_usd for record in services.usage.records] == [20]


async def test_answer_that_a_skill_computed_costs_nothing(services, turns, recorded):
    services.chat.engine, services.chat.models = REMOTE, ["gpt-4o"]
    services.chat.finished = ChatFinished(input_tokens=7, output_tokens=3, skill="arithmetic")
    await read(await turns.begin(Ask(MAYA, "12*12?")))
    (record,) = await recorded()
    assert (record.provider, record.cost_micro_usd, record.output_tokens) == ("openai", 0, 3)


async def test_turn_is_recorded_though_the_engine_can_not_be_described(services, turns, recorded):
    services.chat.engine_failure = DomainError(Reason.INTERNAL, "No.", {})
    turn = await turns.begin(Ask(MAYA, "Hello"))
    await read(turn)
    (record,) = await recorded()
    assert (record.provider, record.model, record.cost_micro_usd) == ("grounded", "grounded-1", 0)


@pytest.mark.parametrize(("asked", "sent"), [("grounded-2", "grounded-2"), ("gpt-9", ""), ("", "")])
async def test_model_that_is_not_served_means_the_default(services, turns, asked, sent):
    await read(await turns.begin(Ask(MAYA, "Hello", model=asked, language="fr")))
    assert services.chat.requests[0].model == sent
    assert services.chat.requests[0].language == "fr"


async def test_documents_help_only_who_asks_for_them(services, turns, knowledge):
    knowledge.found = [Passage(source=f"{number}.md", text="x") for number in range(25)]
    await read(await turns.begin(Ask(MAYA, "Hello")))
    await read(await turns.begin(Ask(MAYA, "What is x?", documents=True)))
    without, with_them = services.chat.requests
    assert list(without.passages) == []
    assert [passage.source for passage in with_them.passages] == [f"{number}.md" for number in range(20)]
    assert knowledge.asked == ["What is x?"]


async def test_failure_of_the_documents_does_not_fail_the_chat(services, turns, knowledge):
    knowledge.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.", {})
    assert await read(await turns.begin(Ask(MAYA, "Hello", documents=True))) == ["It is ", "144."]
    assert list(services.chat.requests[0].passages) == []


async def test_failing_store_fails_the_turn_before_the_engine_is_asked(services, turns):
    services.session.put("s1", "maya")
    services.session.failure = DomainError(Reason.INTERNAL, "Disk.", {})
    with pytest.raises(DomainError) as failure:
        await turns.begin(Ask(MAYA, "Hello", session_id="s1", documents=True))
    assert failure.value.reason is Reason.INTERNAL
    assert services.calls == []


async def test_answer_titles_a_first_turn_with_its_text(services, turns, recorded):
    services.session.put("s1", "maya")
    async with aclosing(turns.answer(MAYA, "s1", "x" * 60)) as deltas:
        assert [delta async for delta in deltas] == ["It is ", "144."]
    assert services.session.kept["s1"].title == "x" * 50 + "..."
    (record,) = await recorded()
    assert record.action == "chat"


async def test_stream_for_a_job_keeps_only_its_usage(services, turns, recorded):
    question = ChatMessage(role=ChatMessage.ROLE_USER, content="What is in it?")
    async with aclosing(turns.stream(MAYA, "image_question", [question], "de")) as deltas:
        assert "".join([delta async for delta in deltas]) == "It is 144."
    assert services.chat.requests[0].language == "de"
    (record,) = await recorded()
    assert (record.action, record.scope.owner) == ("image_question", "maya")


async def test_call_that_a_job_will_repeat_is_not_recorded(services, turns, recorded):
    question = ChatMessage(role=ChatMessage.ROLE_USER, content="Hello")
    services.chat.refusal = BUSY
    with pytest.raises(DomainError):
        await anext(turns.stream(MAYA, "voice_chat", [question]))
    services.chat.refusal = None
    async with aclosing(turns.stream(MAYA, "voice_chat", [question])) as deltas:
        assert [delta async for delta in deltas]
    (record,) = await recorded()
    assert record.outcome == UsageRecord.OUTCOME_SUCCEEDED


async def test_slow_usage_delays_no_answer(services, turns):
    services.usage.release.clear()
    turn = await turns.begin(Ask(MAYA, "Hello"))
    async with asyncio.timeout(5):
        await read(turn)
    assert services.usage.records == []
    services.usage.release.set()


async def test_engine_is_not_asked_again_for_every_turn(services, turns, recorded):
    for _ in range(5):
        await read(await turns.begin(Ask(MAYA, "Hello", model="grounded-2")))
    await recorded(5)
    # The models come in two pages.
    assert services.chat.asked == {"engine": 1, "models": 2}


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("When?", "Who founded Acme? When?"),
        ("And the deposit?", "Who founded Acme? And the deposit?"),
        ("When is it due?", "Who founded Acme? When is it due?"),
        ("When does the office open?", "When does the office open?"),
    ],
)
async def test_question_without_a_topic_is_searched_with_the_one_before(services, turns, knowledge, question, searched):
    services.session.put("s1", "maya")
    await read(await turns.begin(Ask(MAYA, "Who founded Acme?", session_id="s1", documents=True)))
    await read(await turns.begin(Ask(MAYA, question, session_id="s1", documents=True)))
    assert knowledge.asked[-1] == searched


async def test_engine_learns_whether_documents_were_searched(services, turns, knowledge):
    await read(await turns.begin(Ask(MAYA, "What is x?", documents=True)))
    knowledge.is_filled = False
    await read(await turns.begin(Ask(MAYA, "What is x?", documents=True)))
    knowledge.is_filled, knowledge.failure = True, BUSY
    await read(await turns.begin(Ask(MAYA, "What is x?", documents=True)))
    await read(await turns.begin(Ask(MAYA, "What is x?")))
    assert [request.documents_searched for request in services.chat.requests] == [True, False, False, False]
    assert len(knowledge.asked) == 2


async def test_plain_answers_use_documents(services, turns, knowledge):
    knowledge.found = [Passage(source="a.md", text="x")]
    async with aclosing(turns.answer(MAYA, None, "What is x?")) as deltas:
        assert [delta async for delta in deltas] == ["It is ", "144."]
    assert [passage.source for passage in services.chat.requests[0].passages] == ["a.md"]
