"""A decoded picture: pixels to work on, and the way back to the coordinates of the file."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import cv2
import cv2.typing

from quintet_vision.engine import Box

Pixels: TypeAlias = cv2.typing.MatLike
"""Height x width x 3 bytes in the order blue, green, red; or height x width bytes of grey."""


@dataclass(frozen=True)
class Picture:
    """The first frame of a picture file, upright and on white; `width` and `height` are those of the file.

    `pixels` may be smaller than that.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    frame_count: int

    @cached_property
    def grey(self) -> Pixels:
        """The picture without its colours."""
        return cv2.cvtColor(self.pixels, cv2.COLOR_BGR2GRAY)

    def fitted(self, longest_edge: int) -> "Picture":
        """Returns the picture with no edge longer than `longest_edge` pixels."""
        height, width = self.pixels.shape[:2]
        scale = longest_edge / max(height, width)
        if scale >= 1:
            return self
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return replace(self, pixels=cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA))

    def box(self, x: float, y: float, width: float, height: float) -> Box:
        """Converts a rectangle of `pixels` to one of the file, cut at the picture's edges."""
        scale_x = self.width / self.pixels.shape[1]
        scale_y = self.height / self.pixels.shape[0]
        left, right = (min(max(round(edge * scale_x), 0), self.width) for edge in (x, x + width))
        top, bottom = (min(max(round(edge * scale_y), 0), self.height) for edge in (y, y + height))
        return Box(left, top, right - left, bottom - top)
