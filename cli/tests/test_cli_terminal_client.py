"""The terminal client against a loopback server that answers as the nexus document says."""

import asyncio
import base64
import io
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from quintet_cli.app import main

ANALYSIS = {
    "objects": [],
    "scene_type": "indoor",
    "dominant_colors": ["red"],
    "text_content": "EXIT 42",
    "suggestions": [],
}
RESULTS: dict[str, dict[str, Any]] = {
    "img": {"analysis": ANALYSIS, "image_analysis": ANALYSIS, "ai_response": "It says EXIT 42."},
    "voice": {"transcription": "ask not", "language": "en", "confidence": 0.9},
    "tts": {"audio_base64": base64.b64encode(b"ID3 sound").decode(), "audio_format": "mp3", "language": "en"},
}


@dataclass
class Nexus:
    """A server with one script: what it was sent, and what it answers."""

    address: str = ""
    requests: list[tuple[str, Any]] = field(default_factory=list)
    polls: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    refusal: web.Response | None = None
    job_error: str = ""
    silent: bool = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/sessions", self.create_session),
            web.post("/api/process/text", self.process_text),
            web.post("/api/process/{kind}", self.accept_job),
            web.get("/api/status/{job_id}", self.status),
        ]

    async def create_session(self, _request: web.Request) -> web.Response:
        return web.json_response({"success": True, "session_id": "s-1", "title": "New Chat"})

    async def process_text(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(("text", await request.json()))
        if self.refusal:
            return self.refusal
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in self.events:
            await response.write(f": heartbeat\n\ndata: {json.dumps(event)}\n\n".encode())
        return response

    async def accept_job(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if request.content_type == "application/json":
            sent: Any = await request.json()
        else:
            sent = {key: _content(value) for key, value in (await request.post()).items()}
        self.requests.append((kind, sent))
        prefix = {"voice": "voice", "text-to-speech": "tts"}.get(kind, "img")
        return web.json_response({"job_id": f"{prefix}_1", "status": "queued", "message": "started"})

    async def status(self, request: web.Request) -> web.Response:
        self.polls += 1
        job_id = request.match_info["job_id"]
        body: dict[str, Any] = {"job_id": job_id, "status": "processing", "progress": 45, "type": "x"}
        if self.job_error:
            body |= {"status": "error", "progress": 0, "error": self.job_error}
        elif self.polls > 1:
            result = RESULTS[job_id.split("_")[0]]
            if self.silent:
                result = {"transcription": "", "confidence": 0.0, "user_message": "Nobody spoke."}
            body |= {"status": "completed", "progress": 100, "result": result}
        return web.json_response(body)


def _content(value: Any) -> Any:
    return value.file.read() if isinstance(value, web.FileField) else value


def words(*texts: str) -> list[dict[str, Any]]:
    return [*({"word": text, "complete": False} for text in texts), {"word": "", "complete": True}]


@pytest.fixture
async def nexus() -> AsyncIterator[Nexus]:
    served = Nexus()
    app = web.Application()
    app.add_routes(served.routes())
    async with TestServer(app) as server:
        served.address = str(server.make_url("")).rstrip("/")
        yield served


Run = Callable[..., Any]


@pytest.fixture
def run(nexus: Nexus, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line in a thread, beside the server, and returns its exit code."""

    async def run_command(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["quintet", *arguments, "--server", nexus.address])
        try:
            await asyncio.to_thread(main)
        except SystemExit as ending:
            return int(ending.code or 0)
        return 0

    return run_command


async def test_chat_prints_the_words_as_they_are(nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nexus.events = words("It", " is", " 144.\nReally.")
    assert await run("chat", "what is 12 * 12") == 0
    assert capsys.readouterr().out == "It is 144.\nReally.\n"
    assert nexus.requests == [("text", {"message": "what is 12 * 12"})]


async def test_an_answer_cannot_steer_the_terminal(nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nexus.events = words("\x1b[2J", "नमस्ते क्‍ष \N{FAMILY}")
    assert await run("chat", "hi") == 0
    assert capsys.readouterr().out == "\ufffd[2Jनमस्ते क्‍ष \N{FAMILY}\n"


async def test_a_conversation_keeps_its_session(
    nexus: Nexus, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.events = words("Hello", " there.")
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\nagain\n\nnever sent\n"))
    assert await run("chat") == 0
    assert [body for _, body in nexus.requests] == [
        {"message": "hello", "session_id": "s-1"},
        {"message": "again", "session_id": "s-1"},
    ]
    assert capsys.readouterr().out == "Hello there.\nHello there.\n"


async def test_an_error_in_a_conversation_does_not_end_it(
    nexus: Nexus, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.events = [{"error": "The engine broke.", "error_code": "PROCESSING_ERROR", "word": "", "complete": True}]
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))
    assert await run("chat") == 0
    assert len(nexus.requests) == 2
    assert capsys.readouterr().err.count("The engine broke.") == 2


async def test_an_error_in_the_stream_is_the_sentence_of_the_server(
    nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.events = [{"word": "So", "complete": False}, {"error": "The engine broke.", "word": "", "complete": True}]
    assert await run("chat", "hi", "--session", "s-9") == 1
    assert capsys.readouterr().err == "The engine broke.\n"
    assert nexus.requests == [("text", {"message": "hi", "session_id": "s-9"})]


async def test_a_stream_without_its_end_is_an_error(nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nexus.events = [{"word": "So", "complete": False}]
    assert await run("chat", "hi") == 1
    assert "broke off" in capsys.readouterr().err


async def test_a_refusal_says_when_to_come_back(nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"success": False, "error": "Rate limit exceeded", "error_code": "RATE_LIMIT_EXCEEDED"}
    nexus.refusal = web.json_response(body, status=429, headers={"Retry-After": "17"})
    assert await run("chat", "hi") == 1
    assert capsys.readouterr().err == "Rate limit exceeded. Try again in 17 seconds.\n"


async def test_a_server_that_is_something_else_is_said(
    nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.refusal = web.Response(status=502, text="<html>bad gateway</html>")
    assert await run("chat", "hi") == 1
    assert capsys.readouterr().err == "The server answered with HTTP 502.\n"


async def test_look_prints_what_was_found(
    nexus: Nexus, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "door.png"
    picture.write_bytes(b"picture")
    assert await run("look", str(picture)) == 0
    assert capsys.readouterr().out == "Scene: indoor\nColours: red\nText: EXIT 42\n"
    assert nexus.requests == [("image", {"image": b"picture"})]


async def test_look_answers_a_question(
    nexus: Nexus, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "door.png"
    picture.write_bytes(b"picture")
    assert await run("look", str(picture), "what does it say?") == 0
    assert capsys.readouterr().out == "It says EXIT 42.\n"
    assert nexus.requests == [("image-with-text", {"image": b"picture", "question": "what does it say?"})]


async def test_transcribe_prints_the_words(
    nexus: Nexus, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"sound")
    assert await run("transcribe", str(recording), "--language", "en") == 0
    assert capsys.readouterr().out == "ask not\n"
    assert nexus.requests == [("voice", {"audio": b"sound", "language": "en"})]


async def test_silence_is_said_beside_the_output(
    nexus: Nexus, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.silent = True
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"sound")
    assert await run("transcribe", str(recording)) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Nobody spoke." in captured.err


async def test_say_writes_a_whole_file(nexus: Nexus, run: Run, tmp_path: Path) -> None:
    assert await run("say", "hello", "-o", str(tmp_path / "hello.mp3"), "--language", "en") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["hello.mp3"]
    assert (tmp_path / "hello.mp3").read_bytes() == b"ID3 sound"
    assert nexus.requests == [("text-to-speech", {"text": "hello", "language": "en"})]


async def test_a_job_that_fails_is_an_error(
    nexus: Nexus, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.job_error = "Failed to process image: Invalid format"
    picture = tmp_path / "door.png"
    picture.write_bytes(b"no picture")
    assert await run("look", str(picture)) == 1
    assert "Failed to process image: Invalid format" in capsys.readouterr().err


async def test_a_missing_file_is_one_sentence(
    nexus: Nexus, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("look", str(tmp_path / "none.png")) == 1
    assert capsys.readouterr().err == f"{tmp_path}/none.png cannot be read (No such file or directory).\n"
    assert nexus.requests == []


async def test_without_a_server_the_sentence_names_quintet_up(
    nexus: Nexus, run: Run, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    nexus.address = f"http://127.0.0.1:{unused_tcp_port}"
    assert await run("chat", "hi") == 3
    error = capsys.readouterr().err
    assert "`quintet up`" in error
    assert len(error.splitlines()) == 1


async def test_the_server_may_be_named_before_the_command(
    nexus: Nexus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nexus.events = words("Yes.")
    monkeypatch.setattr(sys, "argv", ["quintet", f"--server={nexus.address}", "chat", "--", "--server"])
    with pytest.raises(SystemExit) as ending:
        await asyncio.to_thread(main)
    assert not ending.value.code
    assert capsys.readouterr().out == "Yes.\n"
    assert nexus.requests == [("text", {"message": "--server"})]
