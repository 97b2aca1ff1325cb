"""Starts that cannot succeed: one sentence, exit code 1, nothing left running."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest
from framework.cluster import environment, launch, up_command
from framework.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

NOBODY = 65534
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


def refused_start(folder: Path, data_dir: Path, *arguments: str, user: int | None = None) -> str:
    """Runs `quintet up` that must fail and returns what it said last on standard error."""
    marker = str(folder)
    done = subprocess.run(
        up_command(data_dir, *arguments),
        env=environment(folder) | {"QUINTET_TEST_MARKER": marker, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "ready" not in done.stdout
    wait_until(lambda: not processes_with(marker), 10, f"orphans of {marker}")
    lines = done.stderr.strip().splitlines()
    assert lines, "no sentence"
    return lines[-1]


@pytest.fixture
def open_folder():
    """A folder that any user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="quintet-test-"))
    folder.chmod(0o777)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def unprivileged():
    """The user to start as: root could write anywhere, so that the fault would not happen."""
    return NOBODY if os.geteuid() == 0 else None


def test_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refused_start(tmp_path, tmp_path / "data", "--port", str(port))
    assert str(port) in sentence
    assert "in use" in sentence


def test_read_only_data_folder(open_folder, unprivileged):
    data = open_folder / "data"
    data.mkdir()
    if unprivileged:
        os.chown(data, unprivileged, unprivileged)
    data.chmod(0o555)
    sentence = refused_start(open_folder, data, "--port", "0", user=unprivileged)
    print(f"it said: {sentence}")
    assert str(data) in sentence
    assert "--data-dir" in sentence


def test_data_folder_that_cannot_be_made(open_folder, unprivileged):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o555)
    sentence = refused_start(open_folder, closed / "data", "--port", "0", user=unprivileged)
    assert "--data-dir" in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_data_folder_of_somebody_else(open_folder):
    data = open_folder / "data"
    data.mkdir()
    data.chmod(0o777)
    os.chown(data, 12345, 12345)
    sentence = refused_start(open_folder, data, "--port", "0", user=NOBODY)
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
