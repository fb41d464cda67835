"""The background of a crop made black: GrabCut, which is told where the face is."""

import numpy as np
import numpy.typing as npt

from pipeline.formats.images import Pixels
from pipeline.formats.opencv import cv2

EDGE = 0.04  # share of the width and height, at the sides and on top, that is background
RIM = 0.2  # share of a face's box, on each side, that is not foreground for sure
ROUNDS = 5
SEED = 777


def blacken(image: Pixels, face: npt.NDArray[np.floating]) -> Pixels:
    """An RGB image (h, w, 3) with black where GrabCut sees background; equal images give equal ones.

    `face` is a box (left, top, right, bottom) in pixels of the image whose inside is foreground. The lower edge is
    no background: there a body goes on.
    Rother, Kolmogorov, Blake 2004, "GrabCut": Interactive Foreground Extraction using Iterated Graph Cuts.
    """
    guess = _guess(image.shape[0], image.shape[1], face)
    cv2.setRNGSeed(SEED)  # of this thread: the models of colour start from a random clustering
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
