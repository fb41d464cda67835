"""A canvas in head units: smooth shapes, soft edges and a head that turns.

Head units: the origin lies between the eyes, x grows to the right, y down, and 1 is half the width of a face.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.formats.opencv import cv2

Points = npt.NDArray[np.float64]
Stencil = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.float32]
Colour = tuple[float, float, float]

WIDTH, HEIGHT = 384, 512
NECK = 1.5
"""Height of the joint about which a head tilts."""
SUBPIXEL = 4
"""Fractional bits of the coordinates that OpenCV is given."""


@dataclass(frozen=True)
class Pose:
    """Where a head is in its image (pixels) and how it is held (radians; turn and nod in head units)."""

    x: float = WIDTH / 2
    y: float = 225.0
    scale: float = 82.0
    tilt: float = 0.0
    turn: float = 0.0
    nod: float = 0.0

    def to_pixels(self, points: Points) -> Points:
        """Pixel positions of points (n, 2) in head units: the face bulges towards us, so its middle turns furthest."""
        x, y = points[:, 0], points[:, 1]
        depth = np.maximum(0.0, 1.0 - (x / 1.1) ** 2 - ((y - 0.1) / 1.6) ** 2)
        x, y = x + self.turn * depth, y + self.nod * depth - NECK
        angle = self.tilt * np.clip((2.4 - NECK - y) / 1.1, 0.0, 1.0)
        sine, cosine = np.sin(angle), np.cos(angle)
        turned = np.stack([x * cosine - y * sine, x * sine + y * cosine + NECK], axis=1)
        return turned * self.scale + (self.x, self.y)


class Canvas:
    """A image under way: `pixels` is float32 (3, height, width), 0 to 255; planes, as they blend much faster."""

    def __init__(self, pixels: Pixels, pose: Pose, place: Callable[[Points], Points] = np.asarray) -> None:
        self.pixels, self.pose, self._place = pixels, pose, place

    def placing(self, place: Callable[[Points], Points]) -> "Canvas":
        """The same canvas, on which every shape goes through `place` (head units to head units) first."""
        return Canvas(self.pixels, self.pose, place)

    def paint(
        self, *shapes: Points, colour: Colour, opacity: float = 1.0, blur: float = 0.0, within: Stencil | None = None
    ) -> None:
        """Fill the union of closed shapes; `blur` is the softness of the edge in head units."""
        corners = self._corners(shapes)
        reach = round(blur * self.pose.scale)
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2 - 2 * reach, 0)
        right, bottom = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 3 + 2 * reach, (WIDTH, HEIGHT))
        if opacity <= 0 or left >= right or top >= bottom:
            return
        mask = _fill(corners - (left, top), shapes, (int(bottom - top), int(right - left)))
        if reach:
            mask = np.asarray(cv2.stackBlur(mask, (4 * reach + 1, 4 * reach + 1)), np.uint8)
        alpha = mask * np.float32(opacity / 255)
        if within is not None:
            alpha *= within[top:bottom, left:right] * np.float32(1 / 255)
        for plane, value in zip(self.pixels[:, top:bottom, left:right], colour, strict=True):
            plane += (np.float32(value) - plane) * alpha

    def stencil(self, *shapes: Points) -> Stencil:
        """A image-sized mask of shapes, 0 to 255, to paint within."""
        return _fill(self._corners(shapes), shapes, (HEIGHT, WIDTH))

    def _corners(self, shapes: tuple[Points, ...]) -> Points:
        return self.pose.to_pixels(self._place(np.concatenate(shapes)))


def _fill(corners: Points, shapes: tuple[Points, ...], size: tuple[int, int]) -> Stencil:
    mask = np.zeros(size, np.uint8)
    fixed_point = np.rint(corners * (1 << SUBPIXEL)).astype(np.int32)
    start = 0
    for shape in shapes:  # one by one: OpenCV would cut a hole where two polygons of one call overlap
        cv2.fillPoly(mask, [fixed_point[start : start + len(shape)]], [255], cv2.LINE_AA, SUBPIXEL)
        start += len(shape)
    return mask
