"""Passages in odd forms: halves of code blocks, lines of PDF files, files of values, tables, marks of emphasis."""

import pytest

from quintet_llm.embedding_engine import Purpose
from quintet_llm.meaning import EmbeddingMeaning
from quintet_llm.skills.definitions import definition_asked
from quintet_llm.skills.passage_units import UnitKind, units_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Text.\n\n```python\nx = 1", ["Text.", "```python\nx = 1\n```"]),
        ("x = 1\n```\n\nText.\n\n```python\ny = 2\n```", ["```\nx = 1\n```", "Text.", "```python\ny = 2\n```"]),
        ("Text.\n\n```", ["Text."]),
        ("**Choice.** Take *one* of [these](a.md).", ["Choice.", "Take one of these."]),
        (
            "Stop\nPress the red button on the panel. Hold\nit for 3 seconds.",
            ["Press the red button on the panel.", "Hold it for 3 seconds."],
        ),
        ("| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |", ["x: b 1", "y: b 2"]),
        ("|  |  |\n| --- | --- |\n| Rooms | 12 |", ["Rooms: 12"]),
        ("| only |", ["only"]),
    ],
)
def test_parts_of_a_passage(text, parts):
    assert [unit.text for unit in units_of(text)] == parts


def test_lines_of_values_and_of_code_stay_lines():
    rows = units_of('name,price\nlamp,5 EUR\n"wick, long",1 EUR', "stock.csv")
    assert [(unit.kind, unit.text) for unit in rows] == [
        (UnitKind.ROW, "lamp: price 5 EUR"),
        (UnitKind.ROW, "wick, long: price 1 EUR"),
    ]
    lines = units_of("A = 1\n\ndef f():\n    return A", "src/a.py")
    assert [unit.text for unit in lines] == ["A = 1", "def f():", "    return A"]


def test_title_without_marks_stands_above_what_follows():
    units = units_of("Emergency stop\nPress the red button. Then wait.")
    assert {unit.title for unit in units} == {"Emergency stop"}
    assert {unit.heading for unit in units} == {""}


@pytest.mark.parametrize(
    ("question", "sentence", "given"),
    [
        ("What is a lease?", "A lease is a contract for a time.", True),
        ("What is a lease?", "The lease runs from May to April.", False),
        ("What are core hours?", "Core hours are 10:00 to 15:00.", True),
        ("What does E17 mean?", "Error codes: E17 means that the lidar is dirty.", True),
        ("What is a password?", "The wifi password is Tulip.", False),
        ("What is a password?", "Passwords are kept in a safe.", False),
        ("Who is Priya Raman?", "The team is led by Priya Raman.", True),
        ("How does a queue work?", "FALCON-101 means that many wait in the queue.", False),
    ],
)
def test_definitions(question, sentence, given):
    assert definition_asked(question).is_given_by(sentence, "") is given


@pytest.mark.parametrize("question", ["What is the rent?", "How do I work from home?", "What is it?", "When is lunch?"])
def test_other_questions_ask_for_no_definition(question):
    assert definition_asked(question) is None


class _Engine:
    """Vectors that tell `a` from everything else."""

    def __init__(self):
        self.embedded = []

    def info(self):
        return type("Info", (), {"model": "letters"})

    async def embed(self, texts, purpose):
        assert purpose is Purpose.QUERY
        self.embedded.append(list(texts))
        return [[1.0, 0.0] if text.startswith("a") else [0.0, 1.0] for text in texts]


async def test_sentences_are_compared_in_one_call_and_embedded_once():
    engine = _Engine()
    meaning = EmbeddingMeaning(lambda: engine)
    assert await meaning.similarities("a?", ["a", "b", "b"]) == [1.0, 0.0, 0.0]
    assert await meaning.similarities("b?", ["a", "b"]) == [0.0, 1.0]
    assert engine.embedded == [["a?", "a", "b"], ["b?"]]
