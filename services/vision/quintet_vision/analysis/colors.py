"""The main colours of a picture, by their plain English names."""

import cv2
import numpy as np
import numpy.typing as npt

from quintet_vision.analysis.picture import Picture, Pixels
from quintet_vision.engine import DominantColor

_EDGE = 1280
_SAMPLE_EDGE = 240
# A step over neighbouring pixels that no shading and little noise make.
_EDGE_RANGE = 40
_MOST_COLORS = 6
_SMALLEST_SHARE = 0.03
# A small patch of a strong colour catches the eye, one of grey does not.
_SMALLEST_STRONG_SHARE = 0.008
_STRONG_CHROMA = 45.0
# Black print on white is strong as well; no grey is as far from white.
_STRONG_DISTANCE = 75.0

# Several anchors share a name where people call quite different shades by one word.
_ANCHORS: tuple[tuple[str, str], ...] = (
    ("black", "#000000 #141414 #1c1c1c"),
    ("dark grey", "#404040 #505050"),
    ("grey", "#808080 #969696 #6e6e6e"),
    ("light grey", "#c0c0c0 #d6d6d6"),
    ("white", "#ffffff #f5f5f5"),
    ("red", "#ff0000 #e01020 #c81414 #dc3c3c #ff4040"),
    ("dark red", "#8b0000 #6e1414"),
    ("pink", "#ffc0cb #ff8fb0 #ff69b4 #f4a6c0"),
    ("magenta", "#ff00ff #d010a0"),
    ("purple", "#800080 #6a30a0 #9040d0 #4b1a78"),
    ("lavender", "#c8b4e6"),
    ("dark blue", "#000080 #101c50 #1c2e6e"),
    ("blue", "#0000ff #1e50dc #2878e6 #3c64b4"),
    ("light blue", "#87ceeb #a0c8f0 #64b4ff #b8d8ee"),
    ("turquoise", "#40e0d0 #00ced1 #00ffff"),
    ("teal", "#008080 #146e78"),
    ("dark green", "#006400 #1e4620 #2f4f2f"),
    ("green", "#008000 #00b400 #00ff00 #3cb450 #64a050"),
    ("light green", "#90ee90 #b4e68c"),
    ("olive", "#808000 #6b7030"),
    ("yellow", "#ffff00 #ffe000 #f0dc3c #fff080"),
    ("gold", "#d4a820"),
    ("orange", "#ffa500 #ff7800 #f09628"),
    ("brown", "#8b4513 #6e4628 #5a3214 #966432 #3c2410"),
    ("beige", "#f5f5dc #e6d2b4 #d2b48c #f0e0c8"),
)


def dominant_colors(picture: Picture) -> tuple[DominantColor, ...]:
    """Returns at most six colours, the largest area first."""
    small = _sampled(_without_soft_edges(picture.fitted(_EDGE).pixels)).reshape(-1, 3)
    names = _nearest_names(small)
    counts = np.bincount(names, minlength=len(_ANCHORS))
    colors: list[DominantColor] = []
    background = np.median(small[names == counts.argmax()], axis=0)
    for index in np.argsort(-counts, kind="stable")[:_MOST_COLORS]:
        share = float(counts[index]) / len(small)
        blue, green, red = (round(value) for value in np.median(small[names == index], axis=0)) if share else (0, 0, 0)
        if share >= _smallest_share((blue, green, red), background):
            colors.append(DominantColor(_ANCHORS[index][0], f"#{red:02x}{green:02x}{blue:02x}", share))
    return tuple(colors)


def _without_soft_edges(pixels: Pixels) -> Pixels:
    """Gives each pixel on an edge the value of its nearer side: what lies between two colours is none of its own."""
    kernel = np.ones((3, 3), np.uint8)
    for _ in range(2):
        lowest, highest = cv2.erode(pixels, kernel), cv2.dilate(pixels, kernel)
        nearer = np.where(cv2.subtract(highest, pixels) < cv2.subtract(pixels, lowest), highest, lowest)
        pixels = np.where(cv2.subtract(highest, lowest) > _EDGE_RANGE, nearer, pixels)
    return pixels


def _sampled(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, _SAMPLE_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # An average would mix the colours again.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST)


def _smallest_share(bgr: tuple[int, int, int], background: npt.NDArray[np.floating]) -> float:
    color, behind = _lab(np.array([bgr, background], np.float32))
    strong = np.hypot(color[1], color[2]) > _STRONG_CHROMA or np.linalg.norm(color - behind) > _STRONG_DISTANCE
    return _SMALLEST_STRONG_SHARE if strong else _SMALLEST_SHARE


def _nearest_names(pixels: npt.NDArray[np.integer | np.floating]) -> npt.NDArray[np.intp]:
    """Returns the index in `_ANCHORS` of the perceptually nearest name of each pixel."""
    # The squared distance less the part that is the same for all anchors, as one matrix product.
    distances = (_ANCHOR_LAB**2).sum(axis=1) - 2 * _lab(pixels) @ _ANCHOR_LAB.T
    return np.asarray(_ANCHOR_NAMES[np.argmin(distances, axis=1)], np.intp)


def _lab(pixels: npt.NDArray[np.integer | np.floating]) -> npt.NDArray[np.floating]:
    scaled = (pixels.reshape(-1, 1, 3) / 255).astype(np.float32)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2Lab).reshape(-1, 3), np.float32)


def _anchor_tables() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.intp]]:
    shades = [(index, shade) for index, (_, words) in enumerate(_ANCHORS) for shade in words.split()]
    bgr = np.array([list(bytes.fromhex(shade[1:]))[::-1] for _, shade in shades], np.uint8)
    return _lab(bgr), np.array([index for index, _ in shades], np.intp)


_ANCHOR_LAB, _ANCHOR_NAMES = _anchor_tables()
