"""A photo that is saved again keeps its perceptual hash, nearly, and the search finds exactly the close ones."""

from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from pipeline.formats.perceptual_hash import CLOSE, ODD, Hashes, close_rows, parse, perceptual_hash
from tests.modeling.people import people


def hashes(images: Sequence[Image.Image]) -> Hashes:
    return parse(perceptual_hash(image).hex() for image in images)


def saved(image: Image.Image) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: image.resize((150, 200)),
        ImageOps.mirror,
        lambda image: image.filter(ImageFilter.GaussianBlur(3)),
        lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    ],
    ids=["saved again", "smaller", "mirrored", "blurred", "contrast"],
)
def test_a_photo_that_was_saved_again_is_found_among_others(change: Callable[[Image.Image], Image.Image]) -> None:
    photos = [Image.fromarray(image) for image in people()]
    assert list(close_rows(hashes([saved(change(photo)) for photo in photos]), hashes(photos))) == [*range(len(photos))]


def test_other_photos_are_not_close() -> None:
    found = hashes([Image.fromarray(image) for image in people()])
    assert set(close_rows(found[::2], found[1::2])) == {-1}


def test_a_photo_of_one_colour_has_one_hash_everywhere() -> None:
    for colour in ("black", "grey", "white"):
        (bits,) = hashes([Image.new("RGB", (40, 30), colour)])
        assert np.bitwise_count(bits).sum() == (colour != "black")  # the mean alone


@given(seed=st.integers(0, 2**32 - 1), alike=st.booleans())
def test_the_search_finds_what_a_comparison_of_all_finds(seed: int, alike: bool) -> None:
    rng = np.random.default_rng(seed)
    others = rng.integers(0, 1 << 16, (1 if alike else 30, 16), np.uint16)
    copies = others[rng.integers(0, len(others), 100)]
    flipped = rng.random((100, 256)) < rng.uniform(0, 0.12, (100, 1))
    copies[::3] = copies[::3] ^ ODD
    copies ^= np.packbits(flipped, axis=1).view(np.uint16)
    differing = [np.bitwise_count(turned[:, None] ^ others).sum(axis=2) for turned in (copies, copies ^ ODD)]
    expected = (np.minimum(*differing) <= CLOSE).any(axis=1)
    found = close_rows(copies, others)
    assert np.array_equal(found >= 0, expected)
    assert (np.minimum(*differing)[np.arange(100), found][expected] <= CLOSE).all()


def test_nothing_is_close_to_nothing() -> None:
    none = np.empty((0, 16), np.uint16)
    assert len(close_rows(none, none)) == 0
    assert list(close_rows(np.zeros((2, 16), np.uint16), none)) == [-1, -1]
