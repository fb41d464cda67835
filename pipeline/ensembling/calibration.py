"""Calibrated probabilities: a temperature for each head, fitted on out-of-fold predictions."""

import numpy as np

from pipeline.ensembling import nesting
from pipeline.schema.probabilities import Numbers, Table, softmax
from pipeline.schema.schema import Codes

FLOOR = 1e-9
"""Tables on disk have nine digits: a probability of 0 is one below this."""
COLDEST, HOTTEST = 0.05, 20.0


def fit(table: Numbers, targets: Codes) -> float:
    """The temperature that makes the probabilities (n, k) of the target codes (n,) likeliest, 0.05 to 20.

    Guo et al. 2017, On Calibration of Modern Neural Networks. Above 1 a head was too sure, below 1 not sure enough.
    """
    logits = _logits(table)
    mean_truth = logits[np.arange(len(targets)), targets].mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(50):  # the likelihood is concave in 1 / temperature: halve the range on its slope
        middle = float(np.sqrt(low * high))
        expected = (softmax(middle * logits) * logits).sum(axis=1).mean()
        low, high = (middle, high) if expected < mean_truth else (low, middle)
    return 2 / (low + high)


def scale(table: Numbers, temperature: float) -> Table:
    """Probabilities (n, k) at a temperature: the likeliest value of every row stays the likeliest."""
    return softmax(_logits(table) / temperature)


def nested(table: Numbers, targets: Codes, groups: Codes) -> Table:
    """Probabilities (n, k), each of the groups (n,) at the temperature of the other groups."""
    return nesting.nested(groups, lambda own, rest: scale(table[own], fit(table[rest], targets[rest])))


def expected_calibration_error(table: Numbers, targets: Codes, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by photos: 0 is best.

    Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning.
    """
    confidence, right = table.max(axis=1), table.argmax(axis=1) == targets
    where = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(where, weights=right - confidence.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / len(targets))


def scores(table: Numbers, scaled: Numbers, targets: Codes) -> dict[str, float]:
    """A head's temperature, and its expected calibration error before and after, of `table` and `scaled` (n, k)."""
    return {
        "temperature": fit(table, targets),
        "calibration_error_before": expected_calibration_error(table, targets),
        "calibration_error_after": expected_calibration_error(scaled, targets),
    }


def _logits(table: Numbers) -> Table:
    return np.log(np.maximum(table.astype(np.float64), FLOOR))
