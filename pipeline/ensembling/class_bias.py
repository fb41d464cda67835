"""Offsets of the 18 classes that raise macro F1: fitted on out-of-fold predictions, scored nested."""

from collections.abc import Iterator

import numpy as np

from pipeline.ensembling import nesting
from pipeline.ensembling.calibration import FLOOR
from pipeline.ensembling.shift_estimators import Priors
from pipeline.ensembling.voting import macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

STEPS = np.linspace(-1.5, 1.5, 13)
LEAST_GAIN = 0.005
"""What a step must add to macro F1: smaller gains are luck and do not last on other people."""


def fit(probabilities: Table, targets: Codes, weights: Priors | None = None) -> Priors:
    """What to add to the logarithm of each class (18,), from out-of-fold probabilities (n, 18).

    Macro F1 is no sum over photos: rare classes should be answered more often than they are likeliest (Lipton,
    Elkan and Naryanaswamy 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure). An offset is the sum of
    those of its mask, gender and age; 18 free ones learn the luck of a handful of people. They are found by trying
    steps, a value at a time. Photos count `weights` (n,): for adapted probabilities, as many as in eval's mix.
    """
    weights = np.ones(len(targets)) if weights is None else weights
    offsets, best = np.zeros(SCHEMA.classes), macro_f1(probabilities, targets, weights)
    for steps in [*_directions()] * 2:
        trials = offsets + steps
        found = [macro_f1(apply(probabilities, trial), targets, weights) for trial in trials]
        if max(found) > best + LEAST_GAIN:
            offsets, best = trials[int(np.argmax(found))], max(found)
    return offsets


def apply(probabilities: Table, offsets: Priors) -> Table:
    """Probabilities (n, 18) after the offsets (18,) were added to their logarithms."""
    shifted = np.maximum(probabilities, FLOOR) * np.exp(offsets)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def nested(probabilities: Table, targets: Codes, groups: Codes) -> Table:
    """Probabilities (n, 18), each of the groups (n,) with the offsets of the other groups."""
    return nesting.nested(groups, lambda own, rest: apply(probabilities[own], fit(probabilities[rest], targets[rest])))


def _directions() -> Iterator[Priors]:
    """For each value of each attribute, the steps (13, 18) of the classes that have it."""
    for codes in SCHEMA.decode(np.arange(SCHEMA.classes)).values():
        for value in np.unique(codes):
            yield np.outer(STEPS, codes == value)
