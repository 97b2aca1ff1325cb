"""What people ask about a small company's documents: mostly answered, hardly ever wrongly, and nothing invented."""

from contextlib import aclosing

import pytest
from document_cases import ANSWERED, COMPANY, OPEN

from quintet_llm.conversation import Role, Turn
from quintet_llm.engine import ChatRequest, Finished
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.installed_embedding import InstalledEmbedding
from quintet_llm.meaning import EmbeddingMeaning
from quintet_llm.skills.registry import SkillOptions
from quintet_models import installed
from quintet_rpc.settings import default_data_dir

MODEL = "all-minilm-l6-v2"
MOST_MISSED = 3


@pytest.fixture(params=["words", pytest.param("meaning", marks=pytest.mark.knowledge)])
async def engine(request):
    models = default_data_dir() / "models"
    embedding = None
    if request.param == "meaning":
        if installed(models, MODEL) is None:
            pytest.skip(f"{MODEL} is not installed; `quintet models pull {MODEL}` fetches it")
        embedding = InstalledEmbedding(models, MODEL)
    made = GroundedEngine(SkillOptions(), EmbeddingMeaning(embedding.current) if embedding else None)
    await made.warm_up()
    made.knows_meaning = embedding is not None
    yield made
    await made.close()
    if embedding:
        await embedding.close()


async def asked(engine, question, before=""):
    turns = (Turn(Role.USER, before), Turn(Role.ASSISTANT, "Yes.")) if before else ()
    request = ChatRequest((*turns, Turn(Role.USER, question)), passages=COMPANY, documents_searched=True)
    text, skill = "", ""
    async with aclosing(engine.answer(request)) as events:
        async for event in events:
            if isinstance(event, Finished):
                skill = event.skill
            else:
                text += event.text
    return text, skill


async def test_questions_with_an_answer(engine):
    missed, wrong = [], []
    cases = [case for case in ANSWERED if engine.knows_meaning or not case.needs_model]
    for case in cases:
        text, skill = await asked(engine, case.question, case.before)
        if skill != "documents":
            missed.append(case.question)
        elif case.said not in text:
            wrong.append((case.question, text))
    print(f"{len(cases) - len(missed) - len(wrong)} of {len(cases)} right; missed: {missed}; wrong: {wrong}")
    assert not wrong
    assert len(missed) <= MOST_MISSED, missed


async def test_questions_without_an_answer(engine):
    answers = {question: await asked(engine, question) for question in OPEN}
    assert not {question: text for question, (text, skill) in answers.items() if skill}
    assert all("nothing about it was found in the indexed documents" in text for text, _ in answers.values())
    assert all("`quintet doctor`" in text for text, _ in answers.values())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "How much does the Beetle cost?",
            "Beetle: Payload 40 kg, Price 48,500 EUR\n\nSource: about.html, section Products",
        ),
        (
            "How much may a hotel in Zurich cost?",
            "A hotel may cost 140 euros a night, in Zurich 210 euros.\n\nSource: handbook.md, section Expenses",
        ),
        (
            "What is the reduced VAT rate?",
            "```\nexport const REDUCED_VAT_RATE = 0.07;\n```\n\nSource: src/invoice.ts",
        ),
        (
            "How do I restart Falcon?",
            "1. Drain the node with `falconctl drain`.\n2. Wait until it prints `drained` (up to 90 seconds).\n"
            "3. Run `systemctl restart falcon`.\n\nSource: runbook.md, section Restart",
        ),
        (
            "What does error E17 mean?",
            "Error codes: E17 means that the lidar is dirty; wipe it with alcohol.\n\n"
            "Source: beetle-manual.pdf, section Page 2",
        ),
    ],
)
async def test_whole_answers_are_tidy(engine, question, answer):
    assert (await asked(engine, question))[0] == answer


async def test_refusal_in_another_language_says_that_documents_were_searched(engine):
    text, _ = await asked(engine, "Wie hoch ist der Eiffelturm?")
    assert text.startswith("In den indexierten Dokumenten wurde dazu nichts gefunden.")
    assert "`quintet doctor`" in text
