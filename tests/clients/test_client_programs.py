"""Programs as the nexus document shows them, with only the base URL changed, run as programs."""

import json
import re
import sys
from pathlib import Path

import pytest
from framework.media import exit_sign, recording
from framework.nexus import answer_of, ended
from framework.programs import run

HERE = Path(__file__).parent


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(exit_sign())
    return path


def test_python_program(grounded, picture):
    found = json.loads(run(sys.executable, HERE / "python_client.py", grounded.base_url, picture))
    assert "144" in found["without_session"]
    assert found["looked_without_session"] == "image_analysis"
    assert found["answer"]
    assert "EXIT 42" in found["looked"]["analysis"]["text_content"]
    assert "EXIT 42" in found["asked"]["ai_response"]
    with grounded.client() as client:
        messages = client.get(f"/api/sessions/{found['session']}/messages").json()["messages"]
    assert [message["type"] for message in messages] == ["user", "ai"]


@pytest.mark.clients
def test_javascript_program(grounded, picture):
    found = json.loads(run("node", HERE / "javascript_client.mjs", grounded.base_url, picture))
    assert "144" in found["withoutSession"]
    assert found["answer"]
    assert "�" not in json.dumps(found, ensure_ascii=False)
    assert "Привет, мир! 你好" in found["echoed"]
    assert "EXIT 42" in found["looked"]["analysis"]["text_content"]
    assert found["lookedUnnamed"] == "image_analysis"
    assert "EXIT 42" in found["asked"]["ai_response"]
    assert found["remembered"] == {"status": 200, "retryAfter": None}


@pytest.mark.clients
def test_curl_calls(grounded, picture, tmp_path):
    sound = tmp_path / "recording.webm"
    sound.write_bytes(recording("webm"))
    output = run(HERE / "curl_client.sh", grounded.base_url, picture, sound)
    parts = re.split(r"\n== (\S+) (\d{3})\n", output)
    calls = {
        name: (int(status), body) for body, name, status in zip(parts[::3], parts[1::3], parts[2::3], strict=False)
    }
    statuses = {name: status for name, (status, _) in calls.items()}
    assert statuses == dict.fromkeys(statuses, 200) | {"status": 404}
    assert len(statuses) == 10
    assert json.loads(calls["health"][1])["status"] == "healthy"
    for name in ("text-v1", "text-key", "text"):
        assert answer_of(calls[name][1].lstrip("\n"))
    assert json.loads(calls["session"][1])["session_id"]
    assert json.loads(calls["status"][1])["error_code"] == "JOB_NOT_FOUND"
    with grounded.client() as client:
        for name in ("image", "question", "voice", "speech"):
            assert ended(client, json.loads(calls[name][1])["job_id"])["status"] == "completed"
