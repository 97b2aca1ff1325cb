"""How good a picture is, in numbers."""

import math

import cv2
import numpy as np

from quintet_vision.analysis.picture import Picture, Pixels
from quintet_vision.engine import ImageQuality

# Sharpness and noise depend on the size that they are measured at, so all pictures are measured at one.
_EDGE = 1280
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def measure_quality(picture: Picture) -> ImageQuality:
    """Measures a picture of any size, also of one pixel."""
    grey = picture.fitted(_EDGE).grey
    mean, deviation = cv2.meanStdDev(grey)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    brightness, contrast = float(mean[0, 0]), float(deviation[0, 0])
    edges = cv2.Canny(grey, 80, 160)
    noise = _noise_level(grey, edges)
    return ImageQuality(
        sharpness=sharpness,
        brightness=brightness,
        contrast=contrast,
        noise_level=noise,
        edge_density=float(np.count_nonzero(edges)) / edges.size,
        quality_score=_score(sharpness, brightness, contrast, noise),
    )


def _noise_level(grey: Pixels, edges: Pixels) -> float:
    """Estimates the noise from a kernel that structure leaves at zero, away from edges, where that does not hold."""
    away = cv2.dilate(edges, np.ones((5, 5), np.uint8)) == 0
    if not away.any():
        return 0.0
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE_KERNEL))[away]
    return min(255.0, float(response.mean()) * math.sqrt(math.pi / 2) / 6)


def _score(sharpness: float, brightness: float, contrast: float, noise: float) -> float:
    sharp = min(1.0, math.log1p(sharpness) / math.log1p(500))
    exposed = min(1.0, brightness / 60, (255 - brightness) / 40)
    varied = min(1.0, contrast / 45)
    clean = max(0.0, 1 - noise / 25)
    return 0.4 * sharp + 0.2 * exposed + 0.2 * varied + 0.2 * clean
