"""Clauses of a text that is still written: where they end, and that nothing is lost or depends on how it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_gateway.assistant.voice import ClauseCutter

HELLO = "Here is what I know."


def cut(*pieces):
    cutter = ClauseCutter()
    clauses = [clause for piece in pieces for clause in cutter.feed(piece)]
    return clauses + cutter.finish()


def later(text):
    """Returns the clauses of a text that is not the first one of its answer."""
    first, *others = cut(f"{HELLO} {text}")
    assert first == HELLO
    return [clause.strip() for clause in others]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("He left. She came.", ["He left.", "She came."]),
        ("Really? Yes! No.", ["Really?", "Yes!", "No."]),
        ("Pi is 3.14 and more. So.", ["Pi is 3.14 and more.", "So."]),
        ("It costs 1,000 at 10.30 today. Yes.", ["It costs 1,000 at 10.30 today.", "Yes."]),
        ("The answer is 3. So it is.", ["The answer is 3.", "So it is."]),
        ("Dr. Smith met Mrs. Jones. Fine.", ["Dr. Smith met Mrs. Jones.", "Fine."]),
        ("Fruit, e.g. Apples, i.e. Food. Yes.", ["Fruit, e.g. Apples, i.e. Food.", "Yes."]),
        ("The U.S. Army left. Yes.", ["The U.S. Army left.", "Yes."]),
        ("At 5 p.m. we left. Yes.", ["At 5 p.m. we left.", "Yes."]),
        ("We left at 5 p.m. Then we ate.", ["We left at 5 p.m.", "Then we ate."]),
        ("Pens, ink, etc. are there. Yes.", ["Pens, ink, etc. are there.", "Yes."]),
        ("See no. 5 on p. 7 now. I said no. Then I left.", ["See no. 5 on p. 7 now.", "I said no.", "Then I left."]),
        ("J. K. Rowling wrote it. So did I. Then.", ["J. K. Rowling wrote it.", "So did I.", "Then."]),
        ("Wait... what? Well... Yes.", ["Wait... what?", "Well...", "Yes."]),
        ("Hm… maybe. Hm… Yes.", ["Hm… maybe.", "Hm…", "Yes."]),
        (
            "See www.example.com/a.b?c=d now. Or read.me. Yes.",
            ["See www.example.com/a.b?c=d now.", "Or read.me.", "Yes."],
        ),
        ('He said "stop." (She left.) **Bold.** Yes.', ['He said "stop."', "(She left.)", "**Bold.**", "Yes."]),
        ("1. Wash it.\n2. Dry it.", ["1. Wash it.", "2. Dry it."]),
        ("- one\n- two\n\nEnd", ["- one", "- two", "End"]),
        (
            "See [the list. It is long](https://a.b/c. d) now. Yes.",
            ["See [the list. It is long](https://a.b/c. d) now.", "Yes."],
        ),
        ("Call `a. b` now. Yes.", ["Call `a. b` now.", "Yes."]),
        ("नमस्ते। आप कैसे हैं? डॉ. शर्मा आए॥ ठीक है।", ["नमस्ते।", "आप कैसे हैं?", "डॉ. शर्मा आए॥", "ठीक है।"]),
        ("यह 10.30 बजे रु. 500 में मिला। हाँ।", ["यह 10.30 बजे रु. 500 में मिला।", "हाँ।"]),
        ("घर ५ कि.मी. दूर आहे. उदा. पुणे. हो.", ["घर ५ कि.मी. दूर आहे.", "उदा. पुणे.", "हो."]),
        ("ए. पी. जे. अब्दुल कलाम आए। हाँ।", ["ए. पी. जे. अब्दुल कलाम आए।", "हाँ।"]),
        ("你好。今天很好！真的？", ["你好。", "今天很好！", "真的？"]),
        ("「はい。」いいえ。", ["「はい。」", "いいえ。"]),
        ("نعم؟ لا.", ["نعم؟", "لا."]),
    ],
)
def test_clauses_end_where_a_speaker_would_stop(text, clauses):
    assert later(text) == clauses


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Yes. It is noon. Then.", "Yes. It is noon."),
        ("Sure!\nHere it is.", "Sure!\nHere it is."),
        ("Well, I think, that is so.", "Well, I think,"),
        ("Of course: here is the list, as you asked.", "Of course: here is the list,"),
        ("No.", "No."),
        (
            "so this model never once stops writing and writes and writes lines",
            "so this model never once stops writing and writes and writes",
        ),
        ("今天天气很好，我们去公园玩。", "今天天气很好，"),
    ],
)
def test_first_clause_is_short_but_not_a_single_word(text, first):
    assert cut(text)[0] == first


def test_cut_is_made_with_the_character_that_makes_it_certain():
    cutter = ClauseCutter()
    assert cutter.feed("The answer is 3.") == []
    assert cutter.feed("14") == []
    assert cutter.feed(".") == []
    assert cutter.feed(" ") == ["The answer is 3.14."]
    assert cutter.feed("ठीक है।") == []
    assert cutter.feed("ह") == [" ठीक है।"]
    assert cutter.feed("ाँ\n") == ["हाँ"]


def test_abbreviation_that_may_end_a_sentence_waits_for_the_next_word_only():
    cutter = ClauseCutter()
    assert cutter.feed("We left at 5 p.m. ") == []
    assert cutter.feed("T") == ["We left at 5 p.m."]


@pytest.mark.parametrize("word", ["word", "शब्द", "слово", "and"])
def test_model_that_never_stops_is_cut_at_words(word):
    clauses = cut(f"{word} " * 400)
    assert max(len(clause.split()) for clause in clauses) <= 25
    assert all(set(clause.split()) == {word} for clause in clauses[:-1])
    assert len(clauses[0].split()) < len(clauses[1].split())


@pytest.mark.parametrize(
    ("text", "longest"), [("字" * 1000, 60), ("x" * 2000, 300), (" " * 5000, 600), ("é" * 5000, 600)]
)
def test_text_without_spaces_or_words_is_cut_all_the_same(text, longest):
    clauses = cut(text)
    assert max(map(len, clauses)) <= longest
    assert "".join(clauses) == text


@pytest.mark.parametrize("letter", ["e\u0301", "क\u094d\u200dष", "字\ufe00"])
def test_letters_are_not_cut_from_their_marks(letter):
    for before in ("", "a", "aa", "aaa"):
        clauses = cut(before + letter * 700)
        assert len(clauses) > 1
        assert {clause.removeprefix(before).replace(letter, "") for clause in clauses} == {""}


def test_clause_does_not_end_with_a_word_that_leads_on():
    text = (
        "we go from here to there by way of that and this with our friends from the town and the village over the hill"
    )
    for clause in cut(text)[:-1]:
        assert clause.split()[-1] not in {"and", "the", "of", "from", "to", "by", "with", "our", "that", "this"}


LIKELY = st.text(
    st.sampled_from("ab A1३.,!?…。।॥ \n\r\t\"”)*`[](:;—-शाक字，é\u0301\u200d😀'")
    | st.characters(exclude_categories=["Cs"]),
    max_size=400,
)
WORDS = st.lists(
    st.sampled_from(
        ["Dr.", "etc.", "no.", "p.m.", "3.", "3.14", "Yes.", "and", "word,", "`a", "[b](c", "है।", "\n-", "...", "a.b"]
    ),
    max_size=80,
).map(" ".join)


@st.composite
def chunked(draw):
    text = draw(LIKELY | WORDS)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=20)))
    return text, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(chunked())
def test_nothing_is_lost_and_pieces_do_not_matter(case):
    text, pieces = case
    clauses = cut(*pieces)
    assert "".join(clauses) == text
    assert clauses == cut(text) == cut(*text)
    assert all(clauses)
