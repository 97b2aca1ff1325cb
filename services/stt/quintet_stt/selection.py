"""Which engine runs, and the sentence that tells an operator why."""

from pathlib import Path

from quintet_engines import ScriptSource
from quintet_errors import DomainError, Reason
from quintet_models import installed
from quintet_observability import get_logger
from quintet_stt.engine import SttEngine
from quintet_stt.engines.fallback import FallbackEngine
from quintet_stt.engines.faster_whisper import FasterWhisperEngine
from quintet_stt.engines.pocketsphinx import PocketSphinxEngine
from quintet_stt.engines.scripted import ScriptedEngine
from quintet_stt.settings import SttSettings

_log = get_logger(__name__)


def select_engine(settings: SttSettings, script_source: ScriptSource) -> SttEngine:
    """Returns the engine that the settings ask for.

    Raises:
        DomainError: MODEL_NOT_FOUND if faster-whisper is asked for by name and its model is not there.
    """
    match settings.engine:
        case "scripted":
            return ScriptedEngine(script_source)
        case "pocketsphinx":
            return _pocketsphinx(settings, "The settings ask for PocketSphinx.")
        case "faster-whisper":
            return _whisper(settings, _required_model(settings), "The settings ask for faster-whisper.")
        case "auto":
            return _best(settings)


def _best(settings: SttSettings) -> SttEngine:
    model_dir = _model_dir(settings)
    if model_dir is None:
        why = f"{settings.model} is not installed; `quintet models pull {settings.model}` and a restart change that."
        return _pocketsphinx(settings, why)
    try:
        whisper = _whisper(settings, model_dir, f"{settings.model} is installed.")
    except DomainError as error:
        return _instead_of_whisper(settings, error)
    return FallbackEngine(whisper, lambda error: _instead_of_whisper(settings, error))


def _instead_of_whisper(settings: SttSettings, error: DomainError) -> SttEngine:
    _log.error("engine_fell_back", wanted="faster-whisper", live="pocketsphinx", why=error.message)
    return _pocketsphinx(settings, f"{error.message} PocketSphinx answers until then.")


def _whisper(settings: SttSettings, model_dir: Path, why: str) -> SttEngine:
    return FasterWhisperEngine(
        model_dir,
        choice_reason=why,
        idle_unload_s=settings.idle_unload_s,
        cpu_threads=settings.cpu_threads,
        compute_type=settings.compute_type,
    )


def _pocketsphinx(settings: SttSettings, why: str) -> SttEngine:
    return PocketSphinxEngine(choice_reason=why, idle_unload_s=settings.idle_unload_s)


def _required_model(settings: SttSettings) -> Path:
    model_dir = _model_dir(settings)
    if model_dir is None:
        raise DomainError(
            Reason.MODEL_NOT_FOUND,
            f"{settings.model} is not installed. Run `quintet models pull {settings.model}`.",
            {"model": settings.model},
        )
    return model_dir


def _model_dir(settings: SttSettings) -> Path | None:
    return installed(settings.data_dir / "models", settings.model)
