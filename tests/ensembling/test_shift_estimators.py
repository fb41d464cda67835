"""shift_estimators: both recover the priors of simulated predictions, and the test distinguishes shift from chance."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.ensembling import shift_estimators
from pipeline.ensembling.shift_estimators import ShiftSample, bbse, bias_correction, em, p_value, reweighted
from pipeline.schema.probabilities import Table
from tests.support.simulated import PHOTOS, SHIFTED, TRAIN, people, shift_sample, simulated


@pytest.mark.parametrize("priors", [TRAIN, SHIFTED, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0])])
def test_both_estimators_recover_the_priors(priors: Table) -> None:
    found = simulated(priors, count=2000)
    for (shares,) in (bbse(found, found.whole), em(found, found.whole, strength=0)):
        assert shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(shares, priors, atol=0.05)


def test_a_shift_is_distinguished_from_chance() -> None:
    without = [p_value(simulated(TRAIN, seed=seed)) for seed in range(20)]
    assert min(without) > 0.01
    assert max(p_value(simulated(SHIFTED, seed=seed)) for seed in range(5)) < 0.01


def test_equal_predictions_are_no_shift() -> None:
    out_of_fold = people(50, TRAIN, TRAIN)
    assert p_value(shift_sample(out_of_fold, out_of_fold)) == 1


def test_blocks_of_rows_change_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    given = simulated(SHIFTED, count=100)
    whole = em(given, given.whole)
    monkeypatch.setattr(shift_estimators, "BLOCK", 33)
    np.testing.assert_allclose(em(given, given.whole), whole, rtol=1e-9)


def test_the_prior_keeps_a_value_that_an_underconfident_model_would_lose() -> None:
    given = simulated(apart=0.7, sure=6, count=300)
    (free,), (held,) = (em(given, given.whole, strength) for strength in (0.0, 0.1))
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


def test_people_are_drawn_with_all_their_photos_and_the_first_draw_is_the_sample() -> None:
    given = simulated(count=40)
    names = np.array([f"person {number}" for number in given.people])
    draws = replace(given, people=names).draws(np.random.default_rng(0), 5)
    assert (draws.train.sum(axis=1) == len(given.targets)).all()
    assert (draws.train.reshape(6, -1, PHOTOS) == draws.train[:, ::PHOTOS, None]).all()
    assert (draws.train[0] == 1).all()
    assert (draws.eval[0] == 1).all()
    assert len(np.unique(draws.train, axis=0)) == len(np.unique(draws.eval, axis=0)) == 6


def test_a_draw_is_estimated_as_the_sample_of_its_photos() -> None:
    given = simulated(count=60)
    draws = given.draws(np.random.default_rng(0), 3)
    train, evaluated = (np.repeat(np.arange(len(of[3])), of[3].astype(int)) for of in draws)
    drawn = ShiftSample(given.out_of_fold[train], given.targets[train], given.people[train], given.eval[:, evaluated])
    for estimator in (bbse, em):
        np.testing.assert_allclose(estimator(given, draws)[3], estimator(drawn, drawn.whole)[0], atol=1e-9)


def test_em_has_the_fixed_point_of_its_formula() -> None:
    given = simulated(count=60)
    (priors,), train = em(given, given.whole, strength=0), given.train_priors
    posterior = reweighted(given.eval_rows, priors / train).mean(axis=0)
    np.testing.assert_allclose(priors, posterior, atol=1e-5)


def test_models_that_predict_a_value_too_seldom_are_corrected() -> None:
    given = simulated(TRAIN, apart=1.2)
    shy = np.array([1, 1, 0.2])
    out_of_fold, eval_photos = reweighted(given.out_of_fold, shy), reweighted(given.eval, shy)
    weights = bias_correction(out_of_fold, given.train_priors)
    np.testing.assert_allclose(reweighted(out_of_fold, weights).mean(axis=0), given.train_priors, atol=1e-5)
    (before,), (after,) = (
        em(replace(given, eval=photos), given.whole, strength=0)
        for photos in (eval_photos, reweighted(eval_photos, weights))
    )
    assert np.abs(after - TRAIN).sum() < np.abs(before - TRAIN).sum()
