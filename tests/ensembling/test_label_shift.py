"""shift: the mix in eval is found where models can tell, and left alone where they cannot."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.ensembling.label_shift import Estimate, adapt, estimate, of_classes, table, worthwhile
from pipeline.ensembling.shift_estimators import Predicted
from pipeline.ensembling.voting import macro_f1 as weighted_macro_f1
from pipeline.schema.metrics import confusion, macro_f1
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import SCHEMA
from tests.support.simulated import SHIFTED, TRAIN, Sample, evidence, people, simulated


def f1(sample: Sample, probabilities: Table) -> float:
    return macro_f1(confusion(sample.targets, probabilities.argmax(axis=1), 3))


def test_intervals_hold_the_mix_and_narrow_with_the_number_of_people() -> None:
    widths = []
    for count in (200, 2000):
        found = estimate(simulated(count=count))
        for low, high in (found.bbse_interval, found.em_interval):
            assert (low - 0.02 <= SHIFTED).all()
            assert (high + 0.02 >= SHIFTED).all()
        widths.append((found.em_interval[1] - found.em_interval[0]).max())
    assert widths[1] < widths[0] / 2


def test_without_a_shift_nothing_is_adapted() -> None:
    found = estimate(simulated(TRAIN))
    assert found.refusals[0].startswith("no sign of a shift")
    np.testing.assert_array_equal(found.ratio, 1)
    np.testing.assert_array_equal(found.weights, 1)


def test_adapting_to_a_shift_raises_macro_f1() -> None:
    out_of_fold, eval_ = people(600, TRAIN, TRAIN, 1.8), people(400, SHIFTED, TRAIN, 1.8, seed=1)
    found = estimate(evidence(out_of_fold, eval_))
    assert found.refusals == ()
    adapted = eval_.probabilities * found.weights
    assert f1(eval_, adapted) > f1(eval_, eval_.probabilities) + 0.01


def test_models_that_are_sure_without_reason_are_refused() -> None:
    found = estimate(simulated(apart=1, sure=8))
    assert any("not calibrated" in refusal for refusal in found.refusals)


def test_models_that_cannot_tell_values_apart_are_refused() -> None:
    found = estimate(simulated(apart=0.5, count=2000))
    assert any("hardly told apart" in refusal for refusal in found.refusals)


def test_estimates_that_disagree_are_refused() -> None:
    """Eval is harder to read than train was: no mix of train's values looks like that."""
    given = simulated()
    unsure = given.eval_**0.3
    found = estimate(replace(given, eval_=unsure / unsure.sum(axis=2, keepdims=True)))
    assert any("disagree" in refusal for refusal in found.refusals)


def test_few_people_are_refused() -> None:
    found = estimate(simulated(np.array([0.1, 0.1, 0.8]), count=30, apart=1.5))
    assert any("wide" in refusal for refusal in found.refusals)


def test_a_value_that_train_lacks_stays_absent() -> None:
    given = simulated(TRAIN)
    no_old = given.targets != 2
    without = Predicted(given.out_of_fold[no_old], given.targets[no_old], given.people[no_old], given.eval_)
    found = estimate(without)
    np.testing.assert_allclose([found.em[2], found.bbse[2]], 0, atol=1e-6)


def test_adapted_probabilities_follow_the_weights_of_their_attributes() -> None:
    heads = {
        attribute.name: np.random.default_rng(0).dirichlet(np.ones(len(attribute.values)), 9)
        for attribute in SCHEMA.attributes
    }
    weights = {"gender": np.array([1.5, 0.7]), "age": np.array([0.5, 1, 3])}
    expected = {name: table * weights.get(name, 1) for name, table in heads.items()}
    product = multiply(expected)
    np.testing.assert_allclose(adapt(multiply(heads), weights), product / product.sum(axis=1, keepdims=True))


def test_weights_of_one_change_nothing() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(18), 9)
    np.testing.assert_allclose(adapt(probabilities, {}), probabilities)


@pytest.mark.parametrize("male", [0.2, 0.5, 0.8])
def test_what_is_adapted_scores_best_in_the_mix_of_eval_and_is_trusted(male: float) -> None:
    even, mix = np.array([0.5, 0.5]), np.array([male, 1 - male])
    out_of_fold = {"mask": people(500, TRAIN, TRAIN, 4), "gender": people(500, even, even, 0.9, 1)}
    eval_ = {"mask": people(300, TRAIN, TRAIN, 4, 2), "gender": people(300, mix, even, 0.9, 3)}
    out_of_fold["age"], eval_["age"] = people(500, TRAIN, TRAIN, 1.8, 4), people(300, SHIFTED, TRAIN, 1.8, 5)
    found = {name: estimate(evidence(out_of_fold[name], eval_[name])) for name in out_of_fold}
    probabilities = multiply({name: sample.probabilities for name, sample in out_of_fold.items()})
    codes = SCHEMA.encode({name: sample.targets for name, sample in out_of_fold.items()})
    chosen = worthwhile(probabilities, codes, found)
    counts = of_classes({name: one.ratio for name, one in found.items()})[codes]
    everything = {name: one.weights for name, one in found.items()}
    scores = [weighted_macro_f1(adapt(probabilities, weights), codes, counts) for weights in (chosen, {}, everything)]
    assert scores[0] == max(scores)
    assert not any(found[name].refusals for name in chosen)


def test_the_eighteen_classes_are_estimated_like_an_attribute() -> None:
    train = np.full(18, 1 / 18)
    shifted = np.where(SCHEMA.decode(np.arange(18))["mask"] == 0, 6.0, 1.0)
    shifted /= shifted.sum()
    out_of_fold, eval_ = people(1500, train, train, 3.5), people(1500, shifted, train, 3.5, seed=1)
    found = estimate(evidence(out_of_fold, eval_))
    assert found.p_value < 0.01
    np.testing.assert_allclose(found.em, shifted, atol=0.03)


def test_equal_evidence_gives_equal_estimates() -> None:
    first, second = (estimate(simulated(count=100)) for _ in range(2))
    np.testing.assert_array_equal(first.em_interval, second.em_interval)
    np.testing.assert_array_equal(first.bbse_interval, second.bbse_interval)


def test_the_table_has_a_row_a_value_and_says_why_not() -> None:
    found: dict[str, Estimate] = {"age": estimate(simulated(TRAIN)), "old": estimate(simulated(SHIFTED))}
    rows = table(found, {"age": SCHEMA["age"].values, "old": SCHEMA["age"].values})
    assert list(rows["value"]) == [*SCHEMA["age"].values] * 2
    assert rows["refused"][0].startswith("no sign of a shift")
    assert set(rows["refused"][3:]) == {""}
    assert (rows["em_low"] <= rows["em_high"]).all()
