"""Every labelled photo has its fold; photos without one are named."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.dataset.folds import GROUPS, categorical_labels_with_folds, groups, labels_with_folds
from pipeline.foundation.errors import InputError

LABELS = "path,person,mask,gender,age,corrected\nb/normal.jpg,b,normal,male,20,\na/normal.jpg,a,normal,female,60,\n"


def write(root: Path, folds: str) -> tuple[Path, Path]:
    (root / "labels.csv").write_text(LABELS)
    (root / "folds.csv").write_text(f"path,person,fold\n{folds}")
    return root / "labels.csv", root / "folds.csv"


def test_photos_keep_the_order_of_the_labels(tmp_path: Path) -> None:
    found = labels_with_folds(*write(tmp_path, "a/normal.jpg,a,1\nb/normal.jpg,b,0\n"))
    assert found["path"].tolist() == ["b/normal.jpg", "a/normal.jpg"]
    assert found["fold"].tolist() == [0, 1]


def test_a_person_of_two_folders_has_one_name_and_is_in_one_group(tmp_path: Path) -> None:
    found = labels_with_folds(*write(tmp_path, "a/normal.jpg,a,0\nb/normal.jpg,a,0\n"))
    assert found["person"].tolist() == ["a", "a"]
    assert len(set(groups(found))) == 1


def test_photos_of_one_table_alone_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folds\.csv does not fit .*labels\.csv") as error:
        labels_with_folds(*write(tmp_path, "a/normal.jpg,a,1\nc/normal.jpg,c,0\n"))
    assert "no row for b/normal.jpg" in str(error.value)
    assert "a row for c/normal.jpg" in str(error.value)


def test_categories_hold_the_same_cells(tmp_path: Path) -> None:
    for folds in ("b/normal.jpg,b,0\na/normal.jpg,c,1\n", "a/normal.jpg,c,1\nb/normal.jpg,b,0\n"):
        files = write(tmp_path, folds)
        found = categorical_labels_with_folds(*files)
        assert (found.dtypes[["mask", "gender", "person"]] == "category").all()
        expected = labels_with_folds(*files).drop(columns="corrected")
        pd.testing.assert_frame_equal(found.astype(expected.dtypes), expected)


def test_categories_are_read_with_the_faults_of_every_row(tmp_path: Path) -> None:
    labels, folds = write(tmp_path, "b/normal.jpg,b,0\na/normal.jpg,a,1\n")
    labels.write_text(LABELS.replace("a,normal,female", "a,upside down,female"))
    with pytest.raises(InputError, match=r"row 3: mask 'upside down' is none of worn"):
        categorical_labels_with_folds(labels, folds)
    labels.write_text(LABELS + "a/normal.jpg,a,normal,female,60,\n")
    with pytest.raises(InputError, match=r"row 4: path 'a/normal\.jpg'"):
        categorical_labels_with_folds(labels, folds)


def test_people_who_are_fitted_on_are_in_one_group_of_all_photos_too() -> None:
    photos = pd.DataFrame({"person": [*"aabbccddeeffgghh"], "fold": 0})
    sample = photos.iloc[[0, 3, 6, 9, 12]]
    of_all = groups(photos, sample)
    assert of_all[sample.index].tolist() == groups(sample).tolist()
    assert len(set(of_all)) == GROUPS


def test_folds_are_groups_and_one_that_is_alone_is_groups_of_people() -> None:
    photos = pd.DataFrame({"person": [*"aabbccddeeffgg"], "fold": [1, 1, 0, 0] * 3 + [1, 1]})
    assert groups(photos).tolist() == photos["fold"].tolist()
    alone = photos.assign(group=groups(photos.assign(fold=3)))
    assert alone["group"].nunique() == GROUPS
    assert len(alone[["person", "group"]].drop_duplicates()) == 7, "no person is in two"
