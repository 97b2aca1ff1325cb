"""Starts that cannot succeed: one sentence, exit code 1, nothing left running."""

import os
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from framework.cluster import environment, launch, up_command
from framework.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

SOMEBODY = 12345
# Root could write anywhere, so that the fault would not happen: the start has to do without that power.
POWERS = "-dac_override,-dac_read_search,-fowner"
UNPRIVILEGED = ["setpriv", "--bounding-set", POWERS] if os.geteuid() == 0 else []
WITHIN_S = 60


def processes_with(text: str) -> list[psutil.Process]:
    """Returns processes that carry `text` in their command line or their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if text in " ".join(process.cmdline()) or text in "\n".join(process.environ().values()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return [process for process in found if process.pid != os.getpid()]


def refused_start(folder: Path, data_dir: Path, *arguments: str, privileged: bool = True) -> str:
    """Runs `quintet up` that must fail and returns what it said last on standard error."""
    marker = str(folder)
    done = subprocess.run(
        [*([] if privileged else UNPRIVILEGED), *up_command(data_dir, *arguments)],
        env=environment(folder) | {"QUINTET_TEST_MARKER": marker},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "ready" not in done.stdout
    wait_until(lambda: not processes_with(marker), 10, f"orphans of {marker}")
    lines = done.stderr.strip().splitlines()
    assert lines, "no sentence"
    return lines[-1]


def test_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refused_start(tmp_path, tmp_path / "data", "--port", str(port))
    assert str(port) in sentence
    assert "in use" in sentence


def test_read_only_data_folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o555)
    sentence = refused_start(tmp_path, data, "--port", "0", privileged=False)
    print(f"it said: {sentence}")
    assert str(data) in sentence
    assert "--data-dir" in sentence


def test_data_folder_that_cannot_be_made(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    sentence = refused_start(tmp_path, closed / "data", "--port", "0", privileged=False)
    assert "--data-dir" in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_data_folder_of_somebody_else(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    os.chown(data, SOMEBODY, SOMEBODY)
    sentence = refused_start(tmp_path, data, "--port", "0", privileged=False)
    assert "another user" in sentence
    assert str(data) in sentence


def test_second_start_over_the_same_data(tmp_path):
    first = launch(tmp_path, "--engines", "scripted")
    try:
        first.wait_ready()
        other = tmp_path / "other"
        other.mkdir()
        sentence = refused_start(other, first.data_dir, "--port", "0", "--engines", "scripted")
        assert str(first.data_dir) in sentence
        with first.client() as client:
            assert client.get("/readyz").status_code == 200
        first.stop()
    finally:
        first.abandon()


def test_corrupt_database_is_kept_and_named(tmp_path):
    cluster = launch(tmp_path, "--engines", "scripted")
    try:
        cluster.wait_ready()
        cluster.stop()
    finally:
        cluster.abandon()
    database = next(path for path in cluster.data_dir.rglob("*") if path.suffix in {".db", ".sqlite", ".sqlite3"})
    for side in ("-wal", "-shm"):
        Path(f"{database}{side}").unlink(missing_ok=True)
    content = bytearray(database.read_bytes())
    content[:4096] = b"\xff" * 4096
    database.write_bytes(content)
    second = launch(tmp_path, "--engines", "scripted")
    try:
        wait_until(lambda: str(database) in second.log_path.read_text(), 30, "a sentence that names the file")
        assert not second.base_url
        assert database.read_bytes() == bytes(content), "the file is evidence"
        print(next(line for line in second.log_path.read_text().splitlines() if str(database) in line))
    finally:
        second.abandon()
