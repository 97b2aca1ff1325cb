"""Text is data: whatever stands in a field comes back as it was, and runs nowhere."""

import uuid
from urllib.parse import quote

import pytest
from framework.cluster import Cluster
from framework.quillium import register

TEXTS = [
    "'; DROP TABLE sessions; --",
    "Robert'); DELETE FROM messages WHERE ('1'='1",
    '{"$gt": ""}',
    '{"$where": "sleep(1000)"}',
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "a\r\nSet-Cookie: stolen=1\r\n\r\n<html>",
    "event: error\ndata: {}\n\ndata: [DONE]",
    '{"level": "error", "event": "forged"}\n{"event": "second"}',
    "${jndi:ldap://127.0.0.1/a} {{7*7}} %s %n $(id) `id`",
    "../../etc/passwd\\..\\windows",
    "\u202egnirts desrever\u202c \u200b\u200d zero width",
    "हिन्दी 中文 العربية 👩‍👩‍👧 e\u0301",
]


@pytest.fixture(scope="module")
def account(scripted: Cluster):
    made = register(scripted)
    yield made
    made.client.close()


@pytest.mark.parametrize("text", TEXTS)
def test_quillium_fields(account, text):
    chat = account.new_chat(title=text[:200], model=text[:100])
    said = account.say(chat, text)
    assert said["content"] == text
    kept = account.client.get(f"/v1/chats/{chat}").json()
    assert (kept["title"], kept["model"]) == (text[:200], text[:100])
    messages = account.client.get(f"/v1/chats/{chat}/messages").json()["data"]
    assert messages[0]["content"] == text
    changed = account.client.put("/v1/settings/user", json={"theme": text, "language": text})
    if changed.status_code == 200:
        assert (changed.json()["theme"], changed.json()["language"]) == (text, text)
    else:
        assert changed.status_code == 400
    named = account.client.put("/v1/users/me", json={"name": text[:100]})
    assert named.status_code in {200, 400}
    if named.status_code == 200:
        assert account.client.get("/v1/users/me").json()["name"] == text[:100]


@pytest.mark.parametrize("text", TEXTS)
def test_aegis_fields(scripted, text):
    user = f"user-{uuid.uuid4().hex}"
    with scripted.client() as client:
        said = client.post("/ai/chat", json={"message": text, "user_id": user}).json()
        whole = client.get(f"/ai/conversations/{said['conversation_id']}", params={"user_id": user}).json()
        assert whole["messages"][0]["content"] == text
        odd = client.post("/ai/chat", json={"message": "hi", "user_id": text})
        assert odd.status_code in {200, 400}
        if odd.status_code == 200:
            listed = client.get("/ai/conversations", params={"user_id": text}).json()
            assert [one["id"] for one in listed] == [odd.json()["conversation_id"]]
        streamed = client.post("/ai/chat/stream", json={"message": text, "user_id": user}).text
        events = [line for line in streamed.splitlines() if line.startswith("event: ")]
        assert (events[0], events[-1]) == ("event: connect", "event: complete")
        assert set(events[1:-1]) <= {"event: chunk", "event: final"}
        assert client.get("/llm/models", params={"pattern": text, "vendor": text}).json() == []
        missing = client.get(f"/rag/collections/{quote(text, safe='')}")
        assert missing.status_code == 404


def test_no_line_of_the_log_was_forged(scripted: Cluster):
    assert not scripted.events("forged")
    assert not scripted.events("second")
