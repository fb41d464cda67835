"""mistakes: the most confident mistakes first, and not all of one person."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.evaluation import mistakes
from pipeline.foundation.errors import InputError
from pipeline.schema.schema import SCHEMA
from tests.support import packed


def photos(people: list[str]) -> pd.DataFrame:
    """Young men with masks worn: class 0."""
    rows = {"path": [f"{number}.jpg" for number in range(len(people))], "person": people}
    return pd.DataFrame(rows).assign(mask="worn", gender="male", age=20)


def predictions(*of_class_1: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Probabilities of photos: the given ones of class 1, the rest of class 0."""
    table = np.zeros((len(of_class_1), SCHEMA.classes))
    table[:, 1], table[:, 0] = of_class_1, 1 - np.array(of_class_1)
    return table


def test_the_most_confident_comes_first_and_correct_predictions_are_left_out() -> None:
    wrong = mistakes.worst(photos(["a", "b", "c"]), predictions(0.6, 0.9, 0.2))
    assert list(wrong["path"]) == ["1.jpg", "0.jpg"]
    assert list(wrong["true"]) == ["worn male <30"] * 2
    assert list(wrong["predicted"]) == ["worn male 30-59"] * 2
    assert list(wrong["predicted_probability"]) == [0.9, 0.6]


def test_a_person_appears_at_most_twice() -> None:
    wrong = mistakes.worst(photos(["a"] * 5 + ["b"]), predictions(0.9, 0.8, 0.99, 0.7, 0.85, 0.6))
    assert list(wrong["path"]) == ["2.jpg", "0.jpg", "5.jpg"]


def test_the_sheet_shows_the_crops_or_that_there_are_no_mistakes(tmp_path: Path) -> None:
    table = photos(["a", "b"])
    crops = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (0, 200)])
    packed.write(tmp_path, "train", table[["path"]][::-1], crops)  # crops have an order of their own
    for name, probability in (("one.jpg", 0.9), ("none.jpg", 0.1)):
        shown = mistakes.worst(table, predictions(probability, 0.1))
        mistakes.write(tmp_path / name, shown, mistakes.crops(shown, tmp_path))
    one, none = (np.asarray(Image.open(tmp_path / name)) for name in ("one.jpg", "none.jpg"))
    assert abs(int(one[100, 100, 0]) - 200) < 4
    assert len(none) < len(one)


def test_a_mistake_without_a_crop_is_named(tmp_path: Path) -> None:
    packed.write(tmp_path, "train", photos(["a"])[["path"]], np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"no crops of these photos: run `dvc repro` \(1\):\n  1\.jpg"):
        mistakes.crops(mistakes.worst(photos(["a", "b"]), predictions(0.9, 0.8)), tmp_path)


def test_blocks_show_what_all_photos_at_once_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """People have photos in several blocks, and many mistakes are equally bad."""
    random = np.random.default_rng(0)
    table = photos([f"person {number}" for number in random.integers(40, size=300)])
    probabilities = predictions(*random.choice([0.1, 0.6, 0.7, 0.8, 0.9], 300))
    monkeypatch.setattr(mistakes, "MAX_PHOTOS", 12)
    worst = mistakes.Worst()
    parts = [slice(first, first + 7) for first in range(0, len(table), 7)]
    assert len(list(worst.watch((table[part], probabilities[part]) for part in parts))) == len(parts)
    pd.testing.assert_frame_equal(worst.photos, mistakes.worst(table, probabilities))
