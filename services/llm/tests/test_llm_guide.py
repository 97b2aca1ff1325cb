"""What a person who cannot see the picture is told about it, in three languages, from the contract's own messages."""

import importlib
import os
import re
from pathlib import Path

import pytest

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_llm.messages import read_request
from quintet_llm.skills.guide.language import LANGUAGES, read

scenes = importlib.import_module("guide_scenes")
answer, message = scenes.answer, scenes.message
SNAPSHOT = Path(__file__).parent / "guide_texts.txt"
MORE = {"en": "tell me more", "hi": "विस्तार से बताइए", "mr": "सविस्तर सांगा"}
WAY = {
    "en": ["is the way clear?", "is the path free?", "can I walk on?", "is it safe to cross?"],
    "hi": ["क्या रास्ता साफ है?", "क्या रास्ता साफ़ है?", "क्या मैं आगे जा सकता हूँ?"],
    "mr": ["रस्ता मोकळा आहे का?", "मी पुढे जाऊ का?", "रस्ता ओलांडू का?"],
}
QUOTED = re.compile(r"“.*?”|\".*?\"")
ALL_CLEAR = re.compile(r"\b(?:clear|free|safe|empty)\b|साफ|खाली|सुरक्षित|मोकळ|रिकाम")


def sentences(text):
    """Counts what ends as a sentence outside of quoted text."""
    return len(re.findall(r"[.।](?= |$)", QUOTED.sub("", text)))


async def every_text(engine, language):
    """Yields each picture with the question and the answer, the description first."""
    for name, picture in scenes.NAMED.items():
        for text in ("[Snapshot Mode]", *scenes.QUESTIONS[language]):
            said, skill = await answer(engine, message(text, picture), language=language)
            assert skill == "guide", (text, said)
            yield name, text, said


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_sentence_is_used_and_is_one_of_the_language(assistant, language):
    spoken = [said async for _, _, said in every_text(assistant.engine, language)]
    talk = [
        message("[Snapshot Mode]"),
        message({"en": "say that again", "hi": "फिर से बोलो", "mr": "पुन्हा सांगा"}[language]),
    ]
    for one in talk:
        spoken.append((await answer(assistant.engine, one, language=language))[0])
    for text in ("write me a poem about rain", "how are you?", "ok", "today is a good day"):
        spoken.append((await answer(assistant.engine, message(text), language=language))[0])
    unused = []
    for section, texts in read("wording", language).items():
        for name, template in texts.items():
            if section in {"numbers", "list"}:
                continue
            pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(template))
            if not any(re.search(pattern, said, re.IGNORECASE) for said in spoken):
                unused.append(f"{section}.{name}")
    assert unused == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_three_sentences_at_most_unless_more_is_asked_for(assistant, language):
    async for name, text, said in every_text(assistant.engine, language):
        assert sentences(said) <= (9 if text == MORE[language] else 3), (name, text, said)
        assert "{" not in said
        if language != "en":
            foreign = re.findall(r"[A-Za-z]{2,}", re.sub(r"wheelie bin|example\.org", "", QUOTED.sub("", said)))
            assert not foreign, (name, text, said)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_tells_that_the_way_can_be_gone(assistant, language):
    refusal = read("wording", language)["way"]["unknown"]
    # The Hindi word for clear is that for letters which can be made out, too.
    letters = read("wording", language)["text"]["unsure"].partition(";")[0]
    async for name, text, said in every_text(assistant.engine, language):
        assert not ALL_CLEAR.search(said.replace(refusal, "").replace(letters, "")), (name, text, said)
    for text in WAY[language]:
        for picture in scenes.NAMED.values():
            said, _ = await answer(assistant.engine, message(text, picture), language=language)
            assert said.startswith(refusal)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_without_a_detector_it_says_that_it_recognises_no_objects(assistant, language):
    words = read("wording", language)
    for name, picture in scenes.NAMED.items():
        said, _ = await answer(assistant.engine, message("[Snapshot Mode]", picture), language=language)
        blind = any(one.subject == "objects" for one in picture.limitations)
        kind = "blind_" if blind else "seeing_"
        endings = [text for key, text in words["rest"].items() if key.startswith(kind)]
        if picture.scene == "blank":
            assert said.endswith(words["end"]["blank"])
        else:
            assert any(said.casefold()[:-1].endswith(text.casefold()) for text in endings), (name, said)


PEOPLE = {"en": "person|people|who ", "hi": "व्यक्ति|लोग|कौन", "mr": "व्यक्ती|कोण"}
MAY_BE = {
    "en": "someone may|missed other people|missed someone|cannot tell who",
    "hi": "कोई हो सकता|लोग भी हो सकते|लोग या चीज़ें भी|व्यक्ति भी|व्यक्ति या कोई|कौन या क्या",
    "mr": "कोणीतरी असू शकते|आणखी व्यक्ती|एखादी व्यक्ती असू|आणखी कोणी|कोण किंवा काय",
}
SIDES = {
    "en": ["what is on the left?", "what is on the right?", "what is in the middle?"],
    "hi": ["बाईं ओर क्या है?", "दाईं ओर क्या है?", "बीच में क्या है?"],
    "mr": ["डावीकडे काय आहे?", "उजवीकडे काय आहे?", "मध्यभागी काय आहे?"],
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_never_silent_about_people(assistant, language):
    """Who hears of a sign and of no person takes it that there is nobody."""
    async for name, text, said in every_text(assistant.engine, language):
        if text in {"[Snapshot Mode]", *SIDES[language]}:
            # What is written and how things are called elsewhere does not count.
            plain = QUOTED.sub("", said)
            assert re.search(PEOPLE[language], plain), (name, text, said)
            assert re.search(MAY_BE[language], plain), (name, text, said)


@pytest.mark.parametrize("text", ["Where is the exit?", "Is there an exit?", "where's the way out", "EXIT कहाँ है?"])
async def test_a_noun_that_is_written_is_answered_with_the_text_and_its_place(assistant, text):
    said, skill = await answer(assistant.engine, message(text, scenes.NAMED["sign"]), language="en")
    assert said == (
        'On the left, it says: "EXIT 42 This way out". The words are there, but the place itself may be elsewhere.'
    )
    assert skill == "guide"


@pytest.mark.parametrize(
    ("text", "language", "name", "opening"),
    [
        ("Which platform is this?", "en", "platform", 'On the right, it says: "Platform 9".'),
        ("यह कौन सा प्लेटफॉर्म है?", "hi", "platform", "दाईं ओर लिखा है: “Platform 9”।"),
        ("हा कोणता प्लॅटफॉर्म आहे?", "mr", "platform", "उजवीकडे लिहिले आहे: “Platform 9”."),
        ("where is the exit", "en", "platform", 'Ahead, it may say: "exit".'),
        ("निकास कहाँ है?", "hi", "sign", "बाईं ओर लिखा है: “EXIT 42 This way out”।"),
        ("बाहेर जाण्याचा मार्ग कुठे आहे?", "mr", "sign", "डावीकडे लिहिले आहे: “EXIT 42 This way out”."),
        ("where is the menu?", "en", "sign-and-code", 'On the left, it says: "Menu".'),
        ("where is the exit?", "en", "nothing", "I read no such word, and I do not recognise that in pictures."),
        ("where is the toilet?", "en", "nothing", "I cannot tell, because I cannot recognise any toilet."),
        ("where is the car?", "en", "street", "I see a car close by on the right."),
        ("which platform is this?", "en", "sign", 'I read no such word. The text says: "EXIT 42 This way out, SALE".'),
        ("where is the bus?", "en", "things-only", 'I did not find any bus, but I may have missed it. On the right,'),
        ("how many codes are there?", "en", "two-codes", "I found two codes."),
        ("how many codes are there?", "en", "nothing", "I found no QR code and no barcode."),
        ("how far away is the person?", "en", "one-far", "I think I see a person far off on the right. I can"),
        ("how far away is the person?", "en", "platform", "I see a person on the left. The distance looks"),
        ("how far away is the person?", "en", "sign", "I found no person, but someone may still be there."),
        ("how far is the bench?", "en", "street", "I see a bench on the left. I cannot tell how far away that is."),
        ("how far is the car?", "en", "nothing", "I cannot tell, because I cannot recognise any car."),
        ("how far away is the wall?", "en", "nothing", "I cannot tell how far away that is."),
        ("where are the stairs?", "en", "sign", "I cannot tell whether there are stairs, steps or holes; please check"),
    ],
)  # fmt: skip
async def test_answers_from_what_is_known(assistant, text, language, name, opening):
    said, skill = await answer(assistant.engine, message(text, scenes.NAMED[name]), language=language)
    assert said.startswith(opening)
    assert skill == "guide"


@pytest.mark.parametrize(
    ("key", "language", "text"),
    [
        ("signal", "en", "Is the traffic light green?"), ("signal", "hi", "क्या ट्रैफिक लाइट हरी है?"),
        ("signal", "mr", "सिग्नल हिरवा आहे का?"), ("steps", "en", "Are there stairs?"),
        ("steps", "hi", "क्या यहाँ सीढ़ियाँ हैं?"), ("steps", "mr", "पायऱ्या आहेत का?"),
        ("unknown", "en", "Can I cross?"), ("unknown", "hi", "क्या मैं पार करूँ?"), ("unknown", "mr", "रस्ता ओलांडू का?"),
        ("unknown", "en", "is it safe?"), ("unknown", "hi", "क्या यह सुरक्षित है?"), ("unknown", "mr", "हे सुरक्षित आहे का?"),
    ],
)  # fmt: skip
async def test_what_has_to_be_checked_is_said_to_be_unknown(assistant, key, language, text):
    light = scenes.analysis(scenes.thing("traffic light", 450), blind=False)
    for picture in (*scenes.NAMED.values(), light):
        said, _ = await answer(assistant.engine, message(text, picture), language=language)
        assert said.startswith(read("wording", language)["way"][key])


async def test_english_sentences_have_plain_quotes(assistant):
    async for _, _, said in every_text(assistant.engine, "en"):
        assert said.isascii()


async def test_texts_are_those_that_were_reviewed(assistant):
    """To accept new texts: read them, after running this test with QUINTET_WRITE_SNAPSHOTS=1."""
    parts = []
    for language in LANGUAGES:
        async for name, text, said in every_text(assistant.engine, language):
            if text == "[Snapshot Mode]" or name in {"street", "sign", "crowd", "platform"}:
                parts.append(f"{language} | {name} | {text} | {said}\n")
    if os.environ.get("QUINTET_WRITE_SNAPSHOTS"):
        SNAPSHOT.write_text("".join(parts), "utf-8")
    assert "".join(parts).splitlines() == SNAPSHOT.read_text("utf-8").splitlines()


async def test_an_empty_question_and_the_mark_of_a_snapshot_describe_the_picture(assistant):
    picture = scenes.NAMED["sign"]
    empty, _ = await answer(assistant.engine, message("", picture), language="mr")
    marked, _ = await answer(assistant.engine, message("[Snapshot Mode]", picture), language="mr")
    assert empty == marked
    assert "EXIT 42" in empty


async def test_a_follow_up_is_about_the_newest_picture_of_the_conversation(assistant):
    talk = [
        message("[Snapshot Mode]", scenes.NAMED["sign"]), message("seen", role=pb.ChatMessage.ROLE_ASSISTANT),
        message("[Snapshot Mode]", scenes.NAMED["link"]), message("seen", role=pb.ChatMessage.ROLE_ASSISTANT),
    ]  # fmt: skip
    assert (
        "https://example.org/menu" in (await answer(assistant.engine, *talk, message("what does the qr code say")))[0]
    )
    assert "EXIT" in (await answer(assistant.engine, *talk[:2], message("क्या लिखा है?"), language="hi"))[0]


async def test_and_now_asks_the_same_of_a_newer_picture(assistant):
    talk = [message("is anyone there?", scenes.NAMED["nothing"]), message("no", role=pb.ChatMessage.ROLE_ASSISTANT)]
    said, _ = await answer(assistant.engine, *talk, message("and now?", scenes.NAMED["one-sure"]))
    assert said.startswith("I think there is at least one person, close ahead.")
    said, _ = await answer(assistant.engine, message("what about now?", scenes.NAMED["sign"]))
    assert said.startswith("The text says")


@pytest.mark.parametrize(
    ("language", "word"), [("en", "no picture yet"), ("hi", "कोई तस्वीर नहीं"), ("mr", "फोटो मिळालेला नाही")]
)
async def test_without_any_picture_it_asks_for_one(assistant, language, word):
    assert word in (await answer(assistant.engine, message("[Snapshot Mode]"), language=language))[0]


async def test_other_questions_go_on_to_other_skills(assistant):
    picture = scenes.NAMED["street"]
    for text, skill in (
        ("what is 12 * 12", "arithmetic"),
        ("what time is it in Tokyo?", "time"),
        ("hello", "greeting"),
    ):
        assert (await answer(assistant.engine, message(text, picture)))[1] == skill
    assert (await answer(assistant.engine, message("नमस्ते", picture), language="hi"))[0].startswith("नमस्ते")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_nobody_can_answer_is_said_in_the_language(assistant, language):
    text = {"en": "write a poem", "hi": "एक कविता सुना सकते हो तो सुनाओ", "mr": "एक कविता कर"}[language]
    said, skill = await answer(assistant.engine, message(text, scenes.NAMED["sign"]), language=language)
    assert (said, skill) == (read("wording", language)["unable"]["sentence"], "")


async def test_a_body_and_its_face_are_one_person(assistant):
    said, _ = await answer(assistant.engine, message("how many people are there?", scenes.NAMED["one-sure"]))
    assert "at least one person, close ahead" in said
    crowd, _ = await answer(assistant.engine, message("how many people are there?", scenes.NAMED["crowd"]))
    assert "at least 13 people: four people on the left, four people ahead and five people on the right" in crowd


async def test_other_styles_answer_as_before(assistant):
    picture = scenes.NAMED["sign"]
    style = pb.StreamChatRequest.STYLE_UNSPECIFIED
    said, skill = await answer(assistant.engine, message("what does it say?", picture), style=style)
    assert (said, skill) == ("The picture says:\n\nEXIT 42\nThis way out\nSALE", "picture")


async def test_a_spoken_answer_has_no_marks_for_the_eye(assistant):
    style = pb.StreamChatRequest.STYLE_SPOKEN
    said, _ = await answer(assistant.engine, message("what can you do?"), style=style)
    assert "arithmetic" in said
    assert not re.search(r"^\s*[-*#]|`|\*\*|\n\n", said, re.MULTILINE)
    said, _ = await answer(assistant.engine, message("why is the sky blue?"), style=style)
    assert "quintet doctor" in said
    assert "`" not in said


def test_a_style_that_the_contract_does_not_name_is_refused():
    with pytest.raises(DomainError) as caught:
        read_request(pb.StreamChatRequest(messages=[message("hello")], style=7), ("grounded",))
    assert (caught.value.reason, caught.value.metadata) == (Reason.INVALID_ARGUMENT, {"field": "style"})


@pytest.mark.parametrize(
    ("text", "language", "opening"),
    [
        ("[Snapshot Mode]", "hi-IN", "लिखा है"),
        ("[Snapshot Mode]", "fr", "The text says"),
        ("काय लिहिले आहे?", "", "लिहिले आहे"),
        ("what does it say?", "mr", "लिहिले आहे"),
        ("क्या लिखा है?", "en", "The text says"),
    ],
)
async def test_the_language_is_the_one_asked_for_or_else_that_of_the_question(assistant, text, language, opening):
    said, _ = await answer(assistant.engine, message(text, scenes.NAMED["sign"]), language=language)
    assert said.startswith(opening)


async def test_a_picture_without_outlines_is_neither_sharp_nor_blurred(assistant):
    picture = scenes.analysis(sharpness=0.0)
    style = pb.StreamChatRequest.STYLE_UNSPECIFIED
    said, _ = await answer(assistant.engine, message("is the picture blurred?", picture), style=style)
    assert said == "The picture has no outlines to judge its sharpness by."
    said, _ = await answer(assistant.engine, message("is it blurred?", picture))
    assert said == "I cannot tell whether the picture is blurred."
