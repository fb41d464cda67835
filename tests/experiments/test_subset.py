"""subset: a data set like the whole, only smaller."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.dataset.layout import eval_photos, train_photos
from pipeline.experiments import subset
from pipeline.formats.images import read
from tests.support.dataset import DataSet

PEOPLE = [f"{number:06}_{('male', 'female')[number % 2]}_Asian_{18 + number}" for number in range(40)]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Ten people of forty; the forty have hidden files too."""
    whole = DataSet(tmp_path / "whole", PEOPLE)
    whole.evaluate([f"{number}.png" for number in range(8)])
    (whole.images / PEOPLE[0] / "._normal.png").write_bytes(b"hidden")
    subset.write(whole.root, 10, 1, tmp_path / "small")
    return tmp_path / "small"


def test_a_subset_is_a_data_set(small: Path) -> None:
    photos = train_photos(small)
    assert photos["person"].nunique() == 10
    assert len(eval_photos(small)) == 2
    assert read(small / "train/images" / photos["path"][0]).shape == (6, 4, 3)


def test_a_subset_has_the_mix_of_the_whole(small: Path) -> None:
    people = train_photos(small).drop_duplicates("person")
    assert people["gender"].value_counts().to_dict() == {"male": 5, "female": 5}
    assert people["age"].min() < 25
    assert people["age"].max() > 50


def test_a_subset_has_people_of_every_band_for_every_fold(tmp_path: Path) -> None:
    ages = [*range(20, 58), 61, 62, 63]
    whole = DataSet(tmp_path / "whole", [f"{number:06}_female_Asian_{age}" for number, age in enumerate(ages)])
    subset.write(whole.root, 6, 3, tmp_path / "small")
    kept = train_photos(tmp_path / "small").drop_duplicates("person")["age"]
    assert (kept < 30).sum() >= 3
    assert (kept >= 60).sum() == 3
    assert len(kept) < 10


def test_rows_keep_their_order(small: Path) -> None:
    ids = pd.read_csv(small / "train/train.csv", dtype=str)["id"]
    assert list(ids) == sorted(ids)


def test_a_subset_is_reproducible(small: Path) -> None:
    before = train_photos(small)
    subset.write(small.parent / "whole", 10, 1, small)
    pd.testing.assert_frame_equal(before, train_photos(small))


def test_of_few_people_all_are_taken(small: Path) -> None:
    subset.write(small.parent / "whole", 1000, 2, small)
    assert train_photos(small)["person"].nunique() == 40
    assert len(eval_photos(small)) == 8
