"""pseudo: only what a teacher is sure of, in words that teach the head exactly what the teacher said."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.foundation.errors import InputError
from pipeline.modeling import targets
from pipeline.modeling.config import Head
from pipeline.modeling.pseudo_labels import Teacher
from pipeline.schema import predictions
from pipeline.schema.probabilities import Heads, in_bands
from pipeline.schema.schema import SCHEMA

PICTURES = [f"{number}.jpg" for number in range(40)]
MIXES: list[dict[str, Head]] = [
    {"mask": Head()},
    {"age": Head(bands=(28, 57))},
    {"gender x age": Head(bands=(30, 59)), "mask": Head()},
    {"mask x gender x age": Head()},
]


def said(heads: Mapping[str, Head]) -> Heads:
    random = np.random.default_rng(777)
    return {name: random.dirichlet(np.full(SCHEMA.head(name).classes, 0.2), len(PICTURES)) for name in heads}


def labels(folder: Path, heads: Mapping[str, Head], share: float) -> pd.DataFrame:
    predictions.write(folder / "eval.parquet", PICTURES, said(heads))
    return Teacher(folder / "eval.parquet", share, weight=0.3).labels(PICTURES, heads)


@pytest.mark.parametrize("heads", MIXES)
def test_every_head_is_taught_what_it_said(tmp_path: Path, heads: dict[str, Head]) -> None:
    table = labels(tmp_path, heads, share=1)
    train_targets = targets.train_targets(table, heads)
    for name, numbers in said(heads).items():
        np.testing.assert_array_equal(train_targets[name], numbers.argmax(axis=1))
    assert (table["weight"] == 0.3).all()


@pytest.mark.parametrize("heads", MIXES)
def test_the_most_probable_photos_of_every_class_join(tmp_path: Path, heads: dict[str, Head]) -> None:
    everything, table = labels(tmp_path, heads, share=1), labels(tmp_path, heads, share=0.4)
    assert 0 < len(table) < len(everything) == len(PICTURES)
    assert list(table["path"]) == [PICTURES[row] for row in table["row"]]
    for label, photos in everything.groupby("label"):
        joined = set(table.loc[table["label"] == label, "row"])
        assert joined == set(photos.nlargest(round(0.4 * len(photos)), "probability")["row"])


def test_soft_targets_are_the_probabilities_of_the_photos_that_join(tmp_path: Path) -> None:
    heads = {"age": Head(kind="distribution"), "mask": Head()}
    random = np.random.default_rng(1)
    years = random.dirichlet(np.full(43, 0.5), len(PICTURES)).astype(np.float32)
    masks = random.dirichlet(np.ones(3), len(PICTURES)).astype(np.float32)
    predictions.write(tmp_path / "eval.parquet", PICTURES, {"age": years, "mask": masks})
    soft = Teacher(tmp_path / "eval.parquet", 0.5, 1, soft=True)
    table = soft.labels(PICTURES, heads)
    rows = table["row"].to_numpy()
    found = soft.soft_targets(PICTURES, rows)
    np.testing.assert_allclose(found["age"], years[rows], atol=1e-6)
    np.testing.assert_allclose(found["mask"], masks[rows], atol=1e-6)
    bands = in_bands(years)
    np.testing.assert_array_equal(SCHEMA["age"].codes(table["age"]), bands.argmax(axis=1)[rows])
    np.testing.assert_allclose(table["probability"], (bands.max(axis=1) * masks.max(axis=1))[rows], rtol=1e-5)
    assert Teacher(tmp_path / "eval.parquet", 0.5, 1).soft_targets(PICTURES, rows) == {}


def test_the_lower_the_share_the_fewer_photos_join_and_in_the_end_none(tmp_path: Path) -> None:
    counts = [len(labels(tmp_path, MIXES[2], share)) for share in (1, 0.5, 0.2, 0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_a_label_is_told_in_words(tmp_path: Path) -> None:
    predictions.write(
        tmp_path / "eval.parquet", ["a"], {"age": np.array([[0.0, 0, 1]]), "mask": np.array([[0, 1.0, 0]])}
    )
    heads = {"age": Head(), "mask": Head()}
    assert list(Teacher(tmp_path / "eval.parquet", 1, 1).labels(["a"], heads)["label"]) == [">=60 incorrect"]


def test_predictions_of_other_heads_or_photos_are_refused(tmp_path: Path) -> None:
    labels(tmp_path, MIXES[0], 0)
    teacher = Teacher(tmp_path / "eval.parquet", 0, 1)
    with pytest.raises(InputError, match=r"eval\.parquet: heads mask, not age; run `dvc repro`"):
        teacher.labels(PICTURES, {"age": Head()})
    with pytest.raises(InputError, match=r"eval\.parquet: not the photos[\s\S]*no row for new\.jpg"):
        teacher.labels([*PICTURES, "new.jpg"], MIXES[0])
