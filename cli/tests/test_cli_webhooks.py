"""`quintet webhooks` as the person types it, over the real session service."""

import io
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from quintet.session.v1.event_pb2 import Event
from quintet.session.v1.session_service_pb2 import Scope
from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet_cli.app import main
from quintet_cli.options import Options
from quintet_cli.processes import lone_session_spec
from quintet_cli.session_link import with_webhooks

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DATABASE = "quintet.db"


@dataclass
class Quintet:
    """Types commands in this process, and returns the exit code with what was written."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    options: Sequence[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["quintet", *arguments, *self.options])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ending:
            main()
        captured = self.capsys.readouterr()
        return int(ending.value.code or 0), captured.out, captured.err


@pytest.fixture
def service(tmp_path: Path) -> Iterator["Service"]:
    """A session service that runs already, over a folder without data."""
    spec = lone_session_spec(Options(tmp_path), tmp_path)
    environment = spec.prepare()
    process = subprocess.Popen(spec.command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert any('"serving"' in line for line in process.stdout)
        yield Service(f"unix:{tmp_path / 'session.sock'}", tmp_path, process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def at_service(service: "Service", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Quintet:
    return Quintet(monkeypatch, capsys, ["--session-addr", service.address])


@dataclass
class Service:
    """A session service with its data folder."""

    address: str
    data_dir: Path
    process: "subprocess.Popen[str]"

    def end(self) -> None:
        """Ends the service and leaves its data."""
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0

    def asked(self, method: str, request: Any) -> Any:
        """Calls the webhook service."""
        return with_webhooks(Path("unused"), self.address, lambda webhooks: webhooks.call(method, request))

    def told(self, surface: str, url: str, error: str = "", *, given_up: bool = False) -> str:
        """Registers a target, lets an event be sent there, and returns the delivery's id."""
        scope = Scope(surface=surface, owner=f"owner {url}")
        webhook = pb.Webhook(scope=scope, url=url, event_types=["session.created"])
        self.asked("RegisterWebhook", pb.RegisterWebhookRequest(webhook=webhook))
        self.asked("PublishEvent", pb.PublishEventRequest(scope=scope, event=Event(type="session.created")))
        claim = pb.ClaimDeliveriesRequest(max_deliveries=1, lease_duration=Duration(seconds=60))
        (delivery,) = self.asked("ClaimDeliveries", claim).deliveries
        if given_up:
            self._let_its_day_end(delivery.delivery_id)
        outcome = pb.CompleteDeliveryRequest(
            delivery_id=delivery.delivery_id,
            lease_token=delivery.lease_token,
            delivered=not error,
            status_code=0 if error else 200,
            error=error,
        )
        self.asked("CompleteDelivery", outcome)
        return str(delivery.delivery_id)

    def _let_its_day_end(self, delivery_id: str) -> None:
        with closing(sqlite3.connect(self.data_dir / DATABASE, timeout=10)) as connection, connection:
            changed = connection.execute(
                "UPDATE webhook_deliveries SET give_up_us = 0 WHERE delivery_id = ?", (delivery_id,)
            )
            assert changed.rowcount == 1


def lines_of(output: str) -> list[list[str]]:
    return [line.split("\t") for line in output.splitlines()]


def test_deliveries_are_listed_the_newest_first(at_service: Quintet, service: Service) -> None:
    assert at_service("webhooks", "deliveries") == (0, "", "There are no such deliveries.\n")
    assert at_service("webhooks", "redeliver", "--dead") == (0, "0\n", "")
    taken = service.told("omni", "https://taken.example/hook")
    waiting = service.told("nexus", "https://waiting.example/hook", "The target answered with 503.")
    dead = service.told("omni", "https://dead.example/hook", "No\tconnection\n\x1b[2J.", given_up=True)
    code, out, err = at_service("webhooks", "deliveries")
    assert (code, err) == (0, "")
    newest, second, oldest = lines_of(out)
    assert [newest[0], second[0], oldest[0]] == [dead, waiting, taken]
    assert TIME.fullmatch(newest[1])
    assert newest[2:6] == ["session.created", "dead", "1 attempt", "https://dead.example/hook"]
    assert len(newest) == 7, "a tab or a line in an error adds no column"
    assert "\x1b" not in out
    assert second[2:] == [
        "session.created",
        "pending",
        "1 attempt",
        "https://waiting.example/hook",
        "The target answered with 503.",
    ]
    assert oldest[3] == "delivered"
    for options, expected in (
        (["--state", "dead"], [dead]),
        (["--state", "pending"], [waiting]),
        (["--state", "delivered"], [taken]),
        (["--surface", "omni"], [dead, taken]),
        (["--surface", "omni", "--state", "delivered"], [taken]),
        (["--limit", "2"], [dead, waiting]),
    ):
        _, out, _ = at_service("webhooks", "deliveries", *options)
        assert [line[0] for line in lines_of(out)] == expected, options


def test_deliveries_are_due_again(at_service: Quintet, service: Service) -> None:
    taken = service.told("omni", "https://taken.example/hook")
    dead = [service.told("omni", f"https://dead{number}.example/", "Away.", given_up=True) for number in range(2)]
    other = service.told("nexus", "https://dead.example/", "Away.", given_up=True)
    assert at_service("webhooks", "redeliver", taken, "--surface", "nexus")[0] == 1
    assert at_service("webhooks", "redeliver", taken) == (0, "1\n", "")
    assert due(at_service, "pending") == [taken]
    assert at_service("webhooks", "redeliver", "--dead", "--surface", "omni") == (0, "2\n", "")
    assert due(at_service, "pending") == sorted([taken, *dead])
    assert due(at_service, "dead") == [other]
    assert at_service("webhooks", "redeliver", "--dead") == (0, "1\n", "")
    assert at_service("webhooks", "redeliver", "--dead") == (0, "0\n", "")
    assert at_service("webhooks", "redeliver", "none") == (1, "", "The delivery does not exist.\n")


def due(at_service: Quintet, state: str) -> list[str]:
    _, out, _ = at_service("webhooks", "deliveries", "--state", state)
    return sorted(line[0] for line in lines_of(out))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["redeliver"], "Name either a delivery or --dead."),
        (["redeliver", "one", "--dead"], "Name either a delivery or --dead."),
        (["deliveries", "--state", "lost"], "lost"),
        (["deliveries", "--surface", "none"], "none"),
        (["deliveries", "--limit", "0"], "--limit"),
    ],
)
def test_bad_use_is_told_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    code, out, err = Quintet(monkeypatch, capsys, ["--session-addr", "unix:/nowhere"])("webhooks", *arguments)
    assert (code, out) == (2, "")
    assert why in err
    assert "Traceback" not in err


def test_service_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quintet = Quintet(monkeypatch, capsys, ["--session-addr", f"unix:{tmp_path / 'none.sock'}"])
    code, out, err = quintet("webhooks", "deliveries")
    assert (code, out) == (3, "")
    assert "No session service answers" in err


def test_folder_without_data_is_not_made_into_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mistyped"
    quintet = Quintet(monkeypatch, capsys, ["--data-dir", str(folder)])
    code, out, err = quintet("webhooks", "deliveries")
    assert (code, out) == (2, "")
    assert "There is no Quintet data" in err
    assert not folder.exists()


@pytest.mark.slow
def test_service_is_started_for_the_moment(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = service.told("omni", "https://taken.example/hook")
    service.end()
    quintet = Quintet(monkeypatch, capsys, ["--data-dir", str(service.data_dir)])
    code, out, _ = quintet("webhooks", "deliveries")
    assert (code, [line[0] for line in lines_of(out)]) == (0, [taken])
