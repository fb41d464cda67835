"""Shapes in head units, each an array of points (n, 2), and mixing of colours."""

from collections.abc import Sequence

import numpy as np

from pipeline.synthetic.canvas import Colour, Points

Line = Sequence[Sequence[float] | Points] | Points
STEPS = 6
_T = np.linspace(0.0, 1.0, STEPS, endpoint=False)
_SPLINE = 0.5 * np.stack(  # Catmull-Rom: Catmull and Rom, A class of local interpolating splines, 1974
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3, _T + 4 * _T**2 - 3 * _T**3, -(_T**2) + _T**3], axis=1
)

_ANGLES = np.linspace(0.0, 2 * np.pi, 32, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def closed(points: Line) -> Points:
    """A smooth closed outline through all points."""
    knots = np.asarray(points, float)
    return _spline(np.concatenate([knots[-1:], knots, knots[:2]]))


def curve(points: Line) -> Points:
    """A smooth open line through all points."""
    knots = np.asarray(points, float)
    line = _spline(np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]]))
    return np.concatenate([line, knots[-1:]])


def symmetric(points: Line) -> Points:
    """A smooth closed outline from its right half, listed from the top middle to the bottom middle."""
    half = np.asarray(points, float)
    return closed(np.concatenate([half, mirror(half[-2:0:-1])]))


def ribbon(points: Line, width: float, ends: tuple[float, float] = (0.0, 0.0)) -> Points:
    """A brush stroke along a smooth line: `width` in the middle, `ends` times that at its two ends."""
    line = curve(points)
    along = np.concatenate([line[1:2] - line[:1], line[2:] - line[:-2], line[-1:] - line[-2:-1]])
    normal = along[:, ::-1] * (-1, 1) / np.hypot(along[:, 0], along[:, 1])[:, None]
    t = np.linspace(0.0, 1.0, len(line))
    floor = ends[0] + (ends[1] - ends[0]) * t
    half = width / 2 * (floor + (1 - floor) * 4 * t * (1 - t))
    return np.concatenate([line + normal * half[:, None], (line - normal * half[:, None])[::-1]])


def ellipse(x: float, y: float, width: float, height: float, tilt: float = 0.0) -> Points:
    """An ellipse by its middle, its half axes and its tilt in radians."""
    cosine, sine = np.cos(tilt), np.sin(tilt)
    turned = np.array([(width * cosine, width * sine), (-height * sine, height * cosine)])
    return np.asarray(_CIRCLE @ turned + (x, y))


def moved(shape: Points, x: float, y: float) -> Points:
    """A shape elsewhere."""
    return np.asarray(shape + np.array((x, y)))


def mirror(points: Points) -> Points:
    """The points with left and right swapped."""
    return points * (-1, 1)


def both(shape: Points) -> tuple[Points, Points]:
    """A shape and its mirror image."""
    return shape, mirror(shape)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """A colour `share` of the way from the first to the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """The colour in shadow: warm, never grey."""
    return colour[0] * (1 - share * 0.85), colour[1] * (1 - share), colour[2] * (1 - share)


def lighter(colour: Colour, share: float) -> Colour:
    """The colour in light."""
    return mix(colour, (255.0, 250.0, 240.0), share)


def _spline(knots: Points) -> Points:
    windows = np.stack([knots[:-3], knots[1:-2], knots[2:-1], knots[3:]], axis=1)
    return np.asarray(np.einsum("sk,nkd->nsd", _SPLINE, windows).reshape(-1, 2))
