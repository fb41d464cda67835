"""Photos of synthetic people are reproducible and show mask, gender and age."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.formats.images import Pixels
from pipeline.schema.schema import GENDER
from pipeline.synthetic import masks
from pipeline.synthetic.body import COLLARS
from pipeline.synthetic.person import STYLES, WALLS, Person
from pipeline.synthetic.photo import FACELESS, Faceless, draw_photo, person_photos


def person(gender: str = "female", age: float = 30, seed: int = 0) -> Person:
    return Person.random(gender, age, np.random.default_rng(seed))


def photo(
    who: Person,
    mask: masks.Mask | None = None,
    fit: masks.Fit = masks.WORN,
    faceless: Faceless | None = None,
) -> Pixels:
    return draw_photo(who, np.random.default_rng(1), mask, fit, faceless)


def changed(first: Pixels, second: Pixels) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(first.astype(int) - second).max(axis=2) > 12)


def average(gender: str, age: float, trait: str) -> float:
    return float(np.mean([getattr(person(gender, age, seed), trait) for seed in range(30)]))


def test_one_generator_gives_the_same_seven_photos() -> None:
    first, second = (list(person_photos("male", 44, np.random.default_rng(3))) for _ in range(2))
    assert [stem for stem, _ in first] == list(MASK_OF_STEM)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_photos_are_upright_rgb_of_the_size_that_was_published() -> None:
    image = photo(person())
    assert image.shape == (512, 384, 3)
    assert image.dtype == np.uint8


def test_two_people_differ() -> None:
    assert changed(photo(person(seed=1)), photo(person(seed=2))).mean() > 0.2


def test_photos_of_one_person_differ() -> None:
    stems = dict(person_photos("female", 30, np.random.default_rng(0)))
    assert all(changed(stems["mask1"], stems[stem]).any() for stem in stems if stem != "mask1")


@pytest.mark.parametrize("mask", masks.MASKS, ids=lambda mask: mask.kind)
def test_a_mask_covers_nose_and_mouth_and_nothing_above_the_eyes(mask: masks.Mask) -> None:
    who = replace(person(), glasses=0.0)
    difference = changed(photo(who), photo(who, mask=mask))
    rows = np.flatnonzero(difference.any(axis=1))
    assert difference[265:310, 160:220].mean() > 0.5
    assert rows.min() > 200


@pytest.mark.parametrize(("fit", "above", "below"), [(masks.OVER_EYES, 170, 330), (masks.UNDER_CHIN, 270, 380)])
def test_a_mask_worn_wrongly_lies_elsewhere(fit: masks.Fit, above: int, below: int) -> None:
    who = replace(person(), glasses=0.0, style=STYLES[4])
    worn, wrong = photo(who, mask=masks.MASKS[7]), photo(who, mask=masks.MASKS[7], fit=fit)
    rows = np.flatnonzero((changed(photo(who), wrong)[:, 180:200]).any(axis=1))
    assert changed(worn, wrong).mean() > 0.02
    assert above < rows.min()
    assert rows.max() < below


@pytest.mark.parametrize("reason", FACELESS)
def test_a_photo_without_a_face_is_otherwise_a_photo(reason: Faceless) -> None:
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
    looks = [photo(replace(person(), wall=wall, collar=collar)) for wall, collar in product(WALLS, COLLARS)]
    assert all(changed(one, other).mean() > 0.005 for one, other in combinations(looks, 2))
