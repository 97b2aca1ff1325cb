"""How good a picture is, in numbers."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from quintet_vision.analysis.picture import Picture, Pixels
from quintet_vision.engine import ImageQuality

# Sharpness and noise depend on the size that they are measured at, so all pictures are measured at one.
_EDGE = 1280
# Grey levels per pixel, after smoothing: steeper than shading, and still reached by the outlines of a blurred picture.
_STEEPEST_SHADING = 2.0
_SMALLEST_STRUCTURE = 0.001
_HOPELESS_SHARPNESS, _FULL_SHARPNESS = 10.0, 300.0
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def measure_quality(picture: Picture) -> ImageQuality:
    """Measures a picture of any size, also of one pixel."""
    grey = picture.fitted(_EDGE).grey
    mean, deviation = cv2.meanStdDev(grey)
    outlines = _outlines(grey)
    structured = float(outlines.mean()) >= _SMALLEST_STRUCTURE
    detail = cv2.Laplacian(grey, cv2.CV_32F)
    sharpness = float(detail[outlines].var() if structured else detail.var())
    brightness, contrast = float(mean[0, 0]), float(deviation[0, 0])
    edges = cv2.Canny(grey, 80, 160)
    noise = _noise_level(grey, edges)
    return ImageQuality(
        sharpness=sharpness,
        brightness=brightness,
        contrast=contrast,
        noise_level=noise,
        edge_density=float(np.count_nonzero(edges)) / edges.size,
        quality_score=_score(
            _log_share(sharpness) if structured else 1.0,
            _exposure(brightness, darkest=float(np.percentile(grey, 0.5))),
            min(1.0, contrast / 35),
            max(0.0, 1 - noise / 20),
        ),
        structured=structured,
    )


def _noise_level(grey: Pixels, edges: Pixels) -> float:
    """Estimates the noise from a kernel that structure leaves at zero, away from edges, where that does not hold."""
    away = cv2.dilate(edges, np.ones((5, 5), np.uint8)) == 0
    if not away.any():
        return 0.0
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE_KERNEL))[away]
    return min(255.0, float(response.mean()) * math.sqrt(math.pi / 2) / 6)


def _outlines(grey: Pixels) -> npt.NDArray[np.bool_]:
    smooth = cv2.GaussianBlur(grey, (0, 0), 2.0).astype(np.float32)
    # Sobel's kernel weighs a slope of one by eight.
    slopes = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8
    return np.asarray(slopes >= _STEEPEST_SHADING)


def _log_share(sharpness: float) -> float:
    low, high = math.log(_HOPELESS_SHARPNESS), math.log(_FULL_SHARPNESS)
    return min(1.0, max(0.0, (math.log(max(sharpness, 1.0)) - low) / (high - low)))


def _exposure(brightness: float, *, darkest: float) -> float:
    dark = min(1.0, brightness / 80)
    # Black print on white is bright, and nothing is lost in it.
    return dark if darkest < 100 else min(dark, (255 - brightness) / 40)


def _score(*parts: float) -> float:
    """Weighs parts of 0 to 1: their mean, held down by the worst, because one flaw can spoil a picture."""
    return sum(parts) / len(parts) * (0.3 + 0.7 * min(parts))
