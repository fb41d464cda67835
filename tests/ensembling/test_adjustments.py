"""adjustments: every attribute is estimated, and the effect of each adjustment is counted."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.dataset.folds import groups
from pipeline.ensembling import calibration, class_bias
from pipeline.ensembling.adjustments import Adjusted, adjust, estimates
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.shift_estimators import Priors
from pipeline.schema import label_table
from pipeline.schema.metrics import confusion, macro_f1
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import AGE, GENDER, MASK, SCHEMA
from tests.support.simulated import PHOTOS, SHIFTED, TRAIN, Sample, people

MASK_PRIORS = np.array([5, 1, 1]) / 7
GENDER_PRIORS = np.array([0.4, 0.6])
YEARS = np.array([24, 45, 63])


def heads(count: int, age: Priors, seed: int, sure: float = 1) -> dict[str, Sample]:
    priors = {
        "mask": (MASK_PRIORS, MASK_PRIORS),
        "gender": (GENDER_PRIORS, GENDER_PRIORS),
        "age": (age, TRAIN),
    }
    return {
        name: people(count, own, train, 2.2, 3 * seed + number, sure)
        for number, (name, (own, train)) in enumerate(priors.items())
    }


def photos(sample: dict[str, Sample]) -> pd.DataFrame:
    rows = {
        "path": [f"{number}.jpg" for number in range(len(sample["mask"].people))],
        "person": [f"person {number}" for number in sample["mask"].people],
        "mask": np.array(MASK.values)[sample["mask"].targets],
        "gender": np.array(GENDER.values)[sample["gender"].targets],
        "age": YEARS[sample["age"].targets],
        "corrected": "",
        "fold": sample["mask"].people % 2,
    }
    return pd.DataFrame(rows)


def probabilities(sample: dict[str, Sample]) -> dict[str, Table]:
    return {name: part.probabilities for name, part in sample.items()}


def test_each_head_of_each_model_gets_its_own_temperature() -> None:
    sample = heads(400, TRAIN, 0, sure=3)
    known = photos(sample)
    out_of_fold: MemberProbabilities = {
        "face": [probabilities(sample)],
        "years": [{"age": known["age"].to_numpy(np.float64)}],
    }
    eval_members: MemberProbabilities = {
        "face": [probabilities(heads(10, TRAIN, voter)) for voter in (1, 2)],
        "years": [{"age": np.ones(70)}],
    }
    found = calibration.calibrate(out_of_fold, known)
    scaled, rows = found.nested(out_of_fold, known["fold"].to_numpy()), found.table
    scaled_eval = calibration.apply(eval_members, found.temperatures)
    assert list(rows["head"]) == list(SCHEMA.names)
    assert (rows["calibration_error_after"] < rows["calibration_error_before"]).all()
    np.testing.assert_allclose(rows["temperature"], 3, rtol=0.2)
    for voter, table in zip(eval_members["face"], scaled_eval["face"], strict=True):
        for head, temperature in zip(rows["head"], rows["temperature"], strict=True):
            np.testing.assert_allclose(table[head], calibration.scale(voter[head], temperature))
    np.testing.assert_array_equal(scaled["years"][0]["age"], known["age"])
    np.testing.assert_array_equal(scaled_eval["years"][0]["age"], 1)


def test_only_the_attribute_that_has_shifted_is_significant() -> None:
    sample = heads(600, TRAIN, 0)
    by_model = np.stack([multiply(probabilities(heads(300, SHIFTED, 5)))])
    found = estimates(multiply(probabilities(sample)), by_model, photos(sample))
    assert {name: estimate.p_value < 0.01 for name, estimate in found.items() if name != "class"} == {
        "mask": False,
        "gender": False,
        "age": True,
    }
    np.testing.assert_allclose(found["age"].em, SHIFTED, atol=0.08)


@pytest.fixture(scope="module")
def known() -> tuple[pd.DataFrame, Table, Table]:
    """Labelled photos with out-of-fold probabilities, and probabilities of an eval with more old people."""
    sample = heads(600, TRAIN, 0)
    return photos(sample), multiply(probabilities(sample)), multiply(probabilities(heads(300, SHIFTED, 5)))


def adjusted(known: tuple[pd.DataFrame, Table, Table], **choices: bool) -> Adjusted:
    labelled, out_of_fold, of_eval = known
    params = Ensemble.model_validate({"systems": [["face"]], "calibrate": True} | choices)
    return adjust(out_of_fold, of_eval, of_eval[np.newaxis], labelled, params)


def test_without_a_choice_nothing_changes_and_both_are_shown(known: tuple[pd.DataFrame, Table, Table]) -> None:
    found = adjusted(known)
    np.testing.assert_array_equal(found.out_of_fold, known[1])
    np.testing.assert_array_equal(found.eval, known[2])
    assert list(found.label_shift["value"]) == [*MASK.values, *GENDER.values, *AGE.values, *SCHEMA.class_names]
    assert list(found.effects["choice"]) == ["label_shift", "class_bias"]
    assert set(found.effects["taken"]) == {"false"}


def test_a_correction_predicts_old_more_often_and_leaves_out_of_fold_alone(
    known: tuple[pd.DataFrame, Table, Table],
) -> None:
    found = adjusted(known, label_shift=True)
    old = [SCHEMA.decode(table.argmax(axis=1))["age"] == 2 for table in (known[2], found.eval)]
    assert old[1].sum() > old[0].sum()
    np.testing.assert_array_equal(found.out_of_fold, known[1])
    effect = found.effects.iloc[0]
    assert effect["photos"] == (found.eval.argmax(axis=1) != known[2].argmax(axis=1)).sum()
    assert effect["photos"] >= effect["age"] > 0 == effect["gender"]
    assert effect["macro_f1_after"] > effect["macro_f1_before"]


def test_a_class_bias_changes_both_and_is_scored_nested(known: tuple[pd.DataFrame, Table, Table]) -> None:
    found = adjusted(known, class_bias=True)
    codes = SCHEMA.codes(known[0])
    folds = known[0]["fold"].to_numpy()
    without = class_bias.fit_without(known[1], codes, folds)
    np.testing.assert_array_equal(found.out_of_fold, class_bias.nested(known[1], without, folds))
    assert {fold: bias.tolist() for fold, bias in found.class_bias_without.items()} == {
        fold: bias.tolist() for fold, bias in without.items()
    }
    np.testing.assert_array_equal(found.eval, class_bias.apply(known[2], class_bias.fit(known[1], codes)))
    score = macro_f1(confusion(codes, found.out_of_fold.argmax(axis=1)))
    assert found.effects["macro_f1_after"].iloc[1] == pytest.approx(score)


def test_a_refused_attribute_has_a_reason(known: tuple[pd.DataFrame, Table, Table]) -> None:
    refused = adjusted(known, label_shift=True).label_shift.groupby("of")["refused"].first()
    assert refused["mask"].startswith("no significant shift")
    assert refused["age"] == ""


def test_a_label_shift_correction_needs_calibration() -> None:
    with pytest.raises(ValidationError, match="label_shift needs calibrate: true"):
        Ensemble.model_validate({"systems": [["face"]], "label_shift": True})


def test_the_photos_simulated_are_labels() -> None:
    assert set(label_table.COLUMNS) < set(photos(heads(1, TRAIN, 0)).columns)
    assert len(photos(heads(2, TRAIN, 0))) == 2 * PHOTOS


def test_a_fold_alone_is_calibrated_and_biased_by_other_people() -> None:
    sample = heads(300, TRAIN, 0, sure=2)
    labelled = photos(sample).assign(fold=0)
    out_of_fold: MemberProbabilities = {"face": [probabilities(sample)]}
    own = groups(labelled) == 2
    other = labelled.assign(
        age=np.where(own, 24, labelled["age"]),
        gender=np.where(own, "male", labelled["gender"]),
        mask=np.where(own, "worn", labelled["mask"]),
    )
    table = multiply(probabilities(sample))
    calibrated = [calibration.calibrate(out_of_fold, known) for known in (labelled, other)]
    scaled = [found.nested(out_of_fold, groups(labelled))["face"][0]["age"][own] for found in calibrated]
    biased = [adjusted((known, table, table), class_bias=True).out_of_fold[own] for known in (labelled, other)]
    for before, (one, another) in ((sample["age"].probabilities[own], scaled), (table[own], biased)):
        np.testing.assert_array_equal(one, another)
        assert not np.array_equal(one, before)
