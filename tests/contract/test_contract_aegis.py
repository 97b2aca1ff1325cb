"""The aegis surface over the real processes: what stays, what it costs, how streams look."""

import json
import re
import uuid

import httpx
import pytest
from framework.nexus import SCRIPT_HEADER
from framework.waiting import wait_until

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def client(grounded):
    with grounded.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def on_script(scripted):
    with scripted.client() as opened:
        yield opened


@pytest.fixture
def user():
    return f"user-{uuid.uuid4()}"


def ask(client, message, user, **more):
    response = client.post("/ai/chat", json={"message": message, "user_id": user, **more})
    assert response.status_code == 200, response.text
    return response.json()


def refused(response: httpx.Response, status: int, detail: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": detail})


def events_of(text):
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    lines = [block.split("\n") for block in blocks]
    assert all(len(block) == 3 for block in lines), lines
    return [(name[len("event: ") :], json.loads(data[len("data: ") :])) for name, data, _ in lines]


def test_conversation_goes_on_and_is_kept(client, user):
    first = ask(client, "My name is Ada.", user)
    second = ask(client, "What is my name?", user, conversation_id=first["conversation_id"])
    assert "Ada" in second["content"]
    (listed,) = client.get("/ai/conversations", params={"user_id": user}).json()
    assert listed["id"] == first["conversation_id"]
    assert (listed["title"], listed["message_count"], listed["provider"]) == ("My name is Ada.", 4, "grounded")
    body = client.get(f"/ai/conversations/{listed['id']}", params={"user_id": user}).json()
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"] * 2
    assert body["messages"][3]["id"] == second["message_id"]
    assert all(TIMESTAMP.fullmatch(message["timestamp"]) for message in body["messages"])
    assert body["metadata"]["last_response_time_ms"] > 0


def test_conversation_belongs_to_its_user(client, user):
    mine = ask(client, "Hello", user)["conversation_id"]
    refused(client.get(f"/ai/conversations/{mine}"), 403, "Access denied")
    refused(client.post("/ai/chat", json={"message": "x", "conversation_id": mine}), 403, "Access denied")
    unknown = str(uuid.uuid4())
    detail = f"Conversation error: Conversation {unknown} not found"
    refused(client.get(f"/ai/conversations/{unknown}", params={"user_id": user}), 404, detail)


def test_stream_is_stored_and_reconnecting_does_not_ask_again(client, user):
    query = {"message": "What is 12 times 12?", "user_id": user}
    response = client.get("/ai/chat/stream", params=query)
    events = events_of(response.text)
    assert [name for name, _ in events] == ["connect", "chunk", "final", "complete"]
    final = events[2][1]
    assert "144" in final["content"]
    again = client.get("/ai/chat/stream", params=query, headers={"Last-Event-ID": final["message_id"]})
    assert again.status_code == 204
    (listed,) = client.get("/ai/conversations", params={"user_id": user}).json()
    assert (listed["id"], listed["message_count"]) == (final["conversation_id"], 2)


def test_question_of_a_broken_answer_is_known(on_script, user):
    query = {"message": "x", "user_id": user}
    headers = {SCRIPT_HEADER: "steps=3,interval_ms=1,error=ENGINE_FAILED,error_after=1"}
    response = on_script.get("/ai/chat/stream", params=query, headers=headers)
    events = events_of(response.text)
    assert [name for name, _ in events] == ["connect", "chunk", "error"]
    assert events[2][1]["error"] == "AI provider error"
    last = {"Last-Event-ID": events[1][1]["message_id"]}
    assert on_script.get("/ai/chat/stream", params=query, headers=last).status_code == 204


@pytest.mark.slow
def test_ping_comes_within_the_patience_of_the_documented_client(on_script, user):
    headers = {SCRIPT_HEADER: "steps=1,interval_ms=2600,text=data: late"}
    body = {"message": "x", "user_id": user}
    with on_script.stream("POST", "/ai/chat/stream", json=body, headers=headers) as response:
        text = "".join(response.iter_text())
    assert text.index("event: connect") < text.index(": ping\n\n") < text.index("event: chunk")
    assert text.count("data:") == 4, "the name of the field stands in no text"
    assert events_of(text)[-2][1]["content"].startswith("data:")


@pytest.mark.parametrize(("reason", "status"), [("ENGINE_FAILED", 502), ("ENGINE_BUSY", 503)])
def test_failure_has_the_documented_status(on_script, user, reason, status):
    headers = {SCRIPT_HEADER: f"error={reason},error_after=0"}
    response = on_script.post("/ai/chat", json={"message": "x", "user_id": user}, headers=headers)
    assert response.status_code == status
    title = {502: "AI provider error: ", 503: "AI service error: "}[status]
    assert response.json()["detail"].startswith(title)


def test_usage_of_a_user_is_counted(client, user):
    ask(client, "What is 2 plus 2?", user)
    client.get("/ai/chat/stream", params={"message": "Hello", "user_id": user})

    def counted():
        stats = client.get("/ai/usage/stats", params={"user_id": user}).json()
        return stats if stats["total_requests"] == 2 else None

    stats = wait_until(counted, within_s=10)
    assert stats["success_rate"] == 100.0
    assert stats["total_tokens"] == stats["input_tokens"] + stats["output_tokens"] > 0
    assert [one["action"] for one in stats["recent_activity"]] == ["stream_chat", "chat"]
    assert stats["models"][0]["percentage"] == 100.0


def test_catalogue_is_filled_and_the_live_model_is_in_it(client):
    status = client.get("/llm/status").json()
    assert status["vendor_count"] > 10
    assert status["model_count"] > 500
    found = client.get("/llm/models", params={"pattern": "gpt-4", "vendor": "openai", "limit": 5}).json()
    assert found
    assert all("openai" in one["vendor"].lower() and "gpt-4" in one["model_id"] for one in found)
    assert client.get("/llm/current").json()["modalities"] == ["text"]


def test_voices_are_heard_and_settings_stay(client):
    response = client.get("/voice/preview/nova", params={"text": "Hello"})
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert len(response.content) > 1000
    assert response.content != client.get("/voice/preview/onyx", params={"text": "Hello"}).content
    refused(client.get("/voice/preview/nobody"), 404, "Voice not found: nobody")
    before = client.get("/voice/settings").json()
    changed = client.post("/api/v1/voice/settings", json={"tts_voice": "nova", "tts_speed": 1.5}).json()
    assert changed == {**before, "tts_voice": "nova", "tts_speed": 1.5} == client.get("/voice/settings").json()
    assert before["tts_provider"] == "quintet"
    names = [one["id"] for one in client.get("/voice/catalog/tts/quintet/voices").json()]
    assert before["tts_voice"] in names


def test_settings_of_voices_that_do_not_exist_are_refused(client):
    before = client.get("/voice/settings").json()
    for name in ("tts_provider", "tts_model", "tts_voice", "stt_provider", "stt_model", "stt_language"):
        assert client.post("/voice/settings", json={name: "no-such-thing!"}).status_code == 400, name
    assert client.get("/voice/settings").json() == before


def test_usage_of_all_times_can_be_asked_for(client, user):
    query = {"user_id": user, "start_time": "0001-01-01T00:00:00Z"}
    assert client.get("/ai/usage/stats", params=query).json()["total_requests"] == 0
    ask(client, "What is 2 plus 2?", user)
    wait_until(lambda: client.get("/ai/usage/stats", params=query).json()["total_requests"] == 1, within_s=10)
    assert client.get("/ai/usage/stats", params={**query, "end_time": "0001-01-02"}).json()["total_requests"] == 0


@pytest.fixture
def folder(grounded, client, user):
    """A folder of documents; the collection that has its name is deleted afterwards."""
    made = grounded.data_dir / "documents" / user
    made.mkdir(parents=True)
    yield made
    client.delete(f"/rag/collections/{user}")


@pytest.mark.slow
def test_index_goes_on_without_its_client(grounded, client, folder):
    for number in range(800):
        (folder / f"{number}.md").write_text(f"Qzx{number} is a word of its own.")
    body = {"path": folder.name, "collection_name": folder.name}
    hurry = httpx.Timeout(30, read=0.3)
    with grounded.client(timeout=hurry) as hasty, pytest.raises(httpx.ReadTimeout):
        hasty.post("/rag/index", json=body)
    at_work = wait_until(lambda: client.get("/rag/health").json()["indexing"], within_s=10)
    assert at_work[0]["collection_name"] == folder.name
    other = client.post("/rag/index", json={**body, "extensions": [".txt"]})
    assert (other.status_code, int(other.headers["Retry-After"]) > 0) == (503, True)
    report = client.post("/rag/index", json=body, timeout=120).json()
    assert (report["total_documents"], report["skipped_count"]) == (800, 0)


def test_index_tells_what_it_left_out_and_search_filters_by_what_documents_are(client, folder):
    (folder / "a.md").write_text("The qzxlamp is lit.")
    (folder / "b.py").write_text("# The qzxlamp is lit.\n")
    (folder / "c.md").write_bytes(b"\0\1")
    body = {"path": folder.name, "collection_name": folder.name}
    report = client.post("/rag/index", json=body).json()
    assert (report["total_documents"], report["skipped_count"]) == (2, 1)
    assert report["skipped"] == [{"source": f"{folder.name}/c.md", "reason": "is binary"}]
    query = {"query": "qzxlamp", "collection_name": folder.name}

    def found(**wanted):
        results = client.post("/rag/search", json={**query, "filter_metadata": wanted}).json()["results"]
        return {(one["metadata"]["file_name"], one["score"]) for one in results}

    assert found() == {("a.md", 1.0), ("b.py", 1.0)}
    assert found(language=None, extension=".md") == {("a.md", 1.0)}
    assert found(language="python") == {("b.py", 1.0)}
    refusal = client.post("/rag/search", json={**query, "filter_metadata": {"chunk_index": 0}})
    assert refusal.status_code == 400
    assert "extension" in refusal.json()["detail"]
    elsewhere = client.post("/rag/index", json={**body, "path": "/etc"}).json()["detail"]
    assert elsewhere.endswith("Path not found: /etc (looked in the configured folders, see /rag/health)")
