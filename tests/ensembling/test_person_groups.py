"""Photos are grouped by what surrounds the face, and only as far as labelled people allow."""

import numpy as np
import pytest

from pipeline.ensembling.person_groups import Pairs, describe, fit_threshold, group, pairs
from pipeline.formats.images import Pixels
from pipeline.schema.schema import Codes

PHOTOS = 7


def session(seed: int, photos: int = PHOTOS) -> Pixels:
    """Thumbnails of one person: one background, a face that changes, and exposures that differ by up to a tenth."""
    random = np.random.default_rng(seed)
    background = random.uniform(60, 200, (16, 12, 3))
    thumbnails = np.repeat(background[None], photos, axis=0)
    thumbnails[:, 3:12, 2:10] = random.uniform(0, 255, (photos, 9, 8, 3))
    return (thumbnails * random.uniform(0.9, 1.1, (photos, 1, 1, 1))).clip(0, 255).astype(np.uint8)


def sessions(people: int, photos: int = PHOTOS) -> tuple[Pixels, Codes]:
    thumbnails = np.concatenate([session(person, photos) for person in range(people)])
    return thumbnails, np.repeat(np.arange(people), photos)


def test_a_descriptor_ignores_the_face_and_the_exposure() -> None:
    same, other = describe(session(1)), describe(session(2))
    assert np.ptp(same, axis=0).max() < 0.05
    assert np.abs(same[0] - other[0]).mean() > 0.2


def test_people_are_grouped_at_the_threshold_that_other_people_give() -> None:
    thumbnails, people = sessions(20)
    descriptors = describe(thumbnails)
    threshold = fit_threshold([(descriptors[:70], people[:70])], 1.0, PHOTOS)
    found = pairs(group(descriptors[70:], threshold, PHOTOS), people[70:])
    assert found.precision == 1
    assert found.recall > 0.9


def test_a_group_is_no_larger_than_a_person() -> None:
    """Two people before one wall, eight photos each: all of them are near, and no group holds nine."""
    thumbnails = np.concatenate([session(1, 8), session(1, 8)])
    groups = group(describe(thumbnails), np.inf, PHOTOS)
    assert np.bincount(groups).max() <= PHOTOS


def test_no_photo_is_grouped_where_no_threshold_is_precise() -> None:
    """Everybody stands before the same wall: any group mixes people, so all photos stay apart."""
    random = np.random.default_rng(777)
    descriptors = random.normal(size=(60, 5))
    threshold = fit_threshold([(descriptors, np.arange(60))], 0.98, PHOTOS)
    assert threshold == 0
    assert len(np.unique(group(descriptors, threshold, PHOTOS))) == 60


def test_a_threshold_is_the_widest_of_a_precision() -> None:
    """On a line the two photos of one person merge at 1, two people at 1.2, and all of them at 3.5."""
    line, people = np.array([[0.0], [1.0], [3.4], [4.6]]), np.array([0, 0, 1, 2])
    assert fit_threshold([(line, people)], 1.0, PHOTOS) == pytest.approx((1 + 1.2) / 2)
    assert fit_threshold([(line, people)], 0.5, PHOTOS) == pytest.approx((1.2 + 3.5) / 2)


def test_pairs_are_counted() -> None:
    found = pairs(np.array([0, 0, 0, 1, 2]), np.array(["a", "a", "b", "b", "c"]))
    assert found == Pairs(grouped=3, same=2, both=1)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == 0.5
    assert Pairs(0, 0, 0).precision == Pairs(0, 0, 0).recall == 1


@pytest.mark.parametrize("photos", [0, 1])
def test_nothing_to_group_is_no_group(photos: int) -> None:
    assert len(group(np.zeros((photos, 4)), 1.0, PHOTOS)) == photos
    assert fit_threshold([(np.zeros((photos, 4)), np.arange(photos))], 0.9, PHOTOS) == 0
