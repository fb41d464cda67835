"""Crops come from boxes that grow and stay inside the image."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces.config import Crop as Params
from pipeline.faces.config import Grow
from pipeline.faces.cropping import Cropper, center_box, face_box
from pipeline.faces.detection import Face
from tests.modeling.people import people

sides = st.integers(1, 600)
edges = st.floats(-50, 650)


def a_face(left: float, top: float, right: float, bottom: float) -> Face:
    box = np.array([min(left, right), min(top, bottom), max(left, right), max(top, bottom)], dtype=np.float32)
    return Face(box, 0.9, np.zeros((5, 2), dtype=np.float32))


def assert_inside(box: Sequence[int], width: int, height: int) -> None:
    left, top, right, bottom = box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@given(edges, edges, edges, edges, sides, sides, st.booleans(), st.sampled_from(["pixels", "fraction"]))
def test_every_box_lies_inside_its_image_and_is_square_when_asked(
    left: float, top: float, right: float, bottom: float, width: int, height: int, square: bool, unit: str
) -> None:
    grow = Grow.model_validate({"x": 0.3, "y": 0.5, "unit": unit})
    box = face_box(a_face(left, top, right, bottom), width, height, grow, square)
    assert_inside(box, width, height)
    if square:
        assert box[2] - box[0] == box[3] - box[1]


@given(sides, sides, sides)
def test_the_centre_crop_is_a_square_in_the_middle(width: int, height: int, side: int) -> None:
    box = center_box(width, height, side)
    assert_inside(box, width, height)
    assert box[2] - box[0] == box[3] - box[1] == min(side, width, height)
    assert abs(box[0] - (width - box[2])) <= 1
    assert abs(box[1] - (height - box[3])) <= 1


def test_a_box_grows_by_pixels_on_each_side() -> None:
    box = face_box(a_face(100, 100, 200, 220), 384, 512, Grow(x=20, y=30), square=False)
    assert box == (80, 70, 220, 250)


def test_a_box_grows_by_fractions_of_its_own_width_and_height() -> None:
    box = face_box(a_face(100, 100, 200, 220), 384, 512, Grow(x=0.5, y=0.25, unit="fraction"), square=False)
    assert box == (50, 70, 250, 250)


def test_a_square_keeps_its_centre_or_is_moved_inside() -> None:
    still = Grow(x=0, y=0)
    assert face_box(a_face(100, 100, 200, 220), 384, 512, still, square=True) == (90, 100, 210, 220)
    assert face_box(a_face(-10, 100, 90, 220), 384, 512, still, square=True) == (0, 100, 120, 220)


def test_a_wide_margin_is_a_box_that_grows_by_a_large_fraction_and_stays_inside() -> None:
    wide = Grow(x=0.75, y=0.75, unit="fraction")  # the face is 2 parts of 5
    left, top, right, bottom = face_box(a_face(150, 200, 230, 280), 384, 512, wide, square=False)
    assert (left, top, right, bottom) == (90, 140, 290, 340)
    assert face_box(a_face(10, 20, 110, 120), 384, 512, wide, square=False) == (0, 0, 185, 195)


def test_grabcut_is_the_crop_around_the_face_with_a_black_background() -> None:
    wide = {"grow": {"x": 0.5, "y": 0.5, "unit": "fraction"}, "size": 96}
    for image in (people()[0], people()[6]):
        plain, cut = (
            Cropper(Params.model_validate({"method": method} | wide))([image])[0] for method in ("mtcnn", "grabcut")
        )
        assert (cut.box, cut.source) == (plain.box, "face")
        black = (cut.pixels == 0).all(axis=2)
        assert np.array_equal(cut.pixels[~black], plain.pixels[~black])
        assert black[:4].all()
        assert not black[40:60, 40:60].any()
        assert 0.2 < black.mean() < 0.7


@pytest.mark.parametrize(("method", "source"), [("mtcnn", "face"), ("center", "center"), ("none", "whole")])
def test_the_crop_is_what_its_box_shows(method: str, source: str) -> None:
    image = people()[6]
    cropper = Cropper(Params.model_validate({"method": method, "size": 64}))
    left, top, right, bottom = cropper([image])[0].box
    exact = Cropper(Params.model_validate({"method": method, "size": (bottom - top, right - left)}))
    crop = exact([image])[0]
    assert crop.source == source
    assert np.array_equal(crop.pixels, image[top:bottom, left:right])


def test_a_crop_has_the_height_and_width_asked_for() -> None:
    crop = Cropper(Params(method="center", size=(40, 30)))(people()[:1])[0]
    assert crop.pixels.shape == (40, 30, 3)
    assert crop.pixels.dtype == np.uint8


def test_an_image_without_a_face_gets_the_centre_crop() -> None:
    blank = np.full((512, 384, 3), 99, dtype=np.uint8)
    crop = Cropper(Params(size=32))([blank])[0]
    assert (crop.source, crop.face, crop.box) == ("center", None, (42, 106, 342, 406))


@pytest.mark.parametrize("method", ["mtcnn", "grabcut"])
def test_equal_images_give_equal_crops(method: str) -> None:
    cropper = Cropper(Params.model_validate({"method": method, "size": 32}))
    for one, other in zip(cropper(people()), cropper(people()), strict=True):
        assert one.box == other.box
        assert np.array_equal(one.pixels, other.pixels)


def test_grabcut_of_the_centre_searches_no_face() -> None:
    image = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    wide = {"center": 80, "size": 64}
    center, black = (
        Cropper(Params.model_validate({"method": method} | wide))([image])[0] for method in ("center", "center_grabcut")
    )
    assert (black.box, black.source, black.face) == (center.box, "center", None)
    background = (black.pixels != center.pixels).any(axis=2)
    assert background.any()
    assert not black.pixels[background].any()
    assert not background[24:40, 24:40].any(), "the middle is foreground"
