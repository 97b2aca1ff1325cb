"""Text is data: whatever stands in a field comes back as it was, and runs nowhere."""

import json
import uuid
from urllib.parse import quote

import grpc
import pytest
from framework.cluster import Cluster
from framework.media import small_picture, tone
from framework.omni import assert_error, client_of, new_key, talking
from framework.quillium import register

from quintet.session.v1 import session_service_pb2 as session_pb
from quintet.session.v1.session_service_pb2_grpc import SessionServiceStub

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


@pytest.fixture(scope="module")
def omni_key(scripted: Cluster) -> str:
    return new_key(scripted)


def prompt_of(cluster: Cluster, session_id: str) -> str:
    """Reads the system prompt that is kept, which no endpoint shows."""
    kept_id = uuid.UUID(session_id).hex
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        stub = SessionServiceStub(channel)
        owner = session_pb.GetSessionOwnerRequest(surface="omni", session_id=kept_id)
        scope = stub.GetSessionOwner(owner, timeout=10).scope
        kept = stub.GetSession(session_pb.GetSessionRequest(scope=scope, session_id=kept_id), timeout=10).session
    return "".join(text for name, text in sorted(kept.attributes.items()) if name.startswith("system_prompt"))


@pytest.mark.parametrize("text", TEXTS)
async def test_omni_fields(scripted, omni_key, text):
    with client_of(scripted, omni_key) as client:
        made = client.post("/session", json={"system_prompt": text, text: text})
        assert made.status_code == 200, made.text
        session_id = made.json()["session_id"]
        assert prompt_of(scripted, session_id) == text
        assert_error(client.get(f"/session/{quote(text, safe='')}"), 404)
        asked = client.post("/process", files={"audio": tone(0.3)}, data={"session_id": text})
        assert_error(asked, 404, "Session not found")
        assert_error(client.post("/webhooks", json={"url": text}), 400)
        hook = {"url": f"https://example.com/{quote(text, safe='')}", "events": ["error.occurred"], "secret": text}
        registered = client.post("/webhooks", json=hook)
        assert registered.status_code == 200, registered.text
        assert registered.json()["url"] == hook["url"]
        assert "secret" not in registered.json()
        assert client.delete(f"/webhooks/{registered.json()['id']}").status_code == 200
        assert_error(client.delete(f"/webhooks/{quote(text, safe='')}"), 404)
        assert client.delete(f"/session/{session_id}").status_code == 200
        async with talking(scripted, omni_key, session_id=text) as talk:
            opened = (await talk.until_type("connected"))["session_id"]
            for field in ("type", "data", "action"):
                await talk.socket.send_str(json.dumps({"type": "control", field: text}))
                assert (await talk.until_type("error"))["error"]
        assert client.delete(f"/session/{opened}").status_code == 200


@pytest.mark.parametrize("text", TEXTS)
def test_sight_session_ids(scripted, text):
    with scripted.client() as client:
        fields = {"session_id": text, "mode": "snapshot"}
        looked = client.post("/api/v1/analyze", files={"image": small_picture("JPEG")}, data=fields)
        assert "Set-Cookie" not in looked.headers
        if set(text) & set("\r\n"):
            assert looked.status_code == 400
            return
        assert looked.status_code == 200, looked.text
        read = client.get(f"/api/v1/session/{quote(text, safe='')}")
        assert (read.status_code, read.json()["session_id"]) == (200, text)
        assert client.post("/api/v1/session/reset", data={"session_id": text}).json()["session_id"] == text
        assert client.get(f"/api/v1/session/{quote(text, safe='')}").status_code == 404


def test_no_line_of_the_log_was_forged(scripted: Cluster):
    assert not scripted.events("forged")
    assert not scripted.events("second")
