"""A pull is all or nothing, whatever its sources do."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from quintet_errors import DomainError, Reason
from quintet_models import FileState, installed, remove, verify
from quintet_models.catalogue import Model, parse_catalogue
from quintet_models.install import pull, pull_from
from quintet_models.installation import lock_of
from quintet_models.sources.mirror import DirectoryMirror, HttpMirror
from quintet_testing.model_mirror import CONTENT, Recorder, Served, catalogue_text

CATALOGUE = parse_catalogue(catalogue_text())


def holds_everything(folder: Path) -> bool:
    return all((folder / path).read_bytes() == data for path, data in CONTENT.items())


def test_a_folder_is_a_mirror(model: Model, mirror_folder: Path, tmp_path: Path, reporter: Recorder) -> None:
    models_dir = tmp_path / "models"
    assert installed(models_dir, "tiny", CATALOGUE) is None
    folder = pull(model, models_dir, mirror=str(mirror_folder), reporter=reporter)
    assert holds_everything(folder)
    assert installed(models_dir, "tiny", CATALOGUE) == folder
    assert reporter.steps[-1] == ("weights/model.bin", 307_200, 307_200)
    assert not (models_dir / ".partial" / "tiny").exists()


def test_a_second_pull_asks_no_source(model: Model, server: Served, tmp_path: Path) -> None:
    pull(model, tmp_path, mirror=server.address)
    before = len(server.requests)
    pull(model, tmp_path, mirror=server.address)
    assert len(server.requests) == before


def test_a_cut_connection_is_resumed_where_it_was_cut(model: Model, server: Served, tmp_path: Path) -> None:
    server.cut_after = [100_000, 50_000]
    assert holds_everything(pull(model, tmp_path, mirror=server.address))
    ranges = [wanted for _, path, wanted in server.requests if path.endswith("model.bin")]
    assert ranges == ["", "bytes=100000-", "bytes=150000-"]


def test_a_pull_that_failed_goes_on_later(model: Model, server: Served, tmp_path: Path) -> None:
    # One piece with bytes, then nothing three times: the mirror counts as gone.
    server.cut_after = [120_000, 0, 0, 0]
    with pytest.raises(DomainError) as caught:
        pull(model, tmp_path, mirror=server.address)
    assert caught.value.reason is Reason.SOURCE_UNREACHABLE
    assert installed(tmp_path, "tiny", CATALOGUE) is None
    assert not (tmp_path / "tiny").exists()
    server.requests.clear()
    assert holds_everything(pull(model, tmp_path, mirror=server.address))
    assert server.requests == [("GET", "/tiny/weights/model.bin", "bytes=120000-")]


def test_a_server_without_ranges_starts_again(model: Model, server: Served, tmp_path: Path) -> None:
    server.ranges_known = False
    server.cut_after = [100_000]
    assert holds_everything(pull(model, tmp_path, mirror=server.address))


def test_a_wrong_digest_is_deleted_said_and_the_next_source_asked(
    model: Model, server: Served, mirror_folder: Path, tmp_path: Path, reporter: Recorder
) -> None:
    server.files["weights/model.bin"] = CONTENT["weights/model.bin"][:-1] + b"!"
    sources = [HttpMirror(f"{server.address}/tiny"), DirectoryMirror(mirror_folder / "tiny")]
    assert holds_everything(pull_from(sources, model, tmp_path / "models", reporter))
    assert reporter.notices == [
        "weights/model.bin cannot be had from the mirror. What it sent has the wrong digest and was deleted."
    ]


def test_a_wrong_digest_everywhere_installs_nothing(model: Model, server: Served, tmp_path: Path) -> None:
    server.files["config.json"] = b'{"layers": 3}'
    with pytest.raises(DomainError, match="wrong digest") as caught:
        pull(model, tmp_path, mirror=server.address)
    assert caught.value.reason is Reason.SOURCE_UNREACHABLE
    assert not [path for path in tmp_path.rglob("*") if path.name == "config.json"]


def test_a_source_that_sends_too_much_is_stopped(model: Model, server: Served, tmp_path: Path) -> None:
    server.files["config.json"] = bytes(5_000_000)
    with pytest.raises(DomainError, match="more than the 13 bytes"):
        pull(model, tmp_path, mirror=server.address)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 13


def test_without_a_source_the_error_says_what_to_do(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="QUINTET_MODELS_MIRROR"):
        pull(model, tmp_path)


def test_concurrent_pulls_fetch_once(model: Model, server: Served, tmp_path: Path) -> None:
    reporter = Recorder()
    with lock_of(tmp_path, model):
        # Both stand before the lock until the first notice proves that one waits.
        waits = threading.Event()
        reporter.notice = lambda _sentence: waits.set()  # type: ignore[method-assign]
        options = {"mirror": server.address, "reporter": reporter}
        threads = [threading.Thread(target=pull, args=(model, tmp_path), kwargs=options) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert waits.wait(10)
        assert server.requests == []
    for thread in threads:
        thread.join(20)
    assert holds_everything(tmp_path / "tiny")
    assert sorted(path for _, path, _ in server.requests) == ["/tiny/config.json", "/tiny/weights/model.bin"]


def test_damage_is_found_and_repaired(model: Model, mirror_folder: Path, tmp_path: Path) -> None:
    models_dir = tmp_path / "models"
    folder = pull(model, models_dir, mirror=str(mirror_folder))
    (folder / "config.json").write_bytes(b'{"layers": 9}')
    (folder / "weights/model.bin").write_bytes(b"short")
    assert [check.state for check in verify(models_dir, model)] == [FileState.WRONG_DIGEST, FileState.WRONG_SIZE]
    assert installed(models_dir, "tiny", CATALOGUE) is None
    assert holds_everything(pull(model, models_dir, mirror=str(mirror_folder)))
    assert {check.state for check in verify(models_dir, model)} == {FileState.OK}


def test_remove_leaves_nothing(model: Model, mirror_folder: Path, tmp_path: Path) -> None:
    models_dir = tmp_path / "models"
    folder = pull(model, models_dir, mirror=str(mirror_folder))
    assert remove(models_dir, model)
    assert not folder.exists()
    assert not remove(models_dir, model)
    assert [check.state for check in verify(models_dir, model)] == [FileState.MISSING, FileState.MISSING]


FULL_DISK = """
import sys
from pathlib import Path
from quintet_testing.model_mirror import Recorder, catalogue_text
from quintet_errors import DomainError
from quintet_models.catalogue import parse_catalogue
from quintet_models.install import pull
model = parse_catalogue(catalogue_text()).find("tiny")
disk, mirror = Path(sys.argv[2]), sys.argv[1]
filler = disk / "filler"
filler.write_bytes(bytes(int(sys.argv[3])))
try:
    pull(model, disk / "models", mirror=mirror)
except DomainError as error:
    print(error.reason, (disk / "models" / "tiny").exists(), (disk / "models" / ".partial" / "tiny").exists())
filler.unlink()
print(pull(model, disk / "models", mirror=mirror).name)
"""


def test_a_full_disk_leaves_nothing_half_and_works_again_when_space_returns(
    mirror_folder: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    run = [sys.executable, "-c", FULL_DISK, str(mirror_folder), str(disk), "800000"]
    shell = 'mount -t tmpfs -o size=1m quintet-test "$0" && exec "$@"'
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", shell, str(disk), *run],
        capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip
    if "unshare:" in result.stderr or "mount:" in result.stderr:
        pytest.skip(f"this machine lets no test mount a small disk: {result.stderr.strip()}")
    assert result.stdout.splitlines() == ["STORAGE_FULL False False", "tiny"], result.stderr
