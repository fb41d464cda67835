"""The subject of a photo: the face, of several, that is cropped."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline.faces.detection import Face

SPREAD = 0.5
"""Standard deviation of the centre prior, in half widths and half heights of the photo."""


def choose(faces: Sequence[Face], width: int, height: int, by: Literal["main", "largest"]) -> Face | None:
    """Return the subject, or None without faces.

    Args:
        faces: The faces of a photo, the largest first.
        width: Width of the photo in pixels.
        height: Height of the photo in pixels.
        by: `largest`, or `main`: the largest `prominence`.
    """
    if not faces or by == "largest":
        return faces[0] if faces else None
    return max(faces, key=lambda face: prominence(face, width, height))


def prominence(face: Face, width: int, height: int) -> float:
    """Return area times probability times a Gaussian of the distance from the centre, where subjects usually are.

    Judd et al. 2009, Learning to predict where humans look (https://doi.org/10.1109/ICCV.2009.5459462), section 3, on
    the centre prior.
    """
    left, top, right, bottom = (float(edge) for edge in face.box)
    half = np.array([width, height]) / 2
    away = (np.array([left + right, top + bottom]) / 2 - half) / half
    return (right - left) * (bottom - top) * face.probability * math.exp(-float(away @ away) / (2 * SPREAD**2))
