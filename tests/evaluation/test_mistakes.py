"""mistakes: the surest wrong answers first, and not all of one face."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.evaluation import mistakes
from pipeline.formats import tables
from pipeline.foundation.errors import InputError

CLASSES = 18


def photos(people: list[str]) -> pd.DataFrame:
    """Young men with masks worn: class 0."""
    rows = {"path": [f"{number}.jpg" for number in range(len(people))], "person": people}
    return pd.DataFrame(rows).assign(mask="worn", gender="male", age=20)


def says(*sure: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Probabilities of photos of which class 1 is said so surely, and class 0 otherwise."""
    table = np.zeros((len(sure), CLASSES))
    table[:, 1], table[:, 0] = sure, 1 - np.array(sure)
    return table


def test_the_surest_comes_first_and_right_answers_do_not_come() -> None:
    wrong = mistakes.worst(photos(["a", "b", "c"]), says(0.6, 0.9, 0.2))
    assert list(wrong["path"]) == ["1.jpg", "0.jpg"]
    assert list(wrong["true"]) == ["worn male <30"] * 2
    assert list(wrong["said"]) == ["worn male 30-59"] * 2
    assert list(wrong["said_probability"]) == [0.9, 0.6]


def test_a_person_is_there_twice_at_most() -> None:
    wrong = mistakes.worst(photos(["a"] * 5 + ["b"]), says(0.9, 0.8, 0.99, 0.7, 0.85, 0.6))
    assert list(wrong["path"]) == ["2.jpg", "0.jpg", "5.jpg"]


def test_the_sheet_shows_the_crops_and_says_when_there_is_nothing_to_show(tmp_path: Path) -> None:
    table = photos(["a", "b"])
    np.save(tmp_path / "train.npy", np.stack([np.full((8, 8, 3), value, np.uint8) for value in (0, 200)]))
    tables.write(table[["path"]][::-1], tmp_path / "train.csv")  # crops have an order of their own
    mistakes.write(tmp_path / "one.jpg", tmp_path, table, says(0.9, 0.1))
    mistakes.write(tmp_path / "none.jpg", tmp_path, table, says(0.1, 0.1))
    one, none = (np.asarray(Image.open(tmp_path / name)) for name in ("one.jpg", "none.jpg"))
    assert abs(int(one[100, 100, 0]) - 200) < 4
    assert len(none) < len(one)


def test_a_mistake_whose_crop_is_not_there_is_named(tmp_path: Path) -> None:
    tables.write(photos(["a"])[["path"]], tmp_path / "train.csv")
    with pytest.raises(InputError, match=r"no crops of these photos: run `dvc repro` \(1\):\n  1\.jpg"):
        mistakes.write(tmp_path / "sheet.jpg", tmp_path, photos(["a", "b"]), says(0.9, 0.8))
