"""Drawn people: the same every time, and their masks, gender and age can be seen."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest

from pipeline import synthetic
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.schema.schema import GENDER
from pipeline.synthetic import body, fabrics, masks
from pipeline.synthetic.canvas import Canvas, Pose
from pipeline.synthetic.person import WALLS
from pipeline.synthetic.shapes import both, closed, ellipse, mirror, moved, ribbon
from pipeline.synthetic.styles import STYLES

Picture = npt.NDArray[np.uint8]


def person(gender: str = "female", age: float = 30, seed: int = 0) -> synthetic.Person:
    return synthetic.Person.imagine(gender, age, np.random.default_rng(seed))


def photo(
    who: synthetic.Person,
    mask: fabrics.Mask | None = None,
    fit: masks.Fit = masks.WORN,
    faceless: synthetic.Faceless | None = None,
) -> Picture:
    return synthetic.photo(who, np.random.default_rng(1), mask, fit, faceless)


def changed(first: Picture, second: Picture) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(first.astype(int) - second).max(axis=2) > 12)


def average(gender: str, age: float, trait: str) -> float:
    return float(np.mean([getattr(person(gender, age, seed), trait) for seed in range(30)]))


def blank(pose: Pose) -> Canvas:
    return Canvas(np.full((3, synthetic.HEIGHT, synthetic.WIDTH), 255, np.float32), pose)


def test_one_generator_gives_the_same_seven_pictures() -> None:
    first, second = (list(synthetic.seven("male", 44, np.random.default_rng(3))) for _ in range(2))
    assert [stem for stem, _ in first] == list(MASK_OF_STEM)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_pictures_are_upright_rgb_of_the_size_that_was_published() -> None:
    image = photo(person())
    assert image.shape == (512, 384, 3)
    assert image.dtype == np.uint8


def test_two_people_differ() -> None:
    assert changed(photo(person(seed=1)), photo(person(seed=2))).mean() > 0.2


def test_pictures_of_one_person_differ() -> None:
    stems = dict(synthetic.seven("female", 30, np.random.default_rng(0)))
    assert all(changed(stems["mask1"], stems[stem]).any() for stem in stems if stem != "mask1")


@pytest.mark.parametrize("mask", fabrics.MASKS, ids=lambda mask: mask.kind)
def test_a_mask_covers_nose_and_mouth_and_nothing_above_the_eyes(mask: fabrics.Mask) -> None:
    who = replace(person(), glasses=0.0)
    difference = changed(photo(who), photo(who, mask=mask))
    rows = np.flatnonzero(difference.any(axis=1))
    assert difference[265:310, 160:220].mean() > 0.5
    assert rows.min() > 200


@pytest.mark.parametrize(("fit", "above", "below"), [(masks.OVER_EYES, 170, 330), (masks.UNDER_CHIN, 270, 380)])
def test_a_mask_worn_wrongly_lies_elsewhere(fit: masks.Fit, above: int, below: int) -> None:
    who = replace(person(), glasses=0.0, style=STYLES[4])
    worn, wrong = photo(who, mask=fabrics.MASKS[7]), photo(who, mask=fabrics.MASKS[7], fit=fit)
    rows = np.flatnonzero((changed(photo(who), wrong)[:, 180:200]).any(axis=1))
    assert changed(worn, wrong).mean() > 0.02
    assert above < rows.min()
    assert rows.max() < below


@pytest.mark.parametrize("reason", synthetic.FACELESS)
def test_a_picture_without_a_face_is_otherwise_a_picture(reason: synthetic.Faceless) -> None:
    who = person()
    hidden = photo(who, faceless=reason)
    assert changed(photo(who), hidden)[200:300].mean() > 0.1


@pytest.mark.parametrize("gender", GENDER.values)
@pytest.mark.parametrize("trait", ["wrinkles", "sag", "grey"])
def test_the_years_can_be_seen(gender: str, trait: str) -> None:
    young, middle, old = (average(gender, age, trait) for age in (20, 45, 65))
    assert young < middle < old


@pytest.mark.parametrize(("trait", "sign"), [("brow", 1), ("jaw", 1), ("lashes", -1), ("eye", -1)])
def test_the_gender_can_be_seen_above_a_mask_too(trait: str, sign: int) -> None:
    for age in (20, 45, 65):
        assert sign * (average("male", age, trait) - average("female", age, trait)) > 0


def test_every_hairdo_looks_different() -> None:
    heads = [photo(replace(person(), style=style)).tobytes() for style in STYLES]
    assert len(set(heads)) == len(STYLES)


def test_every_wall_and_collar_looks_different() -> None:
    looks = [photo(replace(person(), wall=wall, collar=collar)) for wall, collar in product(WALLS, body.COLLARS)]
    assert all(changed(one, other).mean() > 0.005 for one, other in combinations(looks, 2))


def test_a_turned_head_moves_the_nose_and_not_the_ears() -> None:
    points = np.array([(0.0, 0.1), (1.1, 0.1)])
    straight, turned = (Pose(turn=turn).to_pixels(points) for turn in (0.0, 0.1))
    assert turned[0, 0] > straight[0, 0]
    assert np.allclose(turned[1], straight[1])


def test_a_tilted_head_leaves_the_shoulders() -> None:
    points = np.array([(0.0, -1.0), (1.0, 3.0)])
    straight, tilted = (Pose(tilt=tilt).to_pixels(points) for tilt in (0.0, 0.2))
    assert tilted[0, 0] > straight[0, 0]
    assert np.allclose(tilted[1], straight[1])


def test_paint_stays_within_its_stencil_and_the_canvas() -> None:
    canvas = blank(Pose())
    within = canvas.stencil(ellipse(0, 0, 0.2, 0.2))
    canvas.paint(ellipse(0, 0, 9, 9), colour=(0, 0, 0), blur=0.1, within=within)
    assert np.array_equal(canvas.pixels[0] < 255, within > 0)
    canvas.paint(ellipse(90, 0, 1, 1), colour=(0, 0, 0))
    assert np.array_equal(canvas.pixels[0] < 255, within > 0)


def test_overlapping_shapes_leave_no_hole() -> None:
    canvas = blank(Pose())
    canvas.paint(ellipse(0, 0, 0.5, 0.5), ellipse(0.1, 0, 0.5, 0.5), colour=(0, 0, 0))
    middle = Pose().to_pixels(np.array([(0.05, 0.0)]))[0].astype(int)
    assert canvas.pixels[:, middle[1], middle[0]].max() == 0


def test_outlines_pass_through_their_points() -> None:
    points = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    assert all(np.abs(closed(points) - point).sum(axis=1).min() < 1e-12 for point in points)


def test_mirroring_twice_changes_nothing() -> None:
    shape = moved(ellipse(0.3, 0.2, 0.1, 0.4, 0.5), 0.2, 0.0)
    assert np.array_equal(mirror(mirror(shape)), shape)
    assert np.array_equal(both(shape)[1], mirror(shape))


def test_a_brush_stroke_is_as_wide_as_told() -> None:
    stroke = ribbon([(0, 0), (0.5, 0), (1, 0)], 0.2, (1, 1))
    assert np.ptp(stroke[:, 1]) == pytest.approx(0.2)
