"""Programs as the quillium and the aegis document show them, with only the base URL changed, run as programs."""

import json
import re
import sys
import uuid
from pathlib import Path

import pytest
from framework.programs import run

HERE = Path(__file__).parent


def test_aegis_python_program(grounded):
    found = json.loads(run(sys.executable, HERE / "aegis_client.py", grounded.base_url))
    assert "144" in found["chat"]["content"]
    assert "12" in found["stream"]["text"]
    assert found["stream"]["events"][0] == "connect"
    assert found["stream"]["events"][-2:] == ["final", "complete"]
    assert set(found["stream"]["events"][1:-2]) == {"chunk"}
    assert found["stream"]["response_time_ms"] > 0
    assert found["tricky"]["events"][-1] == "complete"
    assert any("(2 messages)" in line for line in found["conversations"])
    assert found["continued"] == {"same": True, "content": found["continued"]["content"]}
    assert "Ada" in found["continued"]["content"]


@pytest.mark.parametrize("base", ["/v1", "/api/v1"])
def test_quillium_python_program(grounded, base):
    email = f"{uuid.uuid4().hex}@example.com"
    found = json.loads(run(sys.executable, HERE / "quillium_client.py", grounded.base_url + base, email))
    assert (found["expires_in"], found["token_type"]) == (900, "Bearer")
    assert found["chat"] == found["chat"] | {"title": "New Conversation", "model": "gpt-4"}
    assert found["message_status"] == 201
    assert "144" in found["message"]["reply"]["content"]
    assert [chat["id"] for chat in found["chats"]["data"]] == [found["chat"]["id"]]
    assert found["chats"]["pagination"] == {"total": 1, "limit": 20, "offset": 0, "next": None, "previous": None}
    assert found["settings"]["theme"] == "dark"
    assert found["profile"]["email"] == email
    assert found["api_key"] == "ql_"
    assert found["refused"]["error"]["code"] == "forbidden"
    assert found["refreshed"] is True
    assert found["signed_out"] == {"message": "Logged out successfully"}
    assert found["afterwards"] == 401


@pytest.mark.clients
def test_aegis_curl_calls(grounded, tmp_path):
    output = run(HERE / "aegis_curl_client.sh", grounded.base_url, tmp_path)
    answers = dict(re.findall(r"^== (\S+)\n(.*?)(?=^== |\Z)", output, re.MULTILINE | re.DOTALL))
    assert len(answers) == 20
    assert "144" in json.loads(answers["chat"])["content"]
    assert "Ada" in json.loads(answers["continued"])["content"]
    assert "event: complete" in answers["stream"]
    assert json.loads(answers["conversations"])[0]["message_count"] >= 2
    whole = json.loads(answers["conversation"])
    assert [message["role"] for message in whole["messages"]] == ["user", "assistant"] * 2
    for path, body in answers.items():
        if path.startswith("/"):
            json.loads(body)
    assert any("gpt-4" in model["model_id"] for model in json.loads(answers["/llm/models?pattern=gpt-4&vendor=openai"]))
