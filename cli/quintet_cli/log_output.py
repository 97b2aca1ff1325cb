"""Shows the log lines of all processes on standard error, each with the name of its process."""

import json
import os
import queue
import sys
import threading
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TextIO

from quintet_cli.terminal_text import harmless

_COLOURS = (36, 33, 35, 32, 34, 96, 37)
_LEVEL_COLOURS = {"warning": 33, "error": 31, "critical": 31}
_HIDDEN = {"event", "level", "timestamp", "service", "module"}
_WIDTH = 8
# Lines that wait for a terminal that does not read. More are dropped and counted: a stopped terminal must not stop
# the supervision.
_WAITING_LINES = 10_000


class LogFormat(StrEnum):
    """`console` for people, `json` for machines."""

    CONSOLE = "console"
    JSON = "json"


class LogOutput:
    """Takes lines from the event loop without ever waiting, and writes them in a thread of its own."""

    def __init__(self, log_format: LogFormat, stream: TextIO | None = None) -> None:
        self._format = log_format
        self._stream = stream or sys.stderr
        self._coloured = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._colours: dict[str, int] = {}
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="log-output", daemon=True)
        self._thread.start()

    def line(self, name: str, text: str) -> None:
        """Shows one line that process `name` wrote; JSON events are made readable in the console format."""
        fields = parse_event(text)
        if self._format is LogFormat.JSON:
            self._put(text if fields else json.dumps({"service": name, "event": "output", "line": text}))
        else:
            self._put(f"{self._prefix(name)} {self._readable(fields) if fields else harmless(text)}")

    def event(self, sentence: str) -> None:
        """Shows one sentence of the supervisor itself."""
        if self._format is LogFormat.JSON:
            self._put(json.dumps({"service": "quintet", "event": "supervision", "detail": sentence}))
        else:
            self._put(f"{self._prefix('quintet')} {sentence}")

    def close(self) -> None:
        """Writes what waits, for at most two seconds."""
        try:
            self._lines.put(None, timeout=1)
        except queue.Full:
            return
        self._thread.join(2)

    def _put(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                line = f"({dropped} lines were dropped, because nobody read them)\n{line}"
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                # Whoever read the logs is gone; the processes go on without a reader.
                continue

    def _prefix(self, name: str) -> str:
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        return self._paint(f"{name:<{_WIDTH}}|", colour)

    def _readable(self, fields: Mapping[str, Any]) -> str:
        event = self._paint(harmless(str(fields["event"])), _LEVEL_COLOURS.get(str(fields.get("level")), 1))
        details = (f"{key}={_short(value)}" for key, value in fields.items() if key not in _HIDDEN)
        return " ".join((event, *details))

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text


def parse_event(line: str) -> Mapping[str, Any] | None:
    """Returns the fields of a structured log line, or None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and "event" in fields else None


def _short(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and value and " " not in value:
        return value
    return harmless(json.dumps(value, ensure_ascii=False))
