"""What a session remembers."""

import httpx
import pytest
from framework.media import small_picture
from framework.nexus import TIMESTAMP, accepted, ask, assert_error, ended, messages_of, new_session


@pytest.fixture(scope="module")
def client(grounded):
    with grounded.client() as opened:
        yield opened


def listed(client: httpx.Client, session: str) -> dict[str, object]:
    return next(one for one in client.get("/api/sessions").json()["sessions"] if one["id"] == session)


def test_question_and_answer_are_kept_in_order(client):
    session = new_session(client)
    first = ask(client, "What is 12 times 12?", session)
    second = ask(client, "What is 2 plus 2?", session)
    assert "144" in first
    assert messages_of(client, session) == [
        ("user", "What is 12 times 12?"),
        ("ai", first),
        ("user", "What is 2 plus 2?"),
        ("ai", second),
    ]
    body = client.get(f"/api/sessions/{session}/messages").json()
    assert body["session_id"] == session
    assert all(TIMESTAMP.fullmatch(message["timestamp"]) for message in body["messages"])
    assert listed(client, session)["message_count"] == 4


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("Hello there", "Hello there"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50 + "..."),
        ("  padded  ", "padded"),
        ("н" * 60, "н" * 50 + "..."),
    ],
)
def test_title_is_the_first_message_cut_to_fifty(client, message, title):
    session = new_session(client)
    ask(client, message, session)
    assert listed(client, session)["title"] == title
    ask(client, "something else", session)
    assert client.get(f"/api/sessions/{session}/messages").json()["title"] == title


def test_newest_session_stands_first(client):
    older, newer = new_session(client), new_session(client)

    def order() -> list[str]:
        return [one["id"] for one in client.get("/api/sessions").json()["sessions"] if one["id"] in (older, newer)]

    assert order() == [newer, older]
    ask(client, "hello", older)
    assert order() == [older, newer]


def test_earlier_messages_are_context(client):
    session = new_session(client)
    ask(client, "What is 15% of 80?", session)
    assert "15% of 80" in ask(client, "What did I just ask?", session)
    ask(client, "My name is Ada", session)
    assert "Ada" in ask(client, "What is my name?", session)


def test_sessions_do_not_know_each_other(client):
    one, other = new_session(client), new_session(client)
    ask(client, "My name is Grace", one)
    assert "Grace" not in ask(client, "What is my name?", other)
    assert "Grace" not in ask(client, "What is my name?")


def test_unknown_session_stores_nothing(client):
    assert ask(client, "hello", "abc123")
    assert_error(client.get("/api/sessions/abc123/messages"), 404, "SESSION_NOT_FOUND")
    assert "abc123" not in [one["id"] for one in client.get("/api/sessions").json()["sessions"]]


def test_clearing_keeps_the_session_and_its_title(client):
    session = new_session(client)
    ask(client, "My name is Joan", session)
    assert client.post("/api/clear-history", json={"session_id": session}).json()["message"] == "Chat history cleared"
    body = client.get(f"/api/sessions/{session}/messages").json()
    assert (body["messages"], body["title"]) == ([], "My name is Joan")
    assert listed(client, session)["message_count"] == 0
    assert "Joan" not in ask(client, "What is my name?", session)


def test_deleted_session_is_gone(client):
    session = new_session(client)
    ask(client, "hello", session)
    assert client.delete(f"/api/sessions/{session}").status_code == 200
    assert_error(client.get(f"/api/sessions/{session}/messages"), 404, "SESSION_NOT_FOUND")
    assert_error(client.delete(f"/api/sessions/{session}"), 404, "SESSION_NOT_FOUND")
    assert session not in client.get("/api/sessions").text
    assert ask(client, "hello", session), "it is an unknown session now"


def test_jobs_do_not_enter_the_history(client):
    session = new_session(client)
    form = {"question": "What is it?", "session_id": session}
    job = accepted(client.post("/api/process/image-with-text", files={"image": small_picture()}, data=form))
    assert ended(client, job)["status"] == "completed"
    assert messages_of(client, session) == []


@pytest.mark.parametrize(
    "message",
    [
        "bell \x07 and escape \x1b[31m",
        "right \u202eto left",
        "zero\u200dwidth\u200bspaces",
        "नमस्ते, आप कैसे हैं?",
        "👩‍👩‍👧‍👦 family",
        "<script>alert(1)</script> & \"quotes\" 'too'",
        "line one\nline two\ttab",
        "'; DROP TABLE messages; --",
        "a\u0000b",
    ],
)
def test_odd_characters_are_stored_as_they_are(client, message):
    session = new_session(client)
    ask(client, message, session)
    assert messages_of(client, session)[0] == ("user", message)


def test_failed_answer_keeps_the_question_and_what_was_said(scripted):
    with scripted.client() as client:
        session = new_session(client)
        headers = {"X-Quintet-Script": "steps=5,error=ENGINE_FAILED,error_after=2"}
        client.post("/api/process/text", json={"message": "hi", "session_id": session}, headers=headers)
        assert messages_of(client, session) == [("user", "hi"), ("ai", "w0 w1 ")]


def test_more_messages_than_a_page_come_back_in_order(scripted):
    with scripted.client() as client:
        session = new_session(client)
        for number in range(60):
            ask(client, f"question {number}", session, script=f"text=answer {number}")
        found = messages_of(client, session)
    expected = [[("user", f"question {number}"), ("ai", f"answer {number}")] for number in range(60)]
    assert found == [message for turn in expected for message in turn]
