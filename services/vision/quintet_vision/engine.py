"""What every vision engine offers, and the shapes that it answers with."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from quintet_engines import EngineInfo, Limitation


@dataclass(frozen=True)
class AnalysisOptions:
    """What to look for in a picture."""

    enhance: bool = False
    skip_text: bool = False


@dataclass(frozen=True)
class Progress:
    """How far the work is, 0 to 99."""

    percent: int


@dataclass(frozen=True)
class Box:
    """An upright rectangle in pixels of the oriented picture, from its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class DetectedObject:
    """One thing that was recognised; `confidence` is 0 to 1."""

    label: str
    confidence: float
    box: Box


@dataclass(frozen=True)
class DominantColor:
    """A colour that covers `share` (0 to 1) of the picture; `hex` is `#` and six digits."""

    name: str
    hex: str
    share: float


@dataclass(frozen=True)
class TextLine:
    """One line of text; `confidence` is 0 to 1."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True)
class DecodedCode:
    """A code and what it says.

    Kinds: `qr`, `microqr`, `datamatrix`, `aztec`, `pdf417`, `ean13` (UPC-A too), `ean8`, `upca`, `upce`, `code128`.
    """

    kind: str
    payload: str
    box: Box


@dataclass(frozen=True)
class ImageQuality:
    """Numbers that describe how good a picture is.

    `sharpness` is the variance of the Laplacian around outlines (under about 100 is blurred), `brightness` the mean of
    the grey picture (0 to 255), `contrast` its standard deviation (0 to 127.5), `noise_level` the estimated standard
    deviation of the noise (0 to 255), `edge_density` and `quality_score` are 0 to 1. Without outlines (`structured` is
    false) the sharpness is that of the whole picture and tells nothing about blur.
    """

    sharpness: float
    brightness: float
    contrast: float
    noise_level: float
    edge_density: float
    quality_score: float
    structured: bool = True


@dataclass(frozen=True)
class Analysis:
    """What is in a picture; `width` and `height` are those of the oriented picture, in pixels.

    `enhanced_image` is a JPEG file of at most 2 MiB, empty if it was not asked for.
    """

    objects: tuple[DetectedObject, ...]
    scene: str
    dominant_colors: tuple[DominantColor, ...]
    text_lines: tuple[TextLine, ...]
    codes: tuple[DecodedCode, ...]
    quality: ImageQuality
    description: str
    suggestions: tuple[str, ...]
    confidence: float
    processing_seconds: float
    limitations: tuple[Limitation, ...]
    width: int
    height: int
    format: str
    frame_count: int
    enhanced_image: bytes = b""


class VisionEngine(Protocol):
    """Analyzes pictures, several at a time if its owner lets it."""

    @property
    def info(self) -> EngineInfo:
        """What the engine is and what it can do now."""
        ...

    async def warm_up(self) -> None:
        """Returns when the next picture would be analyzed at full speed."""
        ...

    def analyze(self, image: bytes, options: AnalysisOptions) -> AsyncGenerator[Progress | Analysis, None]:
        """Yields rising progress and then one analysis; closing the generator stops the work between two steps.

        Raises:
            DomainError: UNSUPPORTED_FORMAT, UNDECODABLE_MEDIA or IMAGE_TOO_LARGE for the picture, ENGINE_FAILED.
        """
        ...

    async def close(self) -> None:
        """Ends all work and gives back what the engine holds."""
        ...
