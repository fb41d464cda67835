"""Thresholds at which predicted years, or distributions over them, become age bands, fitted to macro F1."""

import numpy as np

from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import EDGES, Numbers, in_bands, is_distribution
from pipeline.schema.schema import AGE, Codes, band

Thresholds = tuple[float, ...]

SCORED: Thresholds = tuple(map(float, EDGES))
STEPS = np.arange(-8, 8.5, 0.5)
"""Distances in years from the scored boundary that are tried."""
MIN_GAIN = 0.005
"""Least gain of macro F1 for which a threshold is moved: smaller gains do not carry over to other people."""


def fit(predicted: Numbers, ages: Codes) -> Thresholds:
    """Thresholds in years by which predictions of years give the highest macro F1 of the scored age bands.

    Coordinate search, a threshold at a time, that leaves a threshold at the scored boundary unless macro F1 rises by
    `MIN_GAIN`; of equal scores the one nearest to the boundary is taken.

    Args:
        predicted: Out-of-fold predictions: years (n,), or distributions over them (n, years).
        ages: True ages (n,) in years.
    """
    targets = band(ages)
    thresholds, best = SCORED, _score(predicted, targets, SCORED)
    for place in [*range(len(SCORED))] * 2:
        trials = [_moved(thresholds, place, step) for step in sorted(STEPS, key=abs)]
        scores = [_score(predicted, targets, trial) for trial in trials]
        if max(scores) > best + MIN_GAIN:
            thresholds, best = trials[int(np.argmax(scores))], max(scores)
    return thresholds


def _moved(thresholds: Thresholds, place: int, step: float) -> Thresholds:
    return (*thresholds[:place], SCORED[place] + float(step), *thresholds[place + 1 :])


def _score(predicted: Numbers, targets: Codes, thresholds: Thresholds) -> float:
    if is_distribution(predicted):
        return table_macro_f1(in_bands(predicted, thresholds), targets)
    return table_macro_f1(np.eye(len(AGE.values))[band(predicted, thresholds)], targets)
