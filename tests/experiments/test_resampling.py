"""resampling: intervals over people and seeds, and paired differences."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.resampling import Interval, OutOfFold, difference, score
from pipeline.formats import tables
from pipeline.schema import bootstrap
from pipeline.schema.schema import SCHEMA

PEOPLE = 60


def training(right: float, seed: int, people: int = PEOPLE) -> OutOfFold:
    """Predictions of three photos of each person, all right or all wrong by person."""
    person = np.repeat(np.arange(people), 3)
    targets = np.tile([0, 6, 12], people) + person % 6
    wrong = np.random.default_rng(seed).random(people)[person] >= right
    predictions = np.where(wrong, (targets + 1) % SCHEMA.classes, targets)
    names = tuple(f"{number:03}" for number in person)
    return OutOfFold(tuple(f"{name}/{row % 3}" for row, name in enumerate(names)), names, targets, predictions)


def test_one_training_has_the_interval_over_people() -> None:
    one = training(0.7, 1)
    found = score("row", [one])
    assert found.value == one.macro_f1
    assert (found.low, found.high) == bootstrap.interval(one.people, one.targets, one.predictions)


def test_seeds_that_disagree_widen_the_interval() -> None:
    same, unlike = [training(0.7, 1)] * 3, [training(0.5, 1), training(0.7, 1), training(0.9, 1)]
    agreeing, disagreeing = score("row", same), score("row", unlike)
    assert (agreeing.low, agreeing.high) == pytest.approx((score("row", same[:1]).low, score("row", same[:1]).high))
    assert disagreeing.high - disagreeing.low > 1.5 * (agreeing.high - agreeing.low)


def test_the_spread_over_seeds_is_that_of_their_mean() -> None:
    constant = [training(share, 1, 6) for share in (0.0, 0.4, 1.0)]
    for one, level in zip(constant, (0.0, 0.5, 1.0), strict=True):
        one.__dict__["draws"] = np.full(bootstrap.DRAWS, level)  # people do not matter here
    found = score("row", constant)
    standard_error = np.std([0.0, 0.5, 1.0], ddof=1) / np.sqrt(3)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(standard_error, rel=0.15)


def test_a_difference_is_paired_by_person() -> None:
    better, worse = training(0.8, 1), training(0.7, 1)  # the same people are hard for both
    found = difference("a", [better], "b", [worse])
    assert found.value == pytest.approx(better.macro_f1 - worse.macro_f1)
    unpaired = difference("a", [better], "b", [training(0.7, 2)])
    assert found.high - found.low < 0.8 * (unpaired.high - unpaired.low)
    assert difference("a", [better], "b", [better]) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.2, "better"), (-0.2, -0.01, "worse"), (-0.01, 0.2, "no difference shown"), (0, 0, "no difference shown")],
)
def test_only_an_interval_without_0_is_better_or_worse(low: float, high: float, verdict: str) -> None:
    assert Interval((low + high) / 2, low, high).verdict == verdict


def test_people_are_those_of_the_folds(tmp_path: Path) -> None:
    photos = {"000002_a/normal.jpg": "000001", "000001_a/normal.jpg": "000001", "000003_a/normal.jpg": "000003"}
    predicted = [{"path": path, "target": 16, "prediction": 16} for path in photos]
    tables.write(pd.DataFrame(predicted), tmp_path / "results" / "ensemble" / "out_of_fold.parquet")
    folds = [{"path": path, "person": person, "fold": 0} for path, person in photos.items()]
    tables.write(pd.DataFrame(folds), tmp_path / "data" / "folds.parquet")
    found = OutOfFold.of(tmp_path)
    assert found.photos == tuple(sorted(photos))
    assert found.people == ("000001", "000001", "000003")


def test_other_photos_or_labels_are_not_comparable() -> None:
    one = training(0.7, 1)
    assert one.is_of_photos_of(training(0.9, 2))
    assert not one.is_of_photos_of(training(0.7, 1, PEOPLE - 1))
    relabelled = OutOfFold(one.photos, one.people, np.roll(one.targets, 1), one.predictions)
    assert not one.is_of_photos_of(relabelled)
