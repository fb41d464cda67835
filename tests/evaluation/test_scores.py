"""scores: the tables and the plot of out-of-fold predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import scores
from pipeline.schema.schema import SCHEMA

PHOTOS = pd.DataFrame(
    {
        "path": ["p/mask1.jpg", "p/normal.jpg", "q/mask1.jpg", "q/normal.jpg"],
        "mask": ["worn", "normal", "worn", "normal"],
        "gender": ["male", "male", "female", "female"],
        "age": [29, 29, 60, 60],
    }
)
TRUE = [0, 12, 5, 17]
PREDICTED = [0, 12, 4, 13]


def test_the_tables_hold_what_is_right_and_what_is_wrong(tmp_path: Path) -> None:
    probabilities = np.eye(SCHEMA.classes)[PREDICTED]
    found = scores.write(tmp_path, [(PHOTOS[part], probabilities[part]) for part in (slice(3), slice(3, 4))])
    assert found["photos"] == 4
    assert found["accuracy"] == 0.5
    assert found["gender_accuracy"] == 0.75

    photos = pd.read_parquet(tmp_path / "out_of_fold.parquet")
    assert list(photos.columns) == ["path", "target", "prediction", *SCHEMA.class_names]
    assert list(photos["target"]) == TRUE
    assert list(photos["prediction"]) == PREDICTED

    errors = pd.read_csv(tmp_path / "errors.csv", index_col="wrong")
    assert errors.loc["right", "share"] == 0.5
    assert errors.loc["age", "photos"] == 1
    assert errors.loc["gender,age", "photos"] == 1
    assert errors["photos"].sum() == 4

    classes = pd.read_csv(tmp_path / "classes.csv", index_col="class")
    assert list(classes.index) == SCHEMA.class_names
    assert classes.loc["worn male <30", "f1"] == 1
    assert classes.loc["worn female >=60", "recall"] == 0
    assert classes["f1"].mean() == pytest.approx(found["macro_f1"])

    confusion = pd.read_csv(tmp_path / "confusion.csv")
    assert list(confusion["actual"]) == [SCHEMA.class_names[code] for code in TRUE]
    assert list(confusion["predicted"]) == [SCHEMA.class_names[code] for code in PREDICTED]
    assert (tmp_path / "confusion.png").stat().st_size > 0
