"""class_bias: macro F1 rises where classes are rare, on people that the bias was not fitted on."""

import numpy as np

from pipeline.ensembling.class_bias import apply, fit, fit_without, nested
from pipeline.schema.metrics import confusion, macro_f1
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import SCHEMA
from tests.support.simulated import Sample, people

MASK, GENDER, AGE = np.array([5, 1, 1]) / 7, np.array([0.4, 0.6]), np.array([0.47, 0.45, 0.08])


def classes(count: int, apart: float = 1.3, seed: int = 0) -> Sample:
    """People of all classes, whose ages are hard to predict and rarely old."""
    mask, gender, age = (
        people(count, mix, mix, apart, 3 * seed + number) for number, mix in enumerate((MASK, GENDER, AGE))
    )
    heads = {"mask": mask.probabilities, "gender": gender.probabilities, "age": age.probabilities}
    return Sample(
        SCHEMA.encode({"mask": mask.targets, "gender": gender.targets, "age": age.targets}), multiply(heads), age.people
    )


def f1(sample: Sample, probabilities: Table) -> float:
    return macro_f1(confusion(sample.targets, probabilities.argmax(axis=1)))


def test_a_bias_of_zero_changes_nothing() -> None:
    table = classes(20).probabilities
    np.testing.assert_allclose(apply(table, np.zeros(SCHEMA.classes)), table, atol=1e-7)


def test_a_fitted_bias_never_scores_less_where_it_was_fitted() -> None:
    for seed in range(3):
        sample = classes(40, seed=seed)
        assert f1(sample, apply(sample.probabilities, fit(sample.probabilities, sample.targets))) >= f1(
            sample, sample.probabilities
        )


def test_rare_classes_gain_on_other_people() -> None:
    sample = classes(1000)
    folds = sample.people % 2
    after = nested(sample.probabilities, fit_without(sample.probabilities, sample.targets, folds), folds)
    assert f1(sample, after) > f1(sample, sample.probabilities) + 0.01


def test_a_fold_gets_the_bias_of_the_others() -> None:
    sample = classes(200)
    folds = sample.people % 2
    bias = fit(sample.probabilities[folds == 1], sample.targets[folds == 1])
    found = nested(sample.probabilities, fit_without(sample.probabilities, sample.targets, folds), folds)
    np.testing.assert_allclose(found[folds == 0], apply(sample.probabilities[folds == 0], bias))


def test_certain_models_need_no_bias() -> None:
    sample = classes(100, 12)
    np.testing.assert_array_equal(fit(sample.probabilities, sample.targets), 0)


def test_the_bias_of_a_class_is_the_sum_of_those_of_its_values() -> None:
    sample = classes(300)
    cube = fit(sample.probabilities, sample.targets).reshape(SCHEMA.shape)
    assert cube.any()
    sums = cube[:, :1, :1] + cube[:1, :, :1] + cube[:1, :1, :] - 2 * cube[0, 0, 0]
    np.testing.assert_allclose(cube, sums)


def test_a_bias_is_fitted_for_the_priors_that_weights_make() -> None:
    sample = classes(300)
    old = SCHEMA.decode(sample.targets)["age"] == 2
    twice = np.concatenate([np.arange(len(old)), np.flatnonzero(old)])
    np.testing.assert_array_equal(
        fit(sample.probabilities, sample.targets, 1.0 + old), fit(sample.probabilities[twice], sample.targets[twice])
    )
