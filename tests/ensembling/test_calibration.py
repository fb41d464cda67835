"""calibration: a temperature corrects confidence, changes no predicted class, and is scored on other folds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.calibration import calibrate, expected_calibration_error, fit, helps, log_loss, nested, scale
from pipeline.schema.probabilities import YEARS, in_bands
from pipeline.schema.schema import MASK
from tests.support.simulated import people

TRAIN = np.array([0.5, 0.4, 0.1])


@given(st.floats(0.1, 10), st.integers(0, 99))
def test_scaling_gives_distributions_with_the_same_likeliest_value(temperature: float, seed: int) -> None:
    table = np.random.default_rng(seed).dirichlet(np.ones(3), 20)
    scaled = scale(table, temperature)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_array_equal(scaled.argmax(axis=1), table.argmax(axis=1))


def test_temperature_one_changes_nothing() -> None:
    table = people(30, TRAIN, TRAIN).probabilities
    np.testing.assert_allclose(scale(table, 1), table, atol=1e-8)


@pytest.mark.parametrize("sure", [0.4, 1, 3])
def test_the_temperature_corrects_false_confidence(sure: float) -> None:
    sample = people(3000, TRAIN, TRAIN, sure=sure)
    assert fit(sample.probabilities, sample.targets) == pytest.approx(sure, rel=0.05)


def test_a_table_at_another_temperature_needs_that_much_more() -> None:
    sample = people(500, TRAIN, TRAIN)
    own = fit(sample.probabilities, sample.targets)
    assert fit(scale(sample.probabilities, 0.5), sample.targets) == pytest.approx(2 * own, rel=1e-3)


def test_the_temperature_makes_the_targets_likeliest() -> None:
    sample = people(300, TRAIN, TRAIN, sure=2.5)
    rows = np.arange(len(sample.targets))

    def loss(temperature: float) -> float:
        return float(-np.log(scale(sample.probabilities, temperature)[rows, sample.targets]).mean())

    best = fit(sample.probabilities, sample.targets)
    assert loss(best) <= min(loss(best * 0.98), loss(best * 1.02))


def test_a_head_that_is_always_right_stays_within_bounds() -> None:
    assert fit(np.array([[0.6, 0.4]] * 5), np.zeros(5, dtype=np.int64)) == pytest.approx(0.05, rel=1e-3)
    assert fit(np.eye(2), np.array([1, 0])) == pytest.approx(20, rel=1e-3)


def test_the_error_of_certain_predictions_is_their_share_of_mistakes() -> None:
    table = np.repeat([[1.0, 0.0]], 10, axis=0)
    assert expected_calibration_error(table, np.array([0] * 7 + [1] * 3)) == pytest.approx(0.3)
    assert expected_calibration_error(table, np.zeros(10, dtype=np.int64)) == 0


def test_calibrated_probabilities_have_hardly_any_error() -> None:
    sample = people(3000, TRAIN, TRAIN)
    assert expected_calibration_error(sample.probabilities, sample.targets) < 0.01


def test_a_fold_is_scaled_by_the_other_folds() -> None:
    sample = people(200, TRAIN, TRAIN, sure=3)
    folds = sample.people % 2
    table = nested(sample.probabilities, sample.targets, folds)
    others = fit(sample.probabilities[folds == 1], sample.targets[folds == 1])
    np.testing.assert_allclose(table[folds == 0], scale(sample.probabilities[folds == 0], others))
    relabelled = np.where(folds == 0, 2 - sample.targets, sample.targets)
    np.testing.assert_allclose(nested(sample.probabilities, relabelled, folds)[folds == 0], table[folds == 0])


def test_log_loss_is_that_of_the_targets() -> None:
    table = np.array([[0.5, 0.5], [0.25, 0.75]])
    assert log_loss(table, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)


def test_a_temperature_helps_overconfident_heads_and_not_those_whose_groups_disagree() -> None:
    overconfident = people(300, TRAIN, TRAIN, sure=3)
    assert helps(overconfident.probabilities, overconfident.targets, overconfident.people % 2)
    one, other = people(300, TRAIN, TRAIN, sure=3), people(300, TRAIN, TRAIN, sure=1 / 3, seed=1)
    table = np.concatenate([one.probabilities, other.probabilities])
    targets = np.concatenate([one.targets, other.targets])
    assert not helps(table, targets, np.arange(len(table)) // len(one.targets))
    assert not helps(one.probabilities, one.targets, np.zeros(len(one.targets), np.int64)), "one group has no others"


def test_a_temperature_is_taken_only_where_it_helps_on_other_folds() -> None:
    """The first head is overconfident; the second in one fold only, so that each fold misleads the other."""
    sample = people(300, TRAIN, TRAIN, sure=3)
    fold = sample.people % 2
    mixed = np.where(fold[:, None] == 0, sample.probabilities, scale(sample.probabilities, 9))
    photos = pd.DataFrame(
        {"fold": fold, "person": sample.people.astype(str), "mask": np.array(MASK.values)[sample.targets]}
    )
    out_of_fold: MemberProbabilities = {"over": [{"mask": sample.probabilities}], "mixed": [{"mask": mixed}]}
    found = calibrate(out_of_fold, photos)
    scaled, rows = found.nested(out_of_fold, fold), found.table
    assert dict(zip(rows["model"], rows["helps"], strict=True)) == {"over": "yes", "mixed": "no"}
    assert list(found.temperatures) == ["over=mask"]
    after = rows.set_index("model")["log_loss_after"]
    assert log_loss(scaled["over"][0]["mask"], sample.targets) == pytest.approx(after["over"])
    assert after["mixed"] > rows.set_index("model")["log_loss_before"]["mixed"]


def test_whether_a_temperature_helps_is_decided_without_the_fold_that_is_scored() -> None:
    sample = people(300, TRAIN, TRAIN, sure=3)
    photos = pd.DataFrame({"fold": sample.people % 3, "person": sample.people.astype(str)})
    own = (photos["fold"] == 0).to_numpy()
    out_of_fold: MemberProbabilities = {"over": [{"mask": sample.probabilities}]}
    found = []
    for targets in (sample.targets, np.where(own, 2 - sample.targets, sample.targets)):
        labelled = photos.assign(mask=np.array(MASK.values)[targets])
        scaled = calibrate(out_of_fold, labelled).nested(out_of_fold, photos["fold"].to_numpy())
        found.append(scaled["over"][0]["mask"][own])
    np.testing.assert_array_equal(found[0], found[1])


def test_a_distribution_over_years_is_calibrated_on_its_bands() -> None:
    draw = np.random.default_rng(0)
    own = draw.dirichlet(np.full(len(YEARS), 0.2), 2000)
    ages = np.array([draw.choice(YEARS, p=row) for row in own])
    photos = pd.DataFrame({"age": ages, "fold": np.arange(len(ages)) % 2})
    photos["person"] = photos.index.astype(str)
    sharp = scale(own, 0.5)
    bands, sharp_bands = in_bands(own), in_bands(sharp)
    np.testing.assert_allclose(sharp_bands, bands**2 / (bands**2).sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(sharp[:, 1] * own[:, 2], sharp[:, 2] * own[:, 1], atol=1e-12)  # years of one band
    out_of_fold: MemberProbabilities = {"years": [{"age": sharp}]}
    found = calibrate(out_of_fold, photos)
    scaled = found.nested(out_of_fold, photos["fold"].to_numpy())
    assert found.temperatures == {"years=age": pytest.approx(2, rel=0.05)}
    assert found.table["helps"].tolist() == ["yes"]
    np.testing.assert_allclose(in_bands(scaled["years"][0]["age"]), bands, atol=0.05)
