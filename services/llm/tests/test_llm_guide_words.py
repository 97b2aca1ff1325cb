"""The guide's files of words agree with each other, and people's questions are understood in three languages."""

import importlib
import string

import pytest

from quintet_llm.skills.guide.intents import Wish, wish_of
from quintet_llm.skills.guide.language import LANGUAGES, read
from quintet_llm.skills.guide.things import color_name, thing

questions = importlib.import_module("guide_questions")


def places(template):
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_the_files_of_wording_have_the_same_keys_and_places(language):
    english, other = read("wording", "en"), read("wording", language)
    assert {section: set(texts) for section, texts in english.items()} == {
        section: set(texts) for section, texts in other.items()
    }
    for section, texts in english.items():
        for key, template in texts.items():
            if isinstance(template, str):
                assert places(template) == places(other[section][key]), (section, key)
    assert len(other["numbers"]["words"]) == len(english["numbers"]["words"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tables_of_things_have_the_same_labels(language):
    table = read("labels", language)
    assert set(table) == set(read("labels", "en"))
    assert len(table) == 82
    for label, entry in table.items():
        assert entry["gender"] in {"m", "f", "n"}, label
        assert entry["name"]
        assert entry["many"]
        if language != "en":
            assert not any(letter in string.ascii_letters for letter in entry["name"] + entry["many"]), label
    kinds = read("labels", "kinds")
    assert {*kinds["tall"], *kinds["moving"]} <= set(table)


def test_colors_have_names_in_both_languages():
    names = read("labels", "colors")
    assert set(names["hi"]) == set(names["mr"])
    assert color_name("light blue", "mr") == "फिकट निळा"
    assert color_name("chartreuse", "hi") == "chartreuse"


def test_a_label_that_is_not_in_the_table_is_spoken_as_it_is():
    assert thing("wheelie bin", "hi").name == "wheelie bin"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_of_questions_know_the_same_wishes(language):
    words = read("words", language)
    assert set(words["intents"]) == set(read("words", "en")["intents"])
    assert set(words["where"]) == {"known", "unknown", "far", "far_unknown", "which"}


@pytest.mark.parametrize(
    ("language", "name", "text"),
    [
        (language, name, text)
        for language, names in questions.ASKED.items()
        for name, texts in names.items()
        for text in texts
    ],
)
def test_understands_what_is_asked_of_a_picture(language, name, text):
    wish = wish_of(text, language)
    assert wish is not None
    assert wish.name == name


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in questions.OTHER.items() for text in texts]
)
def test_leaves_other_questions_to_others(language, text):
    assert wish_of(text, language) is None


def test_the_table_of_signs_has_words_in_every_language():
    for key, entry in read("labels", "signs").items():
        assert entry["written"], key
        assert set(entry) == {"written", *LANGUAGES}
        assert all(word.isascii() and word == word.lower() for word in entry["written"]), key


@pytest.mark.parametrize(
    ("text", "language", "label"),
    [
        ("Where is the exit?", "en", "exit"),
        ("where is the train platform", "en", "platform"),
        ("is there a toilet?", "en", "toilet"),
        ("बाहर निकलने का रास्ता कहाँ है", "hi", "exit"),
        ("इथे शौचालय आहे का", "mr", "toilet"),
    ],
)
def test_knows_the_sign_that_is_looked_for(text, language, label):
    assert wish_of(text, language) == Wish("sign", label)


@pytest.mark.parametrize(
    ("text", "language", "noun"),
    [
        ("where is the ladder?", "en", "ladder"),
        ("Is there a Tailor Shop here?", "en", "tailor shop"),
        ("where is gallery 4", "en", "gallery 4"),
        ("where is it", "en", ""),
        ("do you see the Apollo sign", "en", "apollo"),
        ("Apollo कहाँ है", "hi", "apollo"),
        ("चाबी कहाँ है", "hi", ""),
    ],
)
def test_knows_how_another_place_may_be_written(text, language, noun):
    wish = wish_of(text, language)
    assert wish == Wish("where")
    assert wish.noun == noun


@pytest.mark.parametrize(
    ("text", "language", "label"),
    [
        ("where is the traffic light?", "en", "traffic light"),
        ("is there a bike nearby?", "en", "bicycle"),
        ("where is the ladder?", "en", ""),
        ("गाड़ी कहाँ है?", "hi", "car"),
        ("गाडी कुठे आहे?", "mr", "car"),
        ("where is the dog?", "hi", "dog"),
        ("मेज कहां है", "hi", "dining table"),
    ],
)
def test_knows_the_thing_that_is_looked_for(text, language, label):
    assert wish_of(text, language) == Wish("where", label)
