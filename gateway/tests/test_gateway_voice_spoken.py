"""What is read aloud of an answer, and which of its text was heard when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_gateway.assistant.voice import SpokenForm, spoken_form
from quintet_gateway.assistant.voice.timeline import Timeline


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Plain words, as they are.", "Plain words, as they are."),
        ("**Bold.** and *slanted* and ***both***", "Bold. and slanted and both"),
        (" the rest of bold** text", "the rest of bold text"),
        ("**3 apples** cost *4 dollars*", "3 apples cost 4 dollars"),
        ("_It_ is __so__, not snake_case", "It is so, not snake_case"),
        ("2 * 3 is 2*3, 2**3 is 8", "2 * 3 is 2*3, 2**3 is 8"),
        ("Run `make test` ~~never~~ now", "Run make test never now"),
        ("# Weather\n\nIt is sunny.\n- warm\n- dry", "Weather. It is sunny. warm. dry"),
        ("* one\n> two\n- [x] three\n• four", "one. two. three. four"),
        ("1. First", "1. First"),
        ("See [the docs](https://a.b/c?d=e) and ![a cat](x.png).", "See the docs and a cat."),
        ("See https://www.example.com/a/b?c=1. Or http://x.org!", "See example.com. Or x.org!"),
        ("| City | Rain |\n|---|:--:|\n| Pune | 3 mm |", "City, Rain. Pune, 3 mm"),
        ("one<br>two <b>three</b>, a < b > c", "one two three, a < b > c"),
        ("Good 👍🏽 👨‍👩‍👧 ❤️ morning 3️⃣", "Good morning 3"),
        ("-5 degrees, 5 - 3 = 2", "-5 degrees, 5 - 3 = 2"),
        ("नमस्ते। **क्‍या** हाल है?", "नमस्ते। क्‍या हाल है?"),
        ("```python\nprint(1)\n```\nDone.", "Done."),
    ],
)
def test_marks_are_not_read_aloud(written, spoken):
    assert spoken_form(written) == spoken


@pytest.mark.parametrize(
    "written", ["", " \n", "😀🎉", "---", "* * *", "***", "...", "?!", "|---|---|", "✓ →", "```\nx\n```"]
)
def test_text_without_words_is_silent(written):
    assert spoken_form(written) == ""


def test_code_is_left_out_over_several_clauses():
    form = SpokenForm()
    clauses = ["Here it is:", "\n```python", "\nx = 1.", " y = 2", "\n```", "\nThat is all."]
    assert [form.of(clause) for clause in clauses] == ["Here it is:", "", "", "", "", "That is all."]


@given(
    st.text(
        st.sampled_from("ab3 *_`~[]()<>|#-:/.\n!httpswwर्😀\u200d") | st.characters(exclude_categories=["Cs"]),
        max_size=300,
    )
)
def test_any_text_has_a_spoken_form_of_one_line(written):
    spoken = spoken_form(written)
    assert spoken == spoken.strip()
    assert "\n" not in spoken
    assert not spoken or any(character.isalnum() for character in spoken)


@pytest.fixture
def timeline():
    """Three clauses, the last of which has no known end yet."""
    timeline = Timeline()
    timeline.add("It is noon.")
    timeline.add_silent("\n---")
    timeline.add("\nIt is warm outside.")
    timeline.add(" So go out now.")
    timeline.spoken(0, 1.0)
    timeline.spoken(1, 3.0)
    return timeline


@pytest.mark.parametrize(
    ("sound_s", "said"),
    [
        (0.0, ""),
        (0.1, ""),
        (0.5, "It is"),
        (0.9999, "It is noon."),
        (1.0, "It is noon."),
        (2.0, "It is noon.\n---\nIt is"),
        (3.0, "It is noon.\n---\nIt is warm outside."),
        (3.3, "It is noon.\n---\nIt is warm outside. So"),
        (60.0, "It is noon.\n---\nIt is warm outside. So go out now."),
    ],
)
def test_text_heard_by_a_time(timeline, sound_s, said):
    assert timeline.said_by(sound_s) == said


def test_silent_end_counts_with_the_last_clause(timeline):
    timeline.spoken(2, 4.0)
    timeline.add_silent(" 😀")
    assert timeline.said_by(4.0).endswith("So go out now. 😀")
    assert timeline.said_by(3.9).endswith("So go out")


def test_without_sound_nothing_was_heard():
    timeline = Timeline()
    timeline.add_silent("😀")
    assert timeline.said_by(5.0) == ""


def test_clause_without_known_end_is_judged_by_the_pace_of_those_before():
    timeline = Timeline()
    timeline.add("one two")
    timeline.add(" three four")
    timeline.spoken(0, 7.0)
    assert timeline.said_by(12.9) == "one two"
    assert timeline.said_by(13.1) == "one two three"


def test_clause_without_known_end_is_judged_by_the_usual_pace():
    timeline = Timeline()
    timeline.add("one two three four")
    assert timeline.said_by(0.5) == "one two"
