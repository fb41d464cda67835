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
    assert (found.low, found.high) == bootstrap.interval(one.groups, one.targets, one.predictions)


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


def test_folders_of_one_person_are_resampled_as_one(tmp_path: Path) -> None:
    folders = ["000001_female_Asian_30", "000001-1_female_Asian_30", "000002_female_Asian_31", "000003_female_Asian_32"]
    rows = [{"path": f"{folder}/normal.jpg", "target": 16, "prediction": 16} for folder in reversed(folders)]
    tables.write(pd.DataFrame(rows), tmp_path / "out_of_fold.csv")
    pairs = pd.DataFrame([{"person": folders[2], "same_as": folders[3]}])
    tables.write(pairs, tmp_path / "pairs.csv")
    found = OutOfFold.read(tmp_path, tmp_path, ["pairs"])
    assert found.photos == tuple(sorted(str(row["path"]) for row in rows))
    assert len(set(found.groups)) == 2


def test_other_photos_or_labels_are_not_comparable() -> None:
    one = training(0.7, 1)
    assert one.is_of_photos_of(training(0.9, 2))
    assert not one.is_of_photos_of(training(0.7, 1, PEOPLE - 1))
    relabelled = OutOfFold(one.photos, one.groups, np.roll(one.targets, 1), one.predictions)
    assert not one.is_of_photos_of(relabelled)
