"""The word stream of /process/text, down to the bytes of each write."""

import json

import pytest
from framework.nexus import PREFIXES, SCRIPT_HEADER, answer_of, ask, events_of
from framework.raw_http import chunks_of, connection, request

MAX_WRITE = 1024
JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def client(scripted):
    with scripted.client() as opened:
        yield opened


def writes(cluster, script: str) -> list[bytes]:
    body = json.dumps({"message": "go"}).encode()
    message = request("POST", "/api/process/text", [JSON, (SCRIPT_HEADER, script)], body)
    with connection(cluster.port) as opened:
        opened.sendall(message)
        return list(chunks_of(opened))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_headers_of_a_stream(client, prefix):
    response = client.post(
        f"{prefix}/process/text", json={"message": "hi"}, headers={"Accept-Encoding": "gzip, deflate, br"}
    )
    assert response.status_code == 200
    assert response.headers["Content-Type"].split(";")[0] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert "no-cache" in response.headers["Cache-Control"]
    assert "Content-Encoding" not in response.headers
    assert response.headers["Transfer-Encoding"] == "chunked"


def test_words_of_an_answer(client):
    body = client.post(
        "/api/process/text", json={"message": "hi"}, headers={SCRIPT_HEADER: "text=The current weather"}
    ).text
    assert events_of(body) == [
        {"word": "The", "complete": False},
        {"word": " current", "complete": False},
        {"word": " weather", "complete": False},
        {"word": "", "complete": True},
    ]
    assert body.startswith("data: {")


def test_frames_are_unnamed_and_ascii(client):
    response = client.post("/api/process/text", json={"message": "Привет"}, headers={SCRIPT_HEADER: "steps=30"})
    assert response.content.isascii()
    assert "event:" not in response.text
    assert "id:" not in response.text


def test_every_write_holds_whole_events(scripted):
    found = writes(scripted, "steps=3000")
    assert len(answer_of(b"".join(found).decode()).split()) == 3000
    for write in found:
        assert write.startswith(b"data: ")
        assert write.endswith(b"\n\n")
        assert len(write) <= MAX_WRITE


def test_ready_words_share_a_write_and_slow_ones_do_not_wait(scripted):
    assert len(writes(scripted, "steps=200")) < 100
    slow = writes(scripted, "steps=5,interval_ms=30")
    words = [events_of(write.decode()) for write in slow if not write.startswith(b":")]
    # Only the end may share the last word's write.
    assert [len(events) for events in words[:4]] == [1] * 4


@pytest.mark.parametrize("after", [1, 20, 150])
def test_failure_in_the_middle_is_the_last_event(client, after):
    script = f"steps=200,error=ENGINE_FAILED,error_after={after}"
    response = client.post("/api/process/text", json={"message": "hi"}, headers={SCRIPT_HEADER: script})
    events = events_of(response.text)
    if response.status_code == 500:
        pytest.fail("words that were ready before the failure are lost")
    assert "".join(event["word"] for event in events[:-1]).split() == [f"w{number}" for number in range(after)]
    assert events[-1]["error"]
    assert events[-1]["error_code"] == "PROCESSING_ERROR"
    assert (events[-1]["word"], events[-1]["complete"]) == ("", True)


def test_key_of_the_document_is_accepted(client):
    response = client.post("/v1/process/text", json={"message": "Hello"}, headers={"X-API-Key": "your_api_key_here"})
    assert answer_of(response.text)


def test_spaces_and_line_ends_of_an_answer_survive(grounded):
    with grounded.client() as client:
        answer = ask(client, "What can you do?")
    assert answer == answer.strip()
    assert len(answer.split(" ")) > 5


def test_one_connection_serves_many_streams(scripted):
    with scripted.client() as client:
        answers = {ask(client, "hi", script=f"text=answer number {number}") for number in range(50)}
    assert answers == {f"answer number {number}" for number in range(50)}
