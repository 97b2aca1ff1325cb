"""Log lines for people and for machines."""

import io
import json

from quintet_cli.log_output import LogFormat, LogOutput


def written(log_format: LogFormat, *lines: str) -> list[str]:
    stream = io.StringIO()
    output = LogOutput(log_format, stream)
    for line in lines:
        output.line("stt", line)
    output.event("all is well")
    output.close()
    return stream.getvalue().splitlines()


def test_events_are_made_readable() -> None:
    event = {
        "event": "listening",
        "ports": [50054],
        "service": "stt",
        "level": "info",
        "timestamp": "now",
        "why": "a b",
    }
    assert written(LogFormat.CONSOLE, json.dumps(event), "a plain line") == [
        'stt     | listening ports=[50054] why="a b"',
        "stt     | a plain line",
        "quintet | all is well",
    ]


def test_json_stays_json_and_the_rest_becomes_json() -> None:
    event = '{"event": "listening"}'
    first, second, third = written(LogFormat.JSON, event, "a plain line")
    assert first == event
    assert json.loads(second) == {"service": "stt", "event": "output", "line": "a plain line"}
    assert json.loads(third)["detail"] == "all is well"


def test_nothing_in_a_line_steers_the_terminal() -> None:
    lines = written(
        LogFormat.CONSOLE, "\x1b[2Jgone", json.dumps({"event": "odd", "name": "\x1b]0;title\x07", "c1": "\x9b2J"})
    )
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for line in lines for letter in line)
    assert "gone" in lines[0]


def test_a_line_that_only_looks_like_json_is_shown() -> None:
    assert written(LogFormat.CONSOLE, "{not json", "[1]", '{"a": 1}', "{" * 5000)[0] == "stt     | {not json"
