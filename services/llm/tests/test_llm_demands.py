"""Whole sums after a result, statements and their negations, zones of large countries, and true reasons."""

import pytest

from quintet_llm.conversation import PictureFacts, SeenColor, SeenObject

SUMS = {
    ("what's eleven hundred plus one", "what is -3 squared"): "-3^2 = -9",
    ("6 times 7", "minus one plus one"): "-1 + 1 = 0",
    ("a 15% tip on 42.50", "minus five times minus six"): "-5 × (-6) = 30",
    ("6 times 7", "times 3"): "42 × 3 = 126",
    ("6 times 7", "plus 5"): "42 + 5 = 47",
    ("6 times 7", "plus 1/3"): "≈ 42.33333333",
    ("6 times 7", "double it"): "2 × 42 = 84",
    ("6 times 7", "and minus 2"): "42 − 2 = 40",
    ("3 minus 8", "squared"): "(-5)^2 = 25",
    ("1/3", "12 minus that"): "12 − (1/3) ≈ 11.66666667",
    ("12 - -5",): "12 − (-5) = 17",
    ("how much is three and a half times two",): "3.5 × 2 = 7",
    ("one third plus one sixth",): "(1/3) + (1/6) = 0.5",
    ("a dozen dozen",): "12 × 12 = 144",
    ("1e3+1",): "1000 + 1 = 1001",
    ("100 divided by 7 to two decimals",): "100 ÷ 7 ≈ 14.29",
    ("10 / 8 to 1 decimal",): "≈ 1.3",
    ("what is 15% of $42.50",): "15% of $42.50 ≈ $6.38",
    ("£3.50 + $2",): "two currencies",
    ("$20 / $5",): "20 ÷ 5 = 4",
    ("what is 20% off $19.99",): "$19.99 − 20% ≈ $15.99",
    ("20 km per hour in m/s",): "≈ 5.55556 m/s",
    ("10 km in miles", "and 20 km?"): "20 kilometers ≈ 12.4274 miles",
    ("10 km in miles", "and in feet?"): "32808.4 feet",
}
STATEMENTS = {
    ("Hi, I'm Maria and I live in Lisbon", "what's my name"): "Your name is Maria.",
    ("Hi, I'm Maria and I live in Lisbon", "where do I live"): "You live in Lisbon.",
    ("I'm Ann, nice to meet you", "what is my name?"): "Your name is Ann.",
    ("Good morning, I'm Ann", "what is my name?"): "Your name is Ann.",
    ("I'm German", "what is my name?"): "I found no such statement in this conversation.",
    ("I'm Sad", "what is my name?"): "I found no such statement",
    ("I have two dogs, Rex and Bruno", "what are my dogs called?"): "Your dogs are Rex and Bruno.",
    ("I have two dogs, Rex and Bruno", "what are my dogs' names?"): "Rex and Bruno",
    ("I have two dogs", "how many dogs do I have?"): "You have two dogs.",
    ("my birthday is on 12 June 1988", "how old am I?"): "You are 38 years old",
    ("I was born on 22 November 1988", "how old am I?"): "You are 37 years old",
    ("my birthday is 12 June", "how old am I?"): "can't compute your age",
    ("my birthday is on 12 June 1988", "how many days until my birthday?"): "203 days",
    ("my birthday is on 31 June 1988", "how old am I?"): "There is no 31 June 1988",
    ("I work as a nurse at St Mary's", "where do I work?"): "You work at St Mary's.",
    ("I work as a nurse at St Mary's", "what's my job?"): "You work as a nurse.",
    ("my phone number is 555-1234", "what's my number?"): "555-1234",
    ("my favourite colour is not blue", "what's my favourite colour"): "found no such statement",
    ("my favourite colour is blue", "my favourite colour is not blue", "what's my favourite colour"): "found no such",
    ("my favourite colour is blue", "my favourite colour is not red", "what's my favourite colour"): "is blue",
    ("I am not Bob", "what is my name"): "found no such statement",
    ("I am Bob", "I am not Bob", "what is my name"): "found no such statement",
    ("I am Bob", "I am not hungry", "what is my name"): "Your name is Bob.",
    ("I am Bob", "I am not Bob", "I'm Bob", "what is my name"): "Your name is Bob.",
    ("my name is Ada", "forget my name", "what is my name"): "found no such statement",
    ("my name is Ada", "forget my name"): "stay in the conversation",
    ("I live in Kyoto", "I don't live in Kyoto any more", "where do I live"): "found no such statement",
    ("my name is Ada", "forget everything", "what do you know about me"): "found no statement",
}
PLACES = {
    ("I live in New York", "what's the time in my city?"): "10:30 on Saturday",
    ("I live in New York", "what time is it where I live?"): "10:30 on Saturday",
    ("I live in Australia", "what's the time in my city?"): "several time zones in Australia; which city",
    ("what time is it in Paris, Texas",): "don't know which time zone",
    ("what time is it in the USA",): "several time zones in the USA; which city",
    ("I live in New York", "weather where I live"): "Current Weather in New York",
    ("weather where I live",): "For which place?",
    ("time difference between London and Sydney",): "Sydney is 11 hours ahead of London",
    ("3pm in Berlin in Los Angeles",): "15:00 in Berlin is 06:00 in Los Angeles",
    ("how many hours until midnight",): "7 hours and 30 minutes",
    ("next Monday's date",): "23 November 2026",
}
PLACES |= {
    (f"what time is it in {country}",): "which city do you mean?"
    for country in ("the United States", "Australia", "Canada", "Russia", "Brazil", "Mexico", "Indonesia")
}
REASONS = {
    ("what day was 30 February 2025",): "There is no 30 February 2025: that month has 28 days.",
    ("how many days until 03/04/2025",): "can mean 3 April or 4 March 2025",
    ("what day was 25/12/2025",): "25 December 2025 was a Thursday",
    ("what day is 31 April",): "There is no 31 April.",
}
ACKNOWLEDGED = ("I feel sad today", "I am hungry", "today is a good day", "I'm not hungry")
STILL_UNANSWERED = (
    "my printer is broken",
    "I want a poem",
    "I have a problem with my code",
    "I don't know how to cook",
)
STREET = PictureFacts(
    description="A photo of a street.",
    objects=(SeenObject("face", 0.9), SeenObject("face", 0.8), SeenObject("person", 0.7), SeenObject("car", 0.9)),
    colors=(SeenColor("red", "#ff0000", 0.62), SeenColor("white", "#ffffff", 0.3)),
    scene="office",
)
PICTURE = {
    "what colour is the bus?": "No bus was recognised as such in the picture, so I can't tell its colour. Of the "
    "picture as a whole: the main colours are red (62%)",
    "what color is the square?": "No square was recognised as such",
    "what colour is the car?": "The car was recognised, but not which of the colours is its own.",
    "what colours are in the picture?": "The main colours are red (62%) and white (30%).",
    "how many faces are there?": "2 faces in the picture. Turned away, covered and small ones are missed.",
    "how many people are there?": "A person and a face may be the same one.",
    "which objects are there?": "2 faces, a person and a car",
    "what kind of picture is it?": "looks like an office",
}


@pytest.mark.parametrize("table", [SUMS, STATEMENTS, PLACES, REASONS], ids=["sums", "statements", "places", "reasons"])
async def test_conversations_are_answered_right(assistant, table):
    answers = {texts: (await assistant.ask(*texts))[0] for texts in table}
    wrong = {texts: answer for texts, answer in answers.items() if table[texts] not in answer}
    assert not wrong


async def test_statements_are_acknowledged_without_a_promise(assistant):
    answers = {text: await assistant.ask(text) for text in ACKNOWLEDGED}
    assert set(answers.values()) == {("Thank you for telling me.", "statement")}
    assert (await assistant.ask("I have two dogs"))[0] == "Noted: you have two dogs."


async def test_what_expects_help_is_not_only_acknowledged(assistant):
    answers = {text: await assistant.ask(text) for text in STILL_UNANSWERED}
    assert {skill for _, skill in answers.values()} == {""}


async def test_acknowledgement_is_left_out_beside_an_answer(assistant):
    assert await assistant.ask("I feel sad today. What is 2+2?") == ("2 + 2 = 4", "arithmetic")


async def test_picture_says_what_was_not_recognised(assistant):
    answers = {text: (await assistant.ask(text, picture=STREET))[0] for text in PICTURE}
    wrong = {text: answer for text, answer in answers.items() if PICTURE[text] not in answer}
    assert not wrong
