"""adjustments: every head is calibrated, every attribute estimated, and what a step changes is counted."""

import numpy as np
import pandas as pd

from pipeline import calibration, tables
from pipeline.adjustments import calibrate, changes, estimates, shares
from pipeline.blend import Voices
from pipeline.labels import AGES, ATTRIBUTES, CLASSES, GENDERS, MASKS
from pipeline.mixes import Shares
from pipeline.probabilities import Table, multiply
from tests.simulated import PICTURES, SHIFTED, TRAIN, Sample, people

MASK = np.array([5, 1, 1]) / 7
GENDER = np.array([0.4, 0.6])
YEARS = np.array([24, 45, 63])


def heads(count: int, age: Shares, seed: int, sure: float = 1) -> dict[str, Sample]:
    mixes = {"mask": (MASK, MASK), "gender": (GENDER, GENDER), "age": (age, TRAIN)}
    return {
        name: people(count, mix, train, 2.2, 3 * seed + number, sure)
        for number, (name, (mix, train)) in enumerate(mixes.items())
    }


def pictures(sample: dict[str, Sample]) -> pd.DataFrame:
    rows = {
        "path": [f"{number}.jpg" for number in range(len(sample["mask"].people))],
        "person": [f"person {number}" for number in sample["mask"].people],
        "mask": np.array(MASKS)[sample["mask"].targets],
        "gender": np.array(GENDERS)[sample["gender"].targets],
        "age": YEARS[sample["age"].targets],
        "corrected": "",
        "fold": sample["mask"].people % 2,
    }
    return pd.DataFrame(rows)


def probabilities(sample: dict[str, Sample]) -> dict[str, Table]:
    return {name: part.probabilities for name, part in sample.items()}


def test_each_head_of_each_model_gets_its_own_temperature() -> None:
    sample = heads(400, TRAIN, 0, sure=3)
    known = pictures(sample)
    seen: Voices = {"face": [probabilities(sample)], "years": [{"age": known["age"].to_numpy(np.float64)}]}
    unseen: Voices = {
        "face": [probabilities(heads(10, TRAIN, voter)) for voter in (1, 2)],
        "years": [{"age": np.ones(70)}],
    }
    cool_seen, cool_unseen, rows = calibrate(seen, unseen, known)
    assert list(rows["head"]) == list(ATTRIBUTES)
    assert (rows["calibration_error_after"] < rows["calibration_error_before"]).all()
    np.testing.assert_allclose(rows["temperature"], 3, rtol=0.2)
    for voter, cool in zip(unseen["face"], cool_unseen["face"], strict=True):
        for head, temperature in zip(rows["head"], rows["temperature"], strict=True):
            np.testing.assert_allclose(cool[head], calibration.scale(voter[head], temperature))
    np.testing.assert_array_equal(cool_seen["years"][0]["age"], known["age"])
    np.testing.assert_array_equal(cool_unseen["years"][0]["age"], 1)


def test_only_the_attribute_that_has_shifted_is_found_shifted() -> None:
    sample = heads(600, TRAIN, 0)
    unseen = np.stack([multiply(probabilities(heads(300, SHIFTED, 5)))])
    found = estimates(multiply(probabilities(sample)), unseen, pictures(sample))
    assert {name: estimate.p_value < 0.01 for name, estimate in found.items() if name != "class"} == {
        "mask": False,
        "gender": False,
        "age": True,
    }
    np.testing.assert_allclose(found["age"].em, SHIFTED, atol=0.08)
    table = shares(found)
    assert list(table["value"][:8]) == [*MASKS, *GENDERS, *AGES]
    assert len(table) == 8 + CLASSES


def test_changes_are_counted_step_by_step() -> None:
    start = np.eye(CLASSES)[[0, 0, 0]]
    gender = np.eye(CLASSES)[[0, 3, 0]]
    both = np.eye(CLASSES)[[0, 3, 17]]
    rows = changes({"plain": start, "calibrated": start, "adapted": gender, "offsets": both})
    assert rows.to_dict("records") == [
        {"step": "calibrated", "pictures": 0, "mask": 0, "gender": 0, "age": 0},
        {"step": "adapted", "pictures": 1, "mask": 0, "gender": 1, "age": 0},
        {"step": "offsets", "pictures": 1, "mask": 1, "gender": 1, "age": 1},
    ]


def test_the_pictures_simulated_are_labels() -> None:
    assert set(tables.LABELS) < set(pictures(heads(1, TRAIN, 0)).columns)
    assert len(pictures(heads(2, TRAIN, 0))) == 2 * PICTURES
