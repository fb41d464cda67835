"""Temperature scaling of heads, fitted on out-of-fold predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import nesting
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.nesting import Mask
from pipeline.schema.probabilities import EDGES, YEARS, Numbers, Table, in_classes, is_distribution, softmax
from pipeline.schema.schema import SCHEMA, Codes, band

Temperatures = Mapping[str, float]

MIN_PROBABILITY = 1e-9
"""Probability that stands for 0 in logarithms; tables on disk are of float32."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
COLUMNS = [
    "model",
    "head",
    "temperature",
    "helps",
    "log_loss_before",
    "log_loss_after",
    "calibration_error_before",
    "calibration_error_after",
]


@dataclass(frozen=True)
class Calibration:
    """Temperatures by `<name>=<head>`, of the heads that they help.

    Attributes:
        temperatures: Those fitted on all photos.
        without: Those fitted on the other groups, which also decide whether a temperature helps, by group: the score of
            what they predict of the group is unbiased.
        table: A row for each head: its temperature, whether it helps, and log loss and expected calibration error
            without it and, on groups that it is not fitted on, with it.
    """

    temperatures: Temperatures
    without: Mapping[int, Temperatures]
    table: pd.DataFrame

    def nested(self, out_of_fold: MemberProbabilities, groups: Codes) -> MemberProbabilities:
        """Out-of-fold predictions of photos (n), those of each of the groups (n,) at the temperatures of the others."""

        def scaled(name: str, head: str, table: Numbers) -> Table:
            return nesting.predict(
                groups, lambda group, own: _scale(table[own], self.without[group].get(f"{name}={head}"))
            )

        return _map(out_of_fold, scaled)


def fit(table: Numbers, targets: Codes) -> float:
    """Temperature, 0.05 to 20, that maximises the likelihood of target codes (n,) under probabilities (n, k).

    Guo et al. 2017, On Calibration of Modern Neural Networks. Above 1 the head was overconfident.
    """
    logits = _logits(table)
    target_mean = logits[np.arange(len(targets)), targets].mean()
    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    for _ in range(50):  # the likelihood is concave in 1 / temperature: bisect on its slope
        middle = float(np.sqrt(low * high))
        expected = (softmax(middle * logits) * logits).sum(axis=1).mean()
        low, high = (middle, high) if expected < target_mean else (low, middle)
    return 2 / (low + high)


def scale(table: Numbers, temperature: float) -> Table:
    """Probabilities (n, k) at a temperature; the likeliest class of every row stays the likeliest.

    In a distribution over years the scored bands have the temperature, and years of a band keep their proportions: a
    temperature of the years would move probability from the oldest band, a single year, to the others.
    """
    classes = softmax(_logits(table) / temperature)
    if not is_distribution(table):
        return classes
    factors = classes / np.maximum(in_classes(table), MIN_PROBABILITY)
    return np.asarray(table * factors[:, band(YEARS, EDGES)])


def nested(table: Numbers, targets: Codes, groups: Codes) -> Table:
    """Probabilities (n, k), each of the groups (n,) at the temperature fitted on the other groups."""
    return nesting.nested(groups, lambda own, rest: scale(table[own], fit(table[rest], targets[rest])))


def log_loss(table: Numbers, targets: Codes) -> float:
    """Mean negative log probability of the targets (n,)."""
    return float(-_logits(table)[np.arange(len(targets)), targets].mean())


def expected_calibration_error(table: Numbers, targets: Codes, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by photos; 0 is best.

    Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning.
    """
    classes = in_classes(table)
    confidence, correct = classes.max(axis=1), classes.argmax(axis=1) == targets
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=correct - confidence.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / len(targets))


def helps(table: Numbers, targets: Codes, groups: Codes) -> bool:
    """Whether a temperature lowers both log loss and expected calibration error of groups that it is not fitted on."""
    if len(np.unique(groups)) < 2:
        return False
    scaled = nested(table, targets, groups)
    return all(measure(scaled, targets) < measure(table, targets) for measure in (log_loss, expected_calibration_error))


def calibrate(out_of_fold: MemberProbabilities, photos: pd.DataFrame) -> Calibration:
    """Fit a temperature for every head of probabilities where it helps; that of a distribution over years on its bands.

    Args:
        out_of_fold: Out-of-fold predictions of the photos, one member for each name.
        photos: Labelled photos (n).
    """
    own_groups = groups(photos)
    heads = [
        (name, head, table, SCHEMA.head(head).codes(photos))
        for name, (heads,) in out_of_fold.items()
        for head, table in heads.items()
        if table.ndim == 2
    ]
    rows = [{"model": name, "head": head, **_row(table, targets, own_groups)} for name, head, table, targets in heads]

    def fit_rest(rest: Mask) -> Temperatures:
        others = groups(photos[rest])
        return {
            f"{name}={head}": fit(table[rest], targets[rest])
            for name, head, table, targets in heads
            if helps(table[rest], targets[rest], others)
        }

    table = pd.DataFrame(rows, columns=COLUMNS)
    helpful = table[table["helps"] == "yes"]
    keys = helpful["model"] + "=" + helpful["head"]
    temperatures = dict(zip(keys, helpful["temperature"], strict=True))
    return Calibration(temperatures, nesting.fit(own_groups, fit_rest), table)


def apply(probabilities: MemberProbabilities, temperatures: Temperatures) -> MemberProbabilities:
    """Tables of probabilities at the temperature of their `<name>=<head>`; unchanged without one."""
    return _map(probabilities, lambda name, head, table: _scale(table, temperatures.get(f"{name}={head}")))


def _row(table: Numbers, targets: Codes, groups: Codes) -> dict[str, float | str]:
    """A head's temperature, whether it helps, and its errors without it and with it on other groups."""
    scaled = nested(table, targets, groups)
    return {
        "temperature": fit(table, targets),
        "helps": "yes" if helps(table, targets, groups) else "no",
        "log_loss_before": log_loss(table, targets),
        "log_loss_after": log_loss(scaled, targets),
        "calibration_error_before": expected_calibration_error(table, targets),
        "calibration_error_after": expected_calibration_error(scaled, targets),
    }


def _scale(table: Numbers, temperature: float | None) -> Table:
    return np.asarray(table, np.float64) if temperature is None else scale(table, temperature)


def _map(probabilities: MemberProbabilities, change: Callable[[str, str, Numbers], Table]) -> MemberProbabilities:
    """Every table of probabilities replaced by `change(name, head, table)`."""
    return {
        name: [
            {head: change(name, head, numbers) if numbers.ndim == 2 else numbers for head, numbers in heads.items()}
            for heads in members
        ]
        for name, members in probabilities.items()
    }


def _logits(table: Numbers) -> Table:
    """Logarithms (n, classes) of probabilities; those of a distribution over years are of its bands."""
    return np.log(np.maximum(in_classes(table).astype(np.float64), MIN_PROBABILITY))
