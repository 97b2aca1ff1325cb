"""What `quintet up` refuses before it starts anything, and what it tells its processes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from quintet_cli.data_folder import claim, problem_with
from quintet_cli.errors import CommandError
from quintet_cli.options import Options
from quintet_cli.ports import free_port_near, is_free
from quintet_cli.processes import GatewayPorts, gateway_spec, service_spec


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "quintet_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


@pytest.fixture
def busy_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_an_asked_for_port_that_is_busy_is_one_sentence(busy_port: int, tmp_path: Path) -> None:
    result = run_cli("up", "--port", str(busy_port), "--data-dir", str(tmp_path / "data"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"Port {busy_port} is in use by another program; choose another with --port, or 0 for any."
    ]


def test_a_second_up_on_the_same_data_is_refused(tmp_path: Path) -> None:
    lock = claim(tmp_path)
    result = run_cli("--data-dir", str(tmp_path), "up", "--port", "0")
    lock.release()
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "Another `quintet up`" in result.stderr


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    if os.geteuid() == 0:
        # Root can write everywhere, so only the owner tells.
        os.chown(folder, 65534, 65534)
    else:
        folder.chmod(0o500)
    result = run_cli("up", "--data-dir", str(folder), "--port", "0")
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "choose another with --data-dir" in result.stderr


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(CommandError, match="cannot be written"):
        claim(tmp_path / "data")


def test_a_missing_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    assert problem_with(folder) is None
    assert folder.stat().st_mode & 0o077 == 0


def test_a_busy_port_of_a_service_is_replaced(busy_port: int) -> None:
    assert not is_free(busy_port)
    assert is_free(free_port_near(busy_port))


def test_default_ports_are_the_choice_of_the_gateway_and_asked_for_ones_are_required() -> None:
    assert GatewayPorts(()).settings() == {}
    assert GatewayPorts((0, 9000)).settings() == {
        "QUINTET_GATEWAY_PORTS": "0,9000",
        "QUINTET_GATEWAY_PORTS_REQUIRED": "true",
    }


def test_a_restarted_gateway_gets_the_ports_it_had(tmp_path: Path) -> None:
    ports = GatewayPorts((0,))
    spec = gateway_spec(Options(tmp_path, (0,), "off", "scripted"), tmp_path, ports)
    assert not spec.has_started()
    spec.heard("not JSON")
    spec.heard(json.dumps({"event": "listening", "ports": [40123, 40124]}))
    assert spec.has_started()
    settings = spec.prepare()
    assert settings["QUINTET_GATEWAY_PORTS"] == "40123,40124"
    assert settings["QUINTET_GATEWAY_PORTS_REQUIRED"] == "true"
    assert settings["QUINTET_GATEWAY_STT_ADDR"] == f"unix:{tmp_path}/stt.sock"
    assert settings["QUINTET_GATEWAY_LIMITS"] == "off"


def test_a_service_gets_its_place_and_loses_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / "stt.sock"
    left.touch()
    settings = service_spec("stt", Options(tmp_path, engines="scripted"), tmp_path).prepare()
    assert not left.exists()
    assert settings["QUINTET_STT_ENGINE"] == "scripted"
    assert settings["QUINTET_STT_LISTEN_UNIX"] == str(left)
    assert settings["QUINTET_SUPERVISED"] == "1"
    assert "QUINTET_STT_ENGINE" not in service_spec("stt", Options(tmp_path), tmp_path).prepare()


def test_an_unknown_process_is_wrong_usage(tmp_path: Path) -> None:
    result = run_cli("serve", "kitchen", "--data-dir", str(tmp_path))
    assert result.returncode == 2
    assert "kitchen" in result.stderr
