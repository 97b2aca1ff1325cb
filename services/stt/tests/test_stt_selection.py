"""Which engine runs, and how loudly a fallback says so."""

from pathlib import Path

import pytest

from quintet_errors import DomainError, Reason
from quintet_models import load_catalogue
from quintet_stt.engine import TranscribeOptions, Transcript
from quintet_stt.engines.fallback import FallbackEngine
from quintet_stt.engines.faster_whisper import FasterWhisperEngine
from quintet_stt.engines.pocketsphinx import PocketSphinxEngine
from quintet_stt.engines.scripted import ScriptedEngine
from quintet_stt.selection import select_engine
from quintet_stt.settings import SttSettings
from quintet_testing import eventually


def settings_of(tmp_path: Path, engine: str = "auto") -> SttSettings:
    return SttSettings(data_dir=tmp_path, engine=engine)


def install_damaged_model(data_dir: Path, tokenizer: bytes) -> None:
    """Puts files of the right names and sizes there, so that only loading can tell."""
    for file in load_catalogue().find("whisper-base").files:
        path = data_dir / "models" / "whisper-base" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink:
            sink.write(tokenizer if path.name == "tokenizer.json" else b"")
            sink.truncate(file.size)
        if path.name == "tokenizer.json":
            path.write_bytes(tokenizer.ljust(file.size))


async def test_auto_without_weights_says_what_would_change_it(tmp_path):
    engine = select_engine(settings_of(tmp_path), lambda: "")
    info = engine.info()
    assert info.name == "pocketsphinx"
    assert "quintet models pull whisper-base" in info.choice_reason
    await engine.close()


async def test_faster_whisper_by_name_without_weights_is_an_error(tmp_path):
    with pytest.raises(DomainError) as failure:
        select_engine(settings_of(tmp_path, "faster-whisper"), lambda: "")
    assert failure.value.reason is Reason.MODEL_NOT_FOUND
    assert "quintet models pull whisper-base" in failure.value.message


@pytest.mark.parametrize("name", ["scripted", "pocketsphinx"])
async def test_engine_by_name(tmp_path, name):
    engine = select_engine(settings_of(tmp_path, name), lambda: "")
    assert engine.info().name == name
    await engine.close()


async def test_auto_with_an_unreadable_tokenizer_falls_back_and_says_so(tmp_path):
    install_damaged_model(tmp_path, b"[")
    engine = select_engine(settings_of(tmp_path), lambda: "")
    assert engine.info().name == "pocketsphinx"
    assert "quintet models verify whisper-base" in engine.info().choice_reason
    await engine.close()


async def test_auto_with_unloadable_weights_falls_back_at_warm_up(tmp_path, tiny_whisper):
    install_damaged_model(tmp_path, (tiny_whisper / "tokenizer.json").read_bytes())
    engine = select_engine(settings_of(tmp_path), lambda: "")
    assert engine.info().name == "faster-whisper"
    await engine.load()
    assert engine.info().name == "pocketsphinx"
    assert "cannot be loaded" in engine.info().choice_reason
    await engine.close()


async def test_model_that_vanishes_while_unloaded_falls_back(tiny_whisper, tmp_path, speech):
    folder = tmp_path / "whisper-base"
    folder.mkdir()
    for source in tiny_whisper.iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    whisper = FasterWhisperEngine(folder, compute_type="float32", idle_unload_s=0.05)
    engine = FallbackEngine(whisper, lambda error: ScriptedEngine(lambda: f"text={error.reason}"))
    await engine.load()
    await eventually(lambda: _is_unloaded(whisper))
    (folder / "model.bin").unlink()
    events = [event async for event in engine.transcribe(speech, TranscribeOptions())]
    assert isinstance(events[-1], Transcript)
    assert events[-1].text == "ENGINE_FAILED"
    assert engine.info().name == "scripted"
    await engine.close()


async def test_fallback_is_taken_once(tmp_path):
    missing = FasterWhisperEngine(_tokenizer_only(tmp_path))
    asked: list[DomainError] = []

    def make(error: DomainError) -> PocketSphinxEngine:
        asked.append(error)
        return PocketSphinxEngine()

    engine = FallbackEngine(missing, make)
    await engine.load()
    await engine.load()
    assert len(asked) == 1
    await engine.close()


def _tokenizer_only(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": []}')
    return tmp_path


async def _is_unloaded(engine: FasterWhisperEngine) -> bool:
    return not engine.info().loaded
