"""duplicates: a photo of two people, or in train and eval, is found however it was saved."""

import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.label_quality.doctor.duplicates import DUPLICATE, HARMLESS, NEAR, NEAR_DUPLICATE, close, connected, find
from pipeline.label_quality.doctor.findings import Finding
from pipeline.label_quality.doctor.layout import files
from pipeline.label_quality.doctor.photos import examine
from tests.support.dataset import PEOPLE, DataSet

ONE, OTHER = PEOPLE[0], PEOPLE[3]


def found(data: DataSet) -> list[Finding]:
    return list(find(examine(data.root, files(data.root))[0]))


def test_different_photos_are_no_duplicates(data: DataSet) -> None:
    assert found(data) == []


def test_a_person_under_two_ids_is_one_finding_with_all_photos(data: DataSet) -> None:
    shutil.rmtree(data.images / OTHER)
    shutil.copytree(data.images / ONE, data.images / OTHER)
    (finding,) = found(data)
    assert finding.check is DUPLICATE
    assert finding.text == f"the same file: {ONE} = {OTHER} (14 photos)"
    assert {Path(photo).parent.name for photo in finding.photos} == {ONE, OTHER}


def test_an_eval_photo_that_is_also_in_train_is_found(data: DataSet) -> None:
    shutil.copy(data.images / ONE / "mask1.png", data.root / "eval" / "images" / "b.png")
    (finding,) = found(data)
    assert (finding.check, finding.photos) == (DUPLICATE, ("eval/images/b.png", f"train/images/{ONE}/mask1.png"))


SAVED_AGAIN: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "smaller": lambda image: image.resize((144, 192)),
    "squeezed": lambda image: image.resize((192, 192)),
    "darker": lambda image: image.point(lambda value: value * 0.7),
    "grey": lambda image: image.convert("L"),
}


@pytest.mark.parametrize("change", SAVED_AGAIN)
def test_a_photo_that_was_saved_again_is_found(data: DataSet, change: str) -> None:
    original = Image.open(data.images / ONE / "normal.png")
    SAVED_AGAIN[change](original).save(data.root / "eval" / "images" / "a.jpg", quality=60)
    (finding,) = found(data)
    assert (finding.check, finding.photos) == (NEAR_DUPLICATE, ("eval/images/a.jpg", f"train/images/{ONE}/normal.png"))


def test_near_duplicates_within_a_person_and_within_eval_are_allowed(data: DataSet) -> None:
    Image.open(data.images / ONE / "mask1.png").save(data.images / ONE / "mask2.png", compress_level=1)
    images = data.root / "eval" / "images"
    Image.open(images / "a.jpg").save(images / "c.jpg", quality=60)
    assert found(data) == []


def test_a_file_twice_within_a_person_is_an_error_only_when_the_mask_states_differ(data: DataSet) -> None:
    shutil.copy(data.images / ONE / "mask1.png", data.images / ONE / "mask2.png")
    shutil.copy(data.images / OTHER / "normal.png", data.images / OTHER / "incorrect_mask.png")
    assert {finding.photos[0]: finding.check for finding in found(data)} == {
        f"train/images/{ONE}/mask1.png": HARMLESS,
        f"train/images/{OTHER}/incorrect_mask.png": DUPLICATE,
    }


def test_a_file_twice_within_eval_is_shown(data: DataSet) -> None:
    images = data.root / "eval" / "images"
    shutil.copy(images / "a.jpg", images / "c.jpg")
    (finding,) = found(data)
    assert (finding.check, finding.photos) == (HARMLESS, ("eval/images/a.jpg", "eval/images/c.jpg"))


@given(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(0, 60))
def test_close_finds_exactly_the_pairs_of_hashes_within_the_limit(seed: int, count: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (5, 256))[rng.integers(0, 5, count)] ^ (rng.random((count, 256)) < 0.08)
    hashes = np.packbits(bits.astype(np.uint8), axis=1).view(np.uint64)
    distances = (bits[:, None] != bits[None]).sum(axis=2)
    expected = [(i, j) for i, j in combinations(range(count), 2) if distances[i, j] <= limit]
    assert sorted(close(hashes, limit)) == expected


def test_opposite_hashes_are_far_apart() -> None:
    zeros = np.zeros((1, 4), dtype=np.uint64)
    assert list(close(np.concatenate([zeros, ~zeros]), 255)) == []


def test_the_one_pair_among_thousands_of_hashes_is_found() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, (5000, 4), dtype=np.uint64)
    hashes[4999] = hashes[7] ^ np.uint64(0b1011)
    assert list(close(hashes, NEAR)) == [(7, 4999)]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh"))))
def test_pairs_connect_whoever_reaches_each_other_in_any_order(
    pairs: list[tuple[str, str]],
) -> None:
    groups = connected(pairs)
    members = [name for group in groups for name in group]
    assert sorted(members) == sorted({name for pair in pairs for name in pair})
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    assert all(group_of[one] == group_of[other] for one, other in pairs)
    links = {number: sum(group_of[one] == number for one, _ in pairs) for number in range(len(groups))}
    assert all(len(group) <= links[number] + 1 for number, group in enumerate(groups))
    assert connected([(other, one) for one, other in reversed(pairs)]) == groups
