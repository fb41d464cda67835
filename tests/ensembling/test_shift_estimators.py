"""shift_estimators: both recover the priors of simulated predictions, and the test distinguishes shift from chance."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.ensembling.shift_estimators import ShiftSample, bbse, bias_correction, em, p_value, reweighted
from pipeline.schema.probabilities import Table
from tests.support.simulated import PHOTOS, SHIFTED, TRAIN, people, shift_sample, simulated


@pytest.mark.parametrize("priors", [TRAIN, SHIFTED, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0])])
def test_both_estimators_recover_the_priors(priors: Table) -> None:
    found = simulated(priors, count=2000)
    for shares in (bbse(found), em(found.eval_rows, found.train_priors, strength=0)):
        assert shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(shares, priors, atol=0.05)


def test_a_shift_is_distinguished_from_chance() -> None:
    without = [p_value(simulated(TRAIN, seed=seed)) for seed in range(20)]
    assert min(without) > 0.01
    assert max(p_value(simulated(SHIFTED, seed=seed)) for seed in range(5)) < 0.01


def test_equal_predictions_are_no_shift() -> None:
    out_of_fold = people(50, TRAIN, TRAIN)
    assert p_value(shift_sample(out_of_fold, out_of_fold)) == 1


def test_the_prior_keeps_a_value_that_an_underconfident_model_would_lose() -> None:
    given = simulated(apart=0.7, sure=6, count=300)
    free, held = (em(given.eval_rows, given.train_priors, strength) for strength in (0.0, 0.1))
    assert np.abs(held - given.train_priors).sum() < np.abs(free - given.train_priors).sum()
    assert (held > 0).all()


def test_the_mean_of_models_imitates_a_shift_that_no_single_model_has() -> None:
    given = simulated(TRAIN, apart=1.5, count=1500)
    samples = [people(750, TRAIN, TRAIN, 1.5, 9 + voter) for voter in range(5)]
    voters = np.stack([one.probabilities[np.argsort(one.targets, kind="stable")] for one in samples])
    assert p_value(replace(given, eval=voters)) > 0.01
    assert p_value(replace(given, eval=voters.mean(axis=0, keepdims=True))) < 0.01


def test_the_design_effect_is_7_for_equal_photos_and_1_for_independent_ones() -> None:
    sample = people(300, TRAIN, TRAIN)
    first = sample.probabilities[::PHOTOS].repeat(PHOTOS, axis=0)
    shuffled = np.random.default_rng(0).permutation(sample.people)
    eval_photos = sample.probabilities[None]
    assert ShiftSample(first, sample.targets, sample.people, eval_photos).design_effect == pytest.approx(PHOTOS)
    assert ShiftSample(sample.probabilities, sample.targets, shuffled, eval_photos).design_effect == pytest.approx(
        1, abs=0.2
    )


def test_people_are_resampled_with_all_their_photos() -> None:
    given = simulated(count=40)
    names = np.array([f"person {number}" for number in given.people])
    resampled = replace(given, people=names).resampled(np.random.default_rng(0))
    assert len(resampled.out_of_fold) == len(given.out_of_fold)
    assert set(np.unique(resampled.people, return_counts=True)[1] % PHOTOS) == {0}


def test_models_that_predict_a_value_too_seldom_are_corrected() -> None:
    given = simulated(TRAIN, apart=1.2)
    shy = np.array([1, 1, 0.2])
    out_of_fold, eval_photos = reweighted(given.out_of_fold, shy), reweighted(given.eval_rows, shy)
    weights = bias_correction(out_of_fold, given.train_priors)
    np.testing.assert_allclose(reweighted(out_of_fold, weights).mean(axis=0), given.train_priors, atol=1e-5)
    before, after = (
        em(eval_photos, given.train_priors, strength=0),
        em(reweighted(eval_photos, weights), given.train_priors, strength=0),
    )
    assert np.abs(after - TRAIN).sum() < np.abs(before - TRAIN).sum()
