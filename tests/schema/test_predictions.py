"""predictions: files that bring every head back, and photos that are all there once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.formats import parquet
from pipeline.foundation.errors import InputError
from pipeline.schema import predictions
from pipeline.schema.probabilities import YEARS
from pipeline.schema.schema import SCHEMA


@pytest.mark.parametrize("head", ["mask", "age", "gender x age", "age x gender", "mask x gender x age"])
def test_predictions_come_back_bit_by_bit(tmp_path: Path, head: str) -> None:
    random = np.random.default_rng(777)
    table = random.dirichlet(np.ones(SCHEMA.head(head).classes), 20).astype(np.float32)
    photos = [f'000{row}, the "first"/mask1.jpg' for row in range(20)]
    predictions.write(tmp_path / "out.csv", photos, {head: table})
    paths, heads = predictions.read(tmp_path / "out.csv")
    assert paths == photos
    assert list(heads) == [head]
    np.testing.assert_array_equal(heads[head].astype(np.float32), table)


def test_years_stand_beside_classes(tmp_path: Path) -> None:
    years, gender = np.array([29.5, 60.25], np.float32), np.array([[0.25, 0.75], [1, 0]], np.float32)
    predictions.write(tmp_path / "out.csv", ["a", "b"], {"age": years, "gender": gender})
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "path,age=years,gender=male,gender=female",
        "a,29.5,0.25,0.75",
        "b,60.25,1,0",
    ]
    _, heads = predictions.read(tmp_path / "out.csv")
    np.testing.assert_array_equal(heads["age"], years)
    np.testing.assert_array_equal(heads["gender"], gender)


@pytest.mark.parametrize("header", ["gender=male", "gender=female,gender=male", "age=years,age=<30"])
def test_columns_that_are_not_the_classes_of_a_head_are_named(tmp_path: Path, header: str) -> None:
    path = tmp_path / "out.csv"
    path.write_text(f"path,{header}\na,{','.join('0' for _ in header.split(','))}\n")
    with pytest.raises(InputError, match=r"out\.csv: columns .* are not the classes of head '(gender|age)'"):
        predictions.read(path)


@pytest.mark.parametrize("head", ["height=tall", "x", "gender x gender=male male"])
def test_a_head_of_unknown_or_repeated_attributes_is_named(tmp_path: Path, head: str) -> None:
    path = tmp_path / "out.csv"
    path.write_text(f"path,{head}\na,0\n")
    with pytest.raises(InputError, match=r"out\.csv: head '.*' is no product of mask, gender, age"):
        predictions.read(path)


def test_predictions_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    years = np.array([29.5, 60.25, 41.0])
    predictions.write(tmp_path / "out.csv", ["a", "b", "c"], {"age": years})
    np.testing.assert_array_equal(predictions.read_for(tmp_path / "out.csv", ["c", "a", "b"])["age"], years[[2, 0, 1]])
    with pytest.raises(InputError, match=r"out\.csv: not the photos of this data set: run `dvc repro` \(2\)") as error:
        predictions.read_for(tmp_path / "out.csv", ["a", "b", "d"])
    assert str(error.value).splitlines()[1:] == ["  no row for d", "  a row for c, which is not expected"]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 0, 2, 6, 1, 5, 4]])
def test_some_photos_are_read_from_the_row_groups_that_have_them(
    tmp_path: Path, order: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 3)
    photos = pd.Series([f"{number}.jpg" for number in range(8)])
    mask = np.random.default_rng(0).dirichlet(np.ones(3), 8)
    predictions.write(tmp_path / "out.parquet", photos[order], {"mask": mask[order], "age": 20.0 + np.array(order)})
    file = predictions.PredictionFile(tmp_path / "out.parquet", photos)
    for rows in ([4, 5], [6, 0, 3], [2], []):
        found = file.read(np.array(rows, np.int64))
        np.testing.assert_array_equal(found["mask"], mask[rows])
        np.testing.assert_array_equal(found["age"], 20.0 + np.array(rows))


def test_every_photo_that_is_missing_unknown_or_there_twice_is_named() -> None:
    assert predictions.mismatches(["a", "b", "c"], ["c", "d", "a", "c"]) == [
        "no row for b",
        "a row for d, which is not expected",
        "2 rows for c",
    ]
    assert predictions.mismatches(["a", "b"], ["b", "a"]) == []


def test_a_distribution_over_years_has_a_column_a_year(tmp_path: Path) -> None:
    table = np.random.default_rng(777).dirichlet(np.ones(len(YEARS)), 4).astype(np.float32)
    predictions.write(tmp_path / "out.csv", "abcd", {"age": table})
    header = (tmp_path / "out.csv").read_text().partition("\n")[0].split(",")
    assert header == ["path", *(f"age={year}" for year in range(18, 61))]
    np.testing.assert_array_equal(predictions.read(tmp_path / "out.csv")[1]["age"].astype(np.float32), table)


def test_years_out_of_order_are_refused(tmp_path: Path) -> None:
    columns = ",".join(f"age={year}" for year in YEARS[::-1])
    (tmp_path / "out.csv").write_text(f"path,{columns}\na{',0' * len(YEARS)}\n")
    with pytest.raises(InputError, match="are not the classes of head 'age'"):
        predictions.read(tmp_path / "out.csv")
