"""`quintet look`, `transcribe` and `say`: one job each, with a bar while it runs."""

import base64
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from quintet_cli.errors import CommandError
from quintet_cli.nexus_client import JobStatus, NexusClient
from quintet_cli.terminal_text import harmless

_ANALYSIS_LINES = (
    ("Scene", "scene_type"),
    ("Objects", "objects"),
    ("Colours", "dominant_colors"),
    ("Text", "text_content"),
    ("Notes", "suggestions"),
)


def look(client: NexusClient, file: Path, question: str | None, console: Console) -> None:
    """Prints the answer to a question about a picture, or what was found in it."""
    result = _await_job(client, client.analyze_image(file, question), f"Looking at {file.name}", console)
    if question:
        _say_line(str(result["ai_response"]))
        return
    if description := _as_text(result["analysis"].get("description")):
        _say_line(description)
    for title, key in _ANALYSIS_LINES:
        if text := _as_text(result["analysis"].get(key)):
            _say_line(f"{title}: {text}")


def transcribe(client: NexusClient, file: Path, language: str | None, console: Console) -> None:
    """Prints what is said in a recording; says on standard error if nothing is."""
    result = _await_job(client, client.transcribe(file, language), f"Listening to {file.name}", console)
    text = str(result["transcription"])
    if text:
        _say_line(text)
    else:
        console.print(str(result.get("user_message") or "No speech was heard."), highlight=False)


def say(client: NexusClient, text: str, output: Path, language: str | None, console: Console) -> None:
    """Writes speech to a file, whole or not at all, and says where it is."""
    result = _await_job(client, client.speak(text, language), "Speaking", console)
    kind = str(result["audio_format"])
    _write(output, base64.b64decode(str(result["audio_base64"])))
    note = "" if output.suffix.lower() == f".{kind}" else f" (its content is {kind.upper()})"
    console.print(f"Wrote {output}{note}, spoken in {result['language']}.", highlight=False, markup=False)


def _await_job(client: NexusClient, job_id: str, title: str, console: Console) -> Mapping[str, Any]:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(title, total=100)

        def show(status: JobStatus) -> None:
            progress.update(bar, completed=status.percent)

        return client.wait_for(job_id, show)


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value or "").strip()


def _say_line(text: str) -> None:
    sys.stdout.write(harmless(text) + "\n")


def _write(output: Path, content: bytes) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=".quintet-", delete=False) as stream:
            unfinished = Path(stream.name)
            stream.write(content)
        # A temporary file is private; this one was asked for like any other.
        mask = os.umask(0)
        os.umask(mask)
        unfinished.chmod(0o666 & ~mask)
        unfinished.replace(output)
    except OSError as error:
        raise CommandError(f"{output} cannot be written ({error.strerror}).") from None
