"""Answers from a script, for tests and for people who write clients; it never looks at the picture."""

import io
import time
from collections.abc import AsyncGenerator

from PIL import Image

from quintet_engines import EngineInfo, EngineKind, Limitation, Script, ScriptSource
from quintet_vision.engine import Analysis, AnalysisOptions, ImageQuality, Progress

_DEFAULT_STEPS = 4
_DEFAULT_TEXT = "This is a scripted description."
_LIMITATIONS = (Limitation("objects", "The scripted engine does not look at pictures."),)
_NO_QUALITY = ImageQuality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class ScriptedEngine:
    """Plays the script of each request: its steps are progress, its text is the description."""

    def __init__(self, script_source: ScriptSource, choice_reason: str = "") -> None:
        self._script_source = script_source
        self._choice_reason = choice_reason

    @property
    def info(self) -> EngineInfo:
        """What the engine is."""
        return EngineInfo(
            name="scripted",
            kind=EngineKind.SCRIPTED,
            choice_reason=self._choice_reason,
            capabilities=("description", "enhance"),
            limitations=_LIMITATIONS,
        )

    async def warm_up(self) -> None:
        """Has nothing to load."""

    async def analyze(self, image: bytes, options: AnalysisOptions) -> AsyncGenerator[Progress | Analysis, None]:
        """Yields one progress for each burst of the script, then an analysis with the script's text.

        Raises:
            DomainError: what the script asks for, or INVALID_ARGUMENT for a script that cannot be read.
        """
        del image
        started = time.monotonic()
        script = Script.parse(self._script_source())
        steps = _DEFAULT_STEPS if script.steps is None else script.steps
        async for burst in script.run(_DEFAULT_STEPS):
            yield Progress(99 * burst.stop // steps)
        yield _analysis(script.text or _DEFAULT_TEXT, time.monotonic() - started, options)

    async def close(self) -> None:
        """Has nothing to give back."""


def _analysis(text: str, seconds: float, options: AnalysisOptions) -> Analysis:
    return Analysis(
        objects=(),
        scene="scripted",
        dominant_colors=(),
        text_lines=(),
        codes=(),
        quality=_NO_QUALITY,
        description=text,
        suggestions=(),
        confidence=0.0,
        processing_seconds=seconds,
        limitations=_LIMITATIONS,
        width=1,
        height=1,
        format="jpeg",
        frame_count=1,
        enhanced_image=_one_pixel() if options.enhance else b"",
    )


def _one_pixel() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(file, "JPEG")
    return file.getvalue()
