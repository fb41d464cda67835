"""mixes: both estimates find the mix that predictions were drawn from, and the test knows chance from shift."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.ensembling.shift_estimators import Predicted, bbse, correction, em, p_value, reweighted
from pipeline.schema.probabilities import Table
from tests.support.simulated import PICTURES, SHIFTED, TRAIN, evidence, people, simulated


@pytest.mark.parametrize("mix", [TRAIN, SHIFTED, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0])])
def test_both_estimates_find_the_mix(mix: Table) -> None:
    found = simulated(mix, count=2000)
    for shares in (bbse(found), em(found.stacked, found.train, hold=0)):
        assert shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(shares, mix, atol=0.05)


def test_a_shift_is_told_from_chance() -> None:
    without = [p_value(simulated(TRAIN, seed=seed)) for seed in range(20)]
    assert min(without) > 0.01
    assert max(p_value(simulated(SHIFTED, seed=seed)) for seed in range(5)) < 0.01


def test_equal_predictions_are_no_shift() -> None:
    out_of_fold = people(50, TRAIN, TRAIN)
    assert p_value(evidence(out_of_fold, out_of_fold)) == 1


def test_the_hold_keeps_a_value_that_an_unsure_model_would_lose() -> None:
    given = simulated(apart=0.7, sure=6, count=300)
    free, held = (em(given.stacked, given.train, hold) for hold in (0.0, 0.1))
    assert np.abs(held - given.train).sum() < np.abs(free - given.train).sum()
    assert (held > 0).all()


def test_the_mean_of_voters_looks_like_a_shift_where_each_voter_does_not() -> None:
    given = simulated(TRAIN, apart=1.5, count=1500)
    samples = [people(750, TRAIN, TRAIN, 1.5, 9 + voter) for voter in range(5)]
    voters = np.stack([one.probabilities[np.argsort(one.targets, kind="stable")] for one in samples])
    assert p_value(replace(given, eval_=voters)) > 0.01
    assert p_value(replace(given, eval_=voters.mean(axis=0, keepdims=True))) < 0.01


def test_equal_photos_of_a_person_are_one_witness_and_unlike_ones_seven() -> None:
    sample = people(300, TRAIN, TRAIN)
    first = sample.probabilities[::PICTURES].repeat(PICTURES, axis=0)
    shuffled = np.random.default_rng(0).permutation(sample.people)
    eval_ = sample.probabilities[None]
    assert Predicted(first, sample.targets, sample.people, eval_).design_effect == pytest.approx(PICTURES)
    assert Predicted(sample.probabilities, sample.targets, shuffled, eval_).design_effect == pytest.approx(1, abs=0.2)


def test_people_are_redrawn_with_all_their_photos() -> None:
    given = simulated(count=40)
    names = np.array([f"person {number}" for number in given.people])
    redrawn = replace(given, people=names).redrawn(np.random.default_rng(0))
    assert len(redrawn.out_of_fold) == len(given.out_of_fold)
    assert set(np.unique(redrawn.people, return_counts=True)[1] % PICTURES) == {0}


def test_models_that_answer_a_value_too_seldom_are_corrected() -> None:
    given = simulated(TRAIN, apart=1.2)
    shy = np.array([1, 1, 0.2])
    out_of_fold, eval_ = reweighted(given.out_of_fold, shy), reweighted(given.stacked, shy)
    weights = correction(out_of_fold, given.train)
    np.testing.assert_allclose(reweighted(out_of_fold, weights).mean(axis=0), given.train, atol=1e-5)
    before, after = em(eval_, given.train, hold=0), em(reweighted(eval_, weights), given.train, hold=0)
    assert np.abs(after - TRAIN).sum() < np.abs(before - TRAIN).sum()
