"""Drawing in head units: a canvas, smooth shapes, and mixing of colours.

Head units: the origin lies between the eyes, x grows to the right, y down, and 1 is half the width of a face.
A shape is an array of points (n, 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.formats.opencv import cv2

Points = npt.NDArray[np.float64]
Stencil = npt.NDArray[np.uint8]
Line = Sequence[Sequence[float] | Points] | Points
Pixels = npt.NDArray[np.float32]
Colour = tuple[float, float, float]

WIDTH, HEIGHT = 384, 512
NECK = 1.5
"""Height of the joint about which a head tilts."""
SUBPIXEL = 4
"""Fractional bits of the fixed-point coordinates for OpenCV."""
STEPS = 6
"""Points of a smooth line between two given points."""
_T = np.linspace(0.0, 1.0, STEPS, endpoint=False)
_SPLINE = 0.5 * np.stack(  # Catmull-Rom: Catmull and Rom, A class of local interpolating splines, 1974
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3, _T + 4 * _T**2 - 3 * _T**3, -(_T**2) + _T**3], axis=1
)

_ANGLES = np.linspace(0.0, 2 * np.pi, 32, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@dataclass(frozen=True)
class Pose:
    """Position of a head (pixels), its scale (pixels per head unit), tilt (radians), turn and nod (head units)."""

    x: float = WIDTH / 2
    y: float = 225.0
    scale: float = 82.0
    tilt: float = 0.0
    turn: float = 0.0
    nod: float = 0.0

    def to_pixels(self, points: Points) -> Points:
        """Map points (n, 2) from head units to pixels; the middle of the face is nearest and moves most."""
        x, y = points[:, 0], points[:, 1]
        depth = np.maximum(0.0, 1.0 - (x / 1.1) ** 2 - ((y - 0.1) / 1.6) ** 2)
        x, y = x + self.turn * depth, y + self.nod * depth - NECK
        angle = self.tilt * np.minimum(np.maximum((2.4 - NECK - y) / 1.1, 0.0), 1.0)
        sine, cosine = np.sin(angle), np.cos(angle)
        turned = np.empty_like(points)
        turned[:, 0], turned[:, 1] = x * cosine - y * sine, x * sine + y * cosine + NECK
        return turned * self.scale + (self.x, self.y)


class Canvas:
    """An unfinished image: `pixels` is float32 (3, height, width), 0 to 255, as separate planes blend much faster."""

    def __init__(self, pixels: Pixels, pose: Pose, place: Callable[[Points], Points] = np.asarray) -> None:
        self.pixels, self.pose, self._place = pixels, pose, place

    def placing(self, place: Callable[[Points], Points]) -> "Canvas":
        """Return a view of this canvas that maps every shape by `place` (head units to head units) first."""
        return Canvas(self.pixels, self.pose, place)

    def paint(
        self, *shapes: Points, colour: Colour, opacity: float = 1.0, blur: float = 0.0, within: Stencil | None = None
    ) -> None:
        """Fill the union of closed shapes; `blur` is the width of the soft edge in head units."""
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
        """Return the mask (height, width) of the union of shapes, 0 to 255, for `paint(within=...)`."""
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


def closed(points: Line) -> Points:
    """Return a smooth closed outline through all points."""
    knots = np.asarray(points, float)
    return _spline(np.concatenate([knots[-1:], knots, knots[:2]]))


def curve(points: Line) -> Points:
    """Return a smooth open line through all points."""
    knots = np.asarray(points, float)
    line = _spline(np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]]))
    return np.concatenate([line, knots[-1:]])


def symmetric(points: Line) -> Points:
    """Return a smooth, symmetric closed outline; `points` are its right half, from top middle to bottom middle."""
    half = np.asarray(points, float)
    return closed(np.concatenate([half, mirror(half[-2:0:-1])]))


def ribbon(points: Line, width: float, ends: tuple[float, float] = (0.0, 0.0)) -> Points:
    """Return a brush stroke along a smooth line: `width` in the middle, `ends` times `width` at start and end."""
    line = curve(points)
    along = np.concatenate([line[1:2] - line[:1], line[2:] - line[:-2], line[-1:] - line[-2:-1]])
    normal = along[:, ::-1] * (-1, 1) / np.hypot(along[:, 0], along[:, 1])[:, None]
    t = _steps(len(line))
    floor = ends[0] + (ends[1] - ends[0]) * t
    half = width / 2 * (floor + (1 - floor) * 4 * t * (1 - t))
    return np.concatenate([line + normal * half[:, None], (line - normal * half[:, None])[::-1]])


def ellipse(x: float, y: float, width: float, height: float, tilt: float = 0.0) -> Points:
    """Return an ellipse with centre (x, y), half axes `width` and `height`, and `tilt` in radians."""
    cosine, sine = np.cos(tilt), np.sin(tilt)
    turned = np.array([(width * cosine, width * sine), (-height * sine, height * cosine)])
    return np.asarray(_CIRCLE @ turned + (x, y))


def moved(shape: Points, x: float, y: float) -> Points:
    """Return the shape shifted by (x, y)."""
    return np.asarray(shape + np.array((x, y)))


def mirror(points: Points) -> Points:
    """Return the points with left and right swapped."""
    return points * (-1, 1)


def both(shape: Points) -> tuple[Points, Points]:
    """Return a shape and its mirror image."""
    return shape, mirror(shape)


def mix(first: Colour, second: Colour, weight: float) -> Colour:
    """Interpolate linearly: 0 is the first colour, 1 the second."""
    red, green, blue = (a + (b - a) * weight for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, weight: float) -> Colour:
    """Return the colour in shadow: red fades least, so that shadows are warm."""
    return colour[0] * (1 - weight * 0.85), colour[1] * (1 - weight), colour[2] * (1 - weight)


def lighter(colour: Colour, weight: float) -> Colour:
    """Return the colour in warm light."""
    return mix(colour, (255.0, 250.0, 240.0), weight)


def _spline(knots: Points) -> Points:
    windows = np.empty((len(knots) - 3, 4, 2))
    for place in range(4):
        windows[:, place] = knots[place : len(knots) - 3 + place]
    return np.asarray(np.einsum("sk,nkd->nsd", _SPLINE, windows).reshape(-1, 2))


@cache
def _steps(number: int) -> Points:
    return np.linspace(0.0, 1.0, number)
