"""Blackening of the background of a crop by GrabCut, initialized with the face."""

import numpy as np
import numpy.typing as npt

from pipeline.formats.images import Pixels
from pipeline.formats.opencv import cv2

EDGE = 0.04  # fraction of the width (left and right) and height (top) that is definite background
RIM = 0.2  # fraction of a face's box, on each side, that is not definite foreground
ROUNDS = 5
SEED = 777


def blacken(image: Pixels, face: npt.NDArray[np.floating]) -> Pixels:
    """Return an RGB image (h, w, 3) with its background black, bit-for-bit reproducible.

    Rother, Kolmogorov, Blake 2004, "GrabCut": Interactive Foreground Extraction using Iterated Graph Cuts
    (https://doi.org/10.1145/1015706.1015720). The lower edge is not definite background, as the body continues there.

    Args:
        image: RGB pixels (h, w, 3).
        face: Box (left, top, right, bottom) in pixels of the image; its interior is definite foreground.
    """
    guess = _guess(image.shape[0], image.shape[1], face)
    cv2.setRNGSeed(SEED)  # per thread: the colour models start from a random clustering
    cv2.grabCut(image, guess, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    foreground = (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)
    return np.asarray(image * foreground[..., None])


def _guess(height: int, width: int, face: npt.NDArray[np.floating]) -> Pixels:
    x, y = max(round(EDGE * width), 1), max(round(EDGE * height), 1)
    guess = np.full((height, width), cv2.GC_BGD, np.uint8)
    guess[y:, x : width - x] = cv2.GC_PR_FGD
    rim = RIM * (face[2:] - face[:2])
    (left, top), (right, bottom) = np.rint(face[:2] + rim).astype(int), np.rint(face[2:] - rim).astype(int)
    guess[max(top, y) : bottom, max(left, x) : min(right, width - x)] = cv2.GC_FGD
    return guess
