"""Questions about the conversation, the person, the picture, and those that go on from the question before."""

import pytest

from quintet_llm.conversation import (
    Blindness,
    PictureFacts,
    PictureQuality,
    Role,
    SeenCode,
    SeenColor,
    SeenLine,
    SeenObject,
    Turn,
)
from quintet_llm.skills.stated_facts import stated

TALK = ("what is 3 * 4", "What time is it in Tokyo?")
RECALL = {
    "what did I just ask?": "What time is it in Tokyo?",
    "What did I just say": "What time is it in Tokyo?",
    "what was my last question": "What time is it in Tokyo?",
    "what was my previous message?": "What time is it in Tokyo?",
    "Can you repeat my question?": "What time is it in Tokyo?",
    "what did I ask you?": "What time is it in Tokyo?",
    "what was the last thing I asked you": "What time is it in Tokyo?",
    "do you remember what I just said?": "What time is it in Tokyo?",
    "what did i ask a moment ago": "What time is it in Tokyo?",
    "What was your last answer?": "My last answer was: “It is 00:30",
    "what did you just say": "My last answer was: “It is 00:30",
    "what was your answer": "My last answer was: “It is 00:30",
    "what did you say?": "00:30",
    "Repeat that": "It is 00:30",
    "say that again please": "It is 00:30",
    "can you repeat that?": "It is 00:30",
    "Pardon?": "It is 00:30",
    "i didn't catch that": "It is 00:30",
    "How many messages are there?": "5 messages",
    "how many messages have we exchanged so far": "5 messages",
    "how long is this conversation?": "5 messages",
    "how many questions have I asked": "3 messages",
    "What was my first question?": "“what is 3 * 4”",
    "what did I ask first": "“what is 3 * 4”",
    "what was the first thing I said": "“what is 3 * 4”",
    "what was your first answer": "= 12",
    "what did I ask before that": "“what is 3 * 4”",
    "Summarise what we talked about": "- You: what is 3 * 4",
    "summarize this conversation": "- You: what is 3 * 4",
    "what have we talked about so far?": "- I: It is 00:30",
    "give me a summary of our chat": "- You: what is 3 * 4",
    "what did we discuss": "- You: what is 3 * 4",
    "recap please": "- You: what is 3 * 4",
    "sum up the conversation so far": "- You: what is 3 * 4",
}
FACTS = {
    ("my email is ada@example.org", "what's my email?"): "ada@example.org",
    ("remember that my locker code is 4321", "what is my locker code"): "4321",
    ("my name is Ada", "what's my name?"): "Your name is Ada.",
    ("Hi, I'm called Grace Hopper.", "What is my name?"): "Your name is Grace Hopper.",
    ("Call me Al", "do you remember my name?"): "Your name is Al.",
    ("hello, my name is Ada and I live in Kyoto.", "where do I live?"): "You live in Kyoto.",
    ("I live in Kyoto", "In which city do I live?"): "You live in Kyoto.",
    ("I'm from Brazil", "where am I from?"): "You are from Brazil.",
    ("I live in Kyoto", "I moved to Oslo", "where do I live"): "You live in Oslo.",
    ("my name is Ada", "actually my name is Eve", "what is my name"): "Your name is Eve.",
    ("my favourite colour is teal", "what's my favorite color?"): "teal",
    ("My favorite food is sushi.", "What is my favourite food?"): "sushi",
    ("my sister's name is Zoe", "what's my sister's name?"): "Zoe",
    ("my dog is called Rex", "what is my dog called?"): "Rex",
    ("I have a cat named Whiskers", "what's my cat's name?"): "Whiskers",
    ("i am 42 years old", "how old am I?"): "42",
    ("I'm a teacher", "what do I do for a living?"): "teacher",
    ("I work as a nurse", "what's my job?"): "nurse",
    ("I work at Acme", "where do I work?"): "Acme",
    ("my birthday is 3 May", "when is my birthday?"): "3 May",
    ("my wife's name is Ann", "what is my wife's name"): "Ann",
    ("my car is red", "what colour is my car?"): None,
    ("I love jazz", "what do I love?"): "jazz",
    ("My name is Ada. I live in Kyoto. My favourite colour is teal.", "what do you know about me?"): "Kyoto",
    ("my name is O'Brien", "who am I?"): "O'Brien",
    ("my phone number is 555 0199", "what is my phone number?"): "555 0199",
    ("I was born in Lima", "where was I born?"): "Lima",
    ("my name is José", "what's my name"): "José",
    ("what is 2+2", "what's my name?"): "found no such statement",
    ("where do I live?",): "found no such statement",
    ("What's my name",): "found no such statement",
    ("my sister's name is Zoe", "what's my brother's name?"): "found no such statement",
    ("I don't live in Kyoto", "where do I live?"): "found no such statement",
    ("my name is a secret", "what is my name?"): "found no such statement",
    ("do you think my name is Bob?", "what is my name?"): "found no such statement",
    ("I live in Kyoto", "what's the weather?"): "Current Weather in Kyoto",
}
FACTS = {question: answer for question, answer in FACTS.items() if answer}
FOLLOW_UPS = {
    ("what's the weather in Paris", "and in Berlin?"): "Current Weather in Berlin",
    ("what's the weather in Paris", "what about London?"): "Current Weather in London",
    ("weather in Paris", "and tomorrow?"): "Forecast for Paris on Sunday",
    ("weather in Paris", "and in Berlin?", "and tomorrow?"): "Forecast for Berlin on Sunday",
    ("what time is it in Tokyo", "and in New York?"): "10:30",
    ("what time is it?", "how about London"): "15:30",
    ("stock price of AAPL", "and Microsoft?"): "MSFT",
    ("what is 12 * 12", "times 3"): "= 432",
    ("what is 12 * 12", "and divided by 4?"): "= 36",
    ("2+2", "add 6 to that"): "= 10",
    ("what is 12 * 12", "what's the square root of that?"): "√144 = 12",
    ("what is 12 * 12", "double it"): "= 288",
    ("what is 1/3", "times 3"): "= 1",
    ("hi", "double it"): "language model",
    ("2+2", "squared"): "= 16",
    ("2+2", "now multiply it by 5"): "= 20",
    ("10", "times 3"): "language model",
    ("hi", "and in Berlin?"): "language model",
}
SEVERAL = {
    "hi, what's 2+2?": ("Hello!", "= 4"),
    "Hello! What time is it in Tokyo?": ("Hello!", "00:30"),
    "What is 2+2? And what time is it?": ("= 4", "16:30"),
    "what's 3 * 3 and what's the weather in Paris?": ("= 9", "Current Weather in Paris"),
    "Thanks! What is 10 / 4?": ("welcome", "2.5"),
    "I love Paris. What's the weather in Paris?": ("Current Weather in Paris",),
    "What is 2+2? Write a poem about it.": ("= 4", "language model"),
    "bonjour, 2+2 ?": ("Bonjour", "= 4"),
    "Hi, my name is Ada.": ("Ada",),
    "My name is Sam, what's 3+3?": ("Sam", "= 6"),
    "Good morning! How many days until Christmas?": ("Hello!", "34 days"),
}
PICTURE = PictureFacts(
    description="A document with a red square and the text “EXIT 42”, with two faces.",
    scene="document",
    objects=(SeenObject("face", 0.9), SeenObject("face", 0.8), SeenObject("person", 0.7)),
    colors=(SeenColor("red", "#ff0000", 0.62), SeenColor("white", "#ffffff", 0.3)),
    text_lines=(SeenLine("EXIT 42"), SeenLine("This way")),
    codes=(SeenCode("qr", "https://example.org/x"),),
    quality=PictureQuality(812.0, 131.0, 50.0),
    blindnesses=(
        Blindness("objects", "Objects other than faces and people can't be recognised.", "quintet models pull yolo"),
        Blindness("emotions", "Emotions can't be recognised."),
    ),
    width=640,
    height=480,
    format="png",
)
ABOUT_PICTURE = {
    "what is in this picture?": "A document with a red square",
    "Describe the image": "A document with a red square",
    "what do you see": "A document with a red square",
    "what is this?": "A document with a red square",
    "": "A document with a red square",
    "What does the text say?": "EXIT 42\nThis way",
    "read the text please": "EXIT 42",
    "what is written there": "EXIT 42",
    "which colours are in the picture": "red (62%) and white (30%)",
    "What's the main color?": "red",
    "how many faces are there": "2 faces",
    "how many people do you see?": "1 person",
    "is there anyone in the photo": "1 person",
    "is there a QR code": "https://example.org/x",
    "what does the qr code contain?": "https://example.org/x",
    "is it blurry?": "sharp",
    "is the photo sharp enough": "sharp",
    "is the picture too dark": "normally bright",
    "How big is the image?": "640 × 480 pixels, PNG",
    "what's the resolution": "640 × 480",
    "what kind of picture is this": "document",
    "which objects do you recognise": "2 faces and a person",
    "is there a dog in the "
    "picture?": "Objects other than faces and people can't be recognised (`quintet models pull yolo` adds it).",
    "how is the quality?": "sharp",
    "who is this person?": "can't recognise who",
    "does she look happy": "Emotions can't be recognised.",
    "what's the meaning of all this": "EXIT 42",
    "Should I buy it?": "can't tell that",
    "what is 2 + 2": "= 4",
}
LATER_ABOUT_PICTURE = {
    "what did the picture say": "EXIT 42",
    "how many faces were in the photo?": "2 faces",
    "what colours were in the image": "red",
    "describe the picture again": "A document",
    "what text is in it?": "EXIT 42",
}


async def check(assistant, table, **options):
    wrong = []
    for questions, expected in table.items():
        answer, skill = await assistant.ask(*questions, **options)
        parts = (expected,) if isinstance(expected, str) else expected
        if not all(part in answer for part in parts):
            wrong.append(f"{questions!r} -> [{skill}] {answer!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)


async def test_conversation_is_quoted(assistant):
    await check(assistant, {(*TALK, question): answer for question, answer in RECALL.items()})


@pytest.mark.parametrize(
    "question", ["what did I just ask?", "repeat that", "summarise our chat", "what was your last answer"]
)
async def test_empty_conversation_is_said_to_be_empty(assistant, question):
    answer, skill = await assistant.ask(question)
    assert skill == "conversation"
    assert "“" not in answer


async def test_stated_facts_are_remembered_and_never_invented(assistant):
    await check(assistant, FACTS)


async def test_facts_come_only_from_the_person(assistant):
    turns = (Turn(Role.ASSISTANT, "My name is Bob."), Turn(Role.SYSTEM, "My name is Eve."))
    assert stated(turns, "name") is None


async def test_statement_is_confirmed(assistant):
    assert await assistant.ask("My name is Ada.") == ("Nice to meet you, Ada!", "stated-facts")
    assert (await assistant.ask("I live in Kyoto"))[0] == "Noted: you live in Kyoto."


async def test_follow_ups_go_on_from_the_question_before(assistant):
    await check(assistant, FOLLOW_UPS)


async def test_several_questions_are_all_answered(assistant):
    await check(assistant, {(question,): answers for question, answers in SEVERAL.items()})


async def test_picture_of_the_message_is_described(assistant):
    await check(assistant, {(question,): answer for question, answer in ABOUT_PICTURE.items()}, picture=PICTURE)


async def test_earlier_picture_is_remembered(assistant):
    table = {("what is this?", question): answer for question, answer in LATER_ABOUT_PICTURE.items()}
    await check(assistant, table, picture=PICTURE)


async def test_picture_without_findings_is_said_to_be_so(assistant):
    empty = PictureFacts(width=10, height=20, blindnesses=PICTURE.blindnesses)
    table = {
        ("what is in it?",): "10 × 20 pixels",
        ("what does it say?",): "no text",
        ("how many faces?",): "no faces",
        ("any qr code?",): "no QR code",
        ("is it sharp?",): "not measured",
        ("which colours?",): "not measured",
    }
    await check(assistant, table, picture=empty)


async def test_missing_picture_is_said_to_be_missing(assistant):
    answer, skill = await assistant.ask("what is in this picture?")
    assert (answer, skill) == ("There is no picture in this conversation yet.", "picture")


async def test_picture_does_not_take_over_a_later_question(assistant):
    answer, skill = await assistant.ask("what is this?", "who wrote Hamlet?", picture=PICTURE)
    assert skill == ""
    assert "language model" in answer


def test_there_are_at_least_twenty_of_each():
    assert min(len(RECALL), len(FACTS), len(ABOUT_PICTURE)) >= 20
