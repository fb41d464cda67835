"""GrabCut blackens the background, keeps the face, and gives the same result on every thread."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from pipeline.faces.background import blacken
from pipeline.formats.images import Pixels

FACE = np.array([24.0, 20.0, 40.0, 44.0])


def a_disc(seed: int = 0) -> tuple[Pixels, Pixels]:
    """A noisy red disc on noisy green, and its mask."""
    down, right = np.mgrid[:64, :64]
    disc = (down - 32) ** 2 + (right - 32) ** 2 < 18**2
    colour = np.where(disc[..., None], (190, 60, 50), (50, 150, 90))
    noise = np.random.default_rng(seed).normal(0, 12, (64, 64, 3))
    return (colour + noise).clip(1, 255).astype(np.uint8), disc


def test_what_surrounds_the_face_alike_is_kept_and_the_rest_is_black() -> None:
    image, disc = a_disc()
    cut = blacken(image, FACE)
    black = (cut == 0).all(axis=2)
    assert (black == ~disc).mean() > 0.99
    assert np.array_equal(cut[~black], image[~black])


def test_the_result_depends_on_the_image_alone() -> None:
    images = [a_disc(seed)[0] for seed in range(8)]
    expected = [blacken(image, FACE) for image in images]
    cv2.setRNGSeed(1)
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda image: blacken(image, FACE), reversed(images)))
    assert np.array_equal(found[::-1], expected)


@pytest.mark.parametrize("image", [np.zeros((8, 8, 3), np.uint8), np.full((40, 24, 3), 255, np.uint8)])
def test_an_image_of_one_colour_is_no_error(image: Pixels) -> None:
    height, width = image.shape[:2]
    assert blacken(image, np.array([0.0, 0.0, width, height])).shape == image.shape
