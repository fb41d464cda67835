"""label_shift: eval's priors are estimated, and refused where the estimate is unreliable."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.ensembling import label_shift
from pipeline.ensembling.label_shift import Estimate, class_weights, correct, estimate, table, worthwhile
from pipeline.ensembling.shift_estimators import Draws, Priors, ShiftSample, em
from pipeline.schema.metrics import confusion, macro_f1, table_macro_f1
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import AGE, SCHEMA
from tests.support.simulated import SHIFTED, TRAIN, Sample, people, shift_sample, simulated


def f1(sample: Sample, probabilities: Table) -> float:
    return macro_f1(confusion(sample.targets, probabilities.argmax(axis=1), 3))


def test_intervals_contain_the_priors_and_narrow_with_the_number_of_people() -> None:
    widths = []
    for count in (200, 2000):
        found = estimate(simulated(count=count))
        for low, high in (found.bbse_interval, found.em_interval):
            assert (low - 0.02 <= SHIFTED).all()
            assert (high + 0.02 >= SHIFTED).all()
        widths.append((found.em_interval[1] - found.em_interval[0]).max())
    assert widths[1] < widths[0] / 2


def test_without_a_shift_nothing_is_corrected() -> None:
    found = estimate(simulated(TRAIN))
    assert found.refusals[0].startswith("no significant shift")
    np.testing.assert_array_equal(found.ratio, 1)
    np.testing.assert_array_equal(found.weights, 1)


def test_correcting_a_shift_raises_macro_f1() -> None:
    out_of_fold, eval_ = people(600, TRAIN, TRAIN, 1.8), people(400, SHIFTED, TRAIN, 1.8, seed=1)
    found = estimate(shift_sample(out_of_fold, eval_))
    assert found.refusals == ()
    corrected = eval_.probabilities * found.weights
    assert f1(eval_, corrected) > f1(eval_, eval_.probabilities) + 0.01


def test_overconfident_models_are_refused() -> None:
    found = estimate(simulated(apart=1, sure=8))
    assert any("not calibrated" in refusal for refusal in found.refusals)


def test_models_that_cannot_separate_values_are_refused() -> None:
    found = estimate(simulated(apart=0.5, count=2000))
    assert any("hardly separable" in refusal for refusal in found.refusals)


def test_estimates_that_disagree_are_refused() -> None:
    """Eval is harder to predict than train, which no label shift explains."""
    given = simulated()
    unsure = given.eval**0.3
    found = estimate(replace(given, eval=unsure / unsure.sum(axis=2, keepdims=True)))
    assert any("disagree" in refusal for refusal in found.refusals)


@pytest.mark.parametrize(("noise", "refused"), [(0.0, True), (0.4, False)])
def test_a_disagreement_counts_only_where_bbse_is_precise(
    noise: float, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BBSE is .2 away from EM, in every bootstrap sample alike, or because it scatters by .4."""
    given, random = simulated(), np.random.default_rng(0)
    exact = em(given, given.whole)

    def away(_: ShiftSample, draws: Draws) -> Priors:
        scatter = 0.2 + noise * random.uniform(-1, 1, (len(draws.train), 1))
        scatter[0] = 0.2
        return exact + np.array([1, -0.5, -0.5]) * scatter

    monkeypatch.setattr(label_shift, "bbse", away)
    assert any("disagree" in refusal for refusal in estimate(given).refusals) == refused


def test_few_people_are_refused() -> None:
    found = estimate(simulated(np.array([0.1, 0.1, 0.8]), count=30, apart=1.5))
    assert any("wide" in refusal for refusal in found.refusals)


def test_a_value_that_train_lacks_stays_absent() -> None:
    given = simulated(TRAIN)
    no_old = given.targets != 2
    without = ShiftSample(given.out_of_fold[no_old], given.targets[no_old], given.people[no_old], given.eval)
    found = estimate(without)
    np.testing.assert_allclose([found.em[2], found.bbse[2]], 0, atol=1e-6)


def test_corrected_probabilities_follow_the_weights_of_their_attributes() -> None:
    heads = {
        name: np.random.default_rng(0).dirichlet(np.ones(len(values)), 9)
        for name, values in ((one.name, one.values) for one in SCHEMA.attributes)
    }
    weights = {"gender": np.array([1.5, 0.7]), "age": np.array([0.5, 1, 3])}
    expected = {name: table * weights.get(name, 1) for name, table in heads.items()}
    product = multiply(expected)
    np.testing.assert_allclose(correct(multiply(heads), weights), product / product.sum(axis=1, keepdims=True))


def test_weights_of_one_change_nothing() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(SCHEMA.classes), 9)
    np.testing.assert_allclose(correct(probabilities, {}), probabilities)


@pytest.mark.parametrize("male", [0.2, 0.5, 0.8])
def test_the_worthwhile_corrections_score_best_under_evals_priors(male: float) -> None:
    even, priors = np.array([0.5, 0.5]), np.array([male, 1 - male])
    out_of_fold = {"mask": people(500, TRAIN, TRAIN, 4), "gender": people(500, even, even, 0.9, 1)}
    eval_ = {"mask": people(300, TRAIN, TRAIN, 4, 2), "gender": people(300, priors, even, 0.9, 3)}
    out_of_fold["age"], eval_["age"] = people(500, TRAIN, TRAIN, 1.8, 4), people(300, SHIFTED, TRAIN, 1.8, 5)
    found = {name: estimate(shift_sample(out_of_fold[name], eval_[name])) for name in out_of_fold}
    probabilities = multiply({name: sample.probabilities for name, sample in out_of_fold.items()})
    codes = SCHEMA.encode({name: sample.targets for name, sample in out_of_fold.items()})
    chosen = worthwhile(probabilities, codes, found)
    counts = class_weights({name: one.ratio for name, one in found.items()})[codes]
    everything = {name: one.weights for name, one in found.items()}
    scores = [table_macro_f1(correct(probabilities, weights), codes, counts) for weights in (chosen, {}, everything)]
    assert scores[0] == max(scores)
    assert not any(found[name].refusals for name in chosen)


def test_all_classes_together_are_estimated_like_an_attribute() -> None:
    train = np.full(SCHEMA.classes, 1 / SCHEMA.classes)
    shifted = np.where(SCHEMA.decode(np.arange(SCHEMA.classes))["mask"] == 0, 6.0, 1.0)
    shifted /= shifted.sum()
    out_of_fold, eval_ = people(1500, train, train, 3.5), people(1500, shifted, train, 3.5, seed=1)
    found = estimate(shift_sample(out_of_fold, eval_))
    assert found.p_value < 0.01
    np.testing.assert_allclose(found.em, shifted, atol=0.03)


def test_equal_samples_give_equal_estimates() -> None:
    first, second = (estimate(simulated(count=100)) for _ in range(2))
    np.testing.assert_array_equal(first.em_interval, second.em_interval)
    np.testing.assert_array_equal(first.bbse_interval, second.bbse_interval)


def test_the_table_has_a_row_a_value_and_says_why_not() -> None:
    found: dict[str, Estimate] = {"age": estimate(simulated(TRAIN)), "mask": estimate(simulated(SHIFTED))}
    rows = table(found)
    assert list(rows["value"]) == [*AGE.values, *SCHEMA["mask"].values]
    assert rows["refused"][0].startswith("no significant shift")
    assert set(rows["refused"][3:]) == {""}
    assert (rows["em_low"] <= rows["em_high"]).all()
