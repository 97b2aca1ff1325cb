import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_tts.speakable_text import TextPieces, clean


def cut(text, longest):
    pieces = TextPieces(text)
    return list(iter(lambda: pieces.take(longest), ""))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One is here. Two is there. Three comes next.", "One is here. Two is there. "),
        ("No full stop, but a comma and then words", "No full stop, but a comma and "),
        ("Only 3.14159 words and words", "Only 3.14159 words and words"),
        (
            "今日は良い天気です。明日も良い天気でしょう。それから雨になると言われています。",
            "今日は良い天気です。明日も良い天気でしょう。",
        ),
        ("नमस्ते मेरे प्यारे दोस्त। आज मौसम अच्छा है।", "नमस्ते मेरे प्यारे दोस्त। "),
        ("a\u0301" * 40, "a\u0301" * 15),
    ],
)
def test_text_is_cut_where_a_speaker_would_pause(text, first):
    assert cut(text, 30)[0] == first


def test_point_in_a_number_is_no_end_of_a_sentence():
    assert cut("The number is about 3.1415926 and goes on for ever", 26)[0].endswith(("about ", "3.1415926 "))


def test_emoji_family_stays_together():
    family = "👨\u200d👩\u200d👧"
    for piece in cut(family * 10, 12):
        assert piece == family * (len(piece) // len(family))


@given(st.text(max_size=400), st.integers(1, 60))
def test_pieces_joined_are_the_text(text, longest):
    pieces = cut(text, longest)
    assert "".join(pieces) == text
    assert all(1 <= len(piece) <= longest for piece in pieces)


@given(st.text(st.characters(), max_size=300))
def test_clean_text_has_no_control_characters_and_keeps_its_length(text):
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    cleaned.encode()
    assert {char for char in cleaned if unicodedata.category(char) == "Cc"} <= set("\t\n\r\x85")


def test_lone_surrogates_are_replaced():
    assert clean("a\ud800b\x00c\x01d") == "a b c d"
