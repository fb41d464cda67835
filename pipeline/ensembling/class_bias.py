"""Per-class bias that raises macro F1: fitted on out-of-fold predictions, scored nested."""

from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.ensembling import nesting
from pipeline.ensembling.calibration import MIN_PROBABILITY
from pipeline.ensembling.shift_estimators import Priors
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

STEPS = np.linspace(-1.5, 1.5, 13)
MIN_GAIN = 0.005
"""Least gain of macro F1 for which a step is taken: smaller gains do not carry over to other people."""


def fit(probabilities: Table, targets: Codes, weights: Priors | None = None) -> Priors:
    """Bias (classes,) to be added to the log probability of each class.

    Macro F1 is no sum over photos: rare classes should be predicted more often than they are likeliest (Lipton,
    Elkan and Naryanaswamy 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure). The bias of a class is
    the sum of biases of its values: a free bias for each class overfits a handful of people. It is found by
    coordinate search, a value of an attribute at a time.

    Args:
        probabilities: Out-of-fold class probabilities (n, classes).
        targets: Class codes (n,).
        weights: Weight (n,) of each photo, for a fit under other class priors than train's.
    """
    weights = np.ones(len(targets)) if weights is None else weights
    bias, best = np.zeros(SCHEMA.classes), table_macro_f1(probabilities, targets, weights)
    for steps in [*_directions()] * 2:
        trials = bias + steps
        scores = [table_macro_f1(apply(probabilities, trial), targets, weights) for trial in trials]
        if max(scores) > best + MIN_GAIN:
            bias, best = trials[int(np.argmax(scores))], max(scores)
    return bias


def apply(probabilities: Table, bias: Priors) -> Table:
    """Probabilities (n, classes) after the bias (classes,) was added to their logarithms."""
    shifted = np.maximum(probabilities, MIN_PROBABILITY) * np.exp(bias)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_without(probabilities: Table, targets: Codes, groups: Codes) -> dict[int, Priors]:
    """The bias (classes,) of each of the groups (n,), by the group, fitted on the others."""
    return nesting.fit(groups, lambda rest: fit(probabilities[rest], targets[rest]))


def nested(probabilities: Table, without: Mapping[int, Priors], groups: Codes) -> Table:
    """Probabilities (n, classes), those of each of the groups (n,) with the bias fitted on the others."""
    return nesting.predict(groups, lambda group, own: apply(probabilities[own], without[group]))


def _directions() -> Iterator[Priors]:
    """For each value of each attribute, the steps (13, classes) of the classes that have it."""
    for attribute, codes in SCHEMA.decode(np.arange(SCHEMA.classes)).items():
        for value in range(len(SCHEMA[attribute].values)):
            yield np.outer(STEPS, codes == value)
