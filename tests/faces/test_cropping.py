"""Crops come from boxes that grow and stay inside the image."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.faces.config import Center, Grow
from pipeline.faces.config import Crop as Params
from pipeline.faces.cropping import Cropper, center_box, face_box
from pipeline.faces.detection import Detector, Face
from pipeline.formats.images import Pixels
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


@given(sides, sides, sides | st.floats(0.01, 1))
def test_the_centre_crop_is_a_square_in_the_middle(width: int, height: int, side: float) -> None:
    fraction = isinstance(side, float)
    box = center_box(width, height, Center(side=side, unit="fraction" if fraction else "pixels"))
    assert_inside(box, width, height)
    expected = max(round(side * min(width, height)), 1) if fraction else min(side, width, height)
    assert box[2] - box[0] == box[3] - box[1] == expected
    assert abs(box[0] - (width - box[2])) <= 1
    assert abs(box[1] - (height - box[3])) <= 1


def test_a_box_grows_by_pixels_on_each_side() -> None:
    box = face_box(a_face(100, 100, 200, 220), 384, 512, Grow(x=20, y=30, unit="pixels"), square=False)
    assert box == (80, 70, 220, 250)


def test_a_box_grows_by_fractions_of_its_own_width_and_height() -> None:
    box = face_box(a_face(100, 100, 200, 220), 384, 512, Grow(x=0.5, y=0.25, unit="fraction"), square=False)
    assert box == (50, 70, 250, 250)


def test_a_square_keeps_its_centre_or_is_moved_inside() -> None:
    still = Grow(x=0, y=0, unit="pixels")
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
    crop = Cropper(Params(size=32, center=Center(side=300, unit="pixels")))([blank])[0]
    assert (crop.source, crop.face, crop.box) == ("center", None, (42, 106, 342, 406))
    assert (crop.faces, crop.photo_shape) == (0, (512, 384))


def test_by_default_a_photo_in_more_pixels_is_framed_alike() -> None:
    assert not Params().depends_on_photo_size
    small, large = (Cropper(Params(method="center", size=32))([image])[0] for image in (people()[6], enlarged(4)))
    assert np.array(large.box) == pytest.approx(4 * np.array(small.box), abs=4)
    faces = [Cropper(Params(size=32))([image])[0] for image in (people()[6], enlarged(4))]
    assert [crop.source for crop in faces] == ["face", "face"]
    assert np.array(faces[1].box) == pytest.approx(4 * np.array(faces[0].box), abs=60)


def enlarged(times: int) -> Pixels:
    height, width = people()[6].shape[:2]
    return np.asarray(cv2.resize(people()[6], (times * width, times * height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(
    ("settings", "depends"),
    [
        ({"method": "none", "center": {"side": 300, "unit": "pixels"}}, False),
        ({"method": "center", "grow": {"x": 20, "y": 30, "unit": "pixels"}}, False),
        ({"grow": {"x": 20, "y": 30, "unit": "pixels"}}, True),
        ({"grow": {"x": 20, "y": 30, "unit": "pixels"}, "align": {}}, False),
        ({"center": {"side": 300, "unit": "pixels"}, "align": {}}, True),
    ],
)
def test_settings_in_pixels_depend_on_the_size_of_the_photo(settings: dict[str, Any], depends: bool) -> None:
    assert Params.model_validate(settings).depends_on_photo_size is depends


@pytest.mark.parametrize("center", [{"side": 1.5}, {"side": 10.5, "unit": "pixels"}, {"side": 0}, 300])
def test_a_centre_crop_that_is_no_fraction_and_no_pixels_is_refused(center: Any) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({"center": center})


def test_alignment_needs_a_search_for_faces() -> None:
    with pytest.raises(ValidationError, match="align needs landmarks of a face, and method center searches none"):
        Params.model_validate({"method": "center", "align": {"coverage": 0.5}})


def test_an_aligned_face_is_upright_and_has_its_share_of_the_crop() -> None:
    photo = people()[6]
    height, width = photo.shape[:2]
    rotation = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 1)
    tilted = cv2.warpAffine(photo, rotation, (width, height), borderMode=cv2.BORDER_REFLECT)
    for coverage in (0.4, 0.8):
        align = {"coverage": coverage}
        straight, other = Cropper(Params.model_validate({"align": align, "size": 112}))([photo, np.asarray(tilted)])
        assert straight.source == other.source == "face"
        for crop in (straight, other):
            (face,) = Detector()([np.asarray(cv2.resize(crop.pixels, (336, 336)), np.uint8)])[0]
            eyes = face.landmarks[:2] / 3
            assert abs(eyes[0, 1] - eyes[1, 1]) < 4
            assert eyes[1, 0] - eyes[0, 0] == pytest.approx(35.2 * coverage, abs=5)
        middle = [crop.pixels[28:84, 28:84].astype(int) for crop in (straight, other)]
        assert np.abs(middle[0] - middle[1]).mean() < 20


@pytest.mark.parametrize("quarters", [1, 3])
def test_a_face_on_its_side_is_cropped_as_it_lies_and_turned_upright_by_alignment(quarters: int) -> None:
    photo = people()[6]
    lying = np.ascontiguousarray(np.rot90(photo, quarters))
    settings = {"size": 64, "square": True}
    upright, found = (Cropper(Params.model_validate(settings))([image])[0] for image in (photo, lying))
    assert (found.source, found.face is not None and found.face.turn) == ("face", 360 - 90 * quarters)
    assert difference(np.rot90(found.pixels, -quarters), upright.pixels) < 20 < difference(found.pixels, upright.pixels)
    upright, found = (Cropper(Params.model_validate({"size": 64, "align": {}}))([image])[0] for image in (photo, lying))
    assert difference(found.pixels, upright.pixels) < 20


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_the_box_of_an_aligned_crop_lies_in_the_photo_and_grabcut_keeps_the_face() -> None:
    settings = {"align": {"coverage": 0.5}, "size": (80, 64)}
    plain, cut = (
        Cropper(Params.model_validate({"method": method} | settings))([people()[6]])[0]
        for method in ("mtcnn", "grabcut")
    )
    assert_inside(plain.box, *reversed(plain.photo_shape))
    assert plain.pixels.shape == (80, 64, 3)
    black = (cut.pixels == 0).all(axis=2)
    assert black[:3].all()
    assert not black[35:45, 28:36].any()


@pytest.mark.parametrize("method", ["mtcnn", "grabcut"])
def test_equal_images_give_equal_crops(method: str) -> None:
    cropper = Cropper(Params.model_validate({"method": method, "size": 32}))
    for one, other in zip(cropper(people()), cropper(people()), strict=True):
        assert one.box == other.box
        assert np.array_equal(one.pixels, other.pixels)


def test_grabcut_of_the_centre_searches_no_face() -> None:
    image = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    wide = {"center": {"side": 80, "unit": "pixels"}, "size": 64}
    center, black = (
        Cropper(Params.model_validate({"method": method} | wide))([image])[0] for method in ("center", "center_grabcut")
    )
    assert (black.box, black.source, black.face) == (center.box, "center", None)
    background = (black.pixels != center.pixels).any(axis=2)
    assert background.any()
    assert not black.pixels[background].any()
    assert not background[24:40, 24:40].any(), "the middle is foreground"
