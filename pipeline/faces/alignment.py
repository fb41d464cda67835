"""Alignment of a face: its five landmarks come to the places of a template, by a similarity transform."""

import numpy as np
import numpy.typing as npt

from pipeline.formats.images import Pixels
from pipeline.formats.opencv import cv2

Matrix = npt.NDArray[np.float64]
"""(2, 3): from a point (x, y, 1) of the photo to a point of the crop, in pixels."""
Points = npt.NDArray[np.floating]

TEMPLATE_SIDE = 112
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""Landmarks in a crop of 112 x 112 pixels: left eye, right eye, nose, left and right corner of the mouth.

Deng et al. 2019, ArcFace (https://arxiv.org/abs/1801.07698); the numbers are those of its published code.
"""


def matrix(landmarks: Points, shape: tuple[int, int], coverage: float) -> Matrix:
    """Return the similarity transform that brings landmarks (5, 2) nearest to the template, by least squares.

    Rotation, scale and shift without reflection: Umeyama 1991, Least-squares estimation of transformation parameters
    between two point patterns (https://doi.org/10.1109/34.88573). In the plane it is a complex factor and a shift.

    Args:
        landmarks: Landmarks in pixels of the photo.
        shape: Height and width of the crop in pixels.
        coverage: Share of the crop's shorter side that the template's square takes.
    """
    target = (TEMPLATE / TEMPLATE_SIDE - 0.5) * coverage * min(shape) + np.array(shape[::-1]) / 2
    source, goal = (points[:, 0] + 1j * points[:, 1] for points in (landmarks.astype(np.float64), target))
    centred = source - source.mean()
    factor = (centred.conj() @ (goal - goal.mean())) / max(float((centred.conj() @ centred).real), 1e-9)
    shift = goal.mean() - factor * source.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def warp(image: Pixels, transform: Matrix, shape: tuple[int, int]) -> Pixels:
    """Return the crop (height, width, 3) of an image; beyond the image its edge is repeated.

    An image that is much larger than its crop is first shrunk by area, without aliasing.
    """
    height, width = image.shape[:2]
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if scale < 1:
        small = max(round(width * scale), 1), max(round(height * scale), 1)
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA))
        transform = transform @ np.diag([width / small[0], height / small[1], 1])
    size = (shape[1], shape[0])
    return np.asarray(
        cv2.warpAffine(image, transform, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def move(transform: Matrix, box: Points) -> npt.NDArray[np.float64]:
    """Return the box around a box (left, top, right, bottom) that is transformed with its corners."""
    left, top, right, bottom = box
    corners = np.array([(left, top, 1), (right, top, 1), (right, bottom, 1), (left, bottom, 1)]) @ transform.T
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])


def inverse(transform: Matrix) -> Matrix:
    """Return the transform from the crop to the photo."""
    return np.linalg.inv(np.vstack([transform, [0, 0, 1]]))[:2]
