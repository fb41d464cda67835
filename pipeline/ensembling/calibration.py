"""Temperature scaling of heads, fitted on out-of-fold predictions."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import fitting, nesting
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.nesting import Mask
from pipeline.schema.probabilities import EDGES, YEARS, Numbers, Table, in_classes, is_distribution, softmax
from pipeline.schema.schema import SCHEMA, Codes, band

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


def fit(table: Numbers, targets: Codes) -> float:
    """Temperature, 0.05 to 20, that maximises the likelihood of target codes (n,) under probabilities (n, k).

    Guo et al. 2017, On Calibration of Modern Neural Networks. Above 1 the head was overconfident.
    """
    rows = fitting.rows(len(targets))
    logits, targets = _logits(table[rows]), targets[rows]
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


def calibrate(
    out_of_fold: MemberProbabilities, photos: pd.DataFrame
) -> tuple[MemberProbabilities, Mapping[str, float], pd.DataFrame]:
    """Fit a temperature for every head of probabilities where it helps; that of a distribution over years on its bands.

    Args:
        out_of_fold: Out-of-fold predictions of the photos, one member for each name.
        photos: Labelled photos (n).

    Returns:
        The out-of-fold predictions, where the others decide for each group of photos whether a temperature helps and
        which, so that their score stays unbiased; the temperatures that help, by `<name>=<head>`; and a row for each
        head: its temperature, whether it helps, and log loss and expected calibration error without it and, on groups
        that it is not fitted on, with it.
    """
    own_groups = groups(photos)
    scaled = _map(
        out_of_fold, lambda _, head, table: _nested_where_it_helps(table, SCHEMA.head(head).codes(photos), photos)
    )
    rows = [
        {"model": name, "head": head, **_row(table, SCHEMA.head(head).codes(photos), own_groups)}
        for name, (heads,) in out_of_fold.items()
        for head, table in heads.items()
        if table.ndim == 2
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    helpful = table[table["helps"] == "yes"]
    keys = helpful["model"] + "=" + helpful["head"]
    return scaled, dict(zip(keys, helpful["temperature"], strict=True)), table


def apply(probabilities: MemberProbabilities, temperatures: Mapping[str, float]) -> MemberProbabilities:
    """Tables of probabilities at the temperature of their `<name>=<head>`; unchanged without one."""
    return _map(
        probabilities,
        lambda name, head, table: (
            scale(table, temperatures[f"{name}={head}"])
            if f"{name}={head}" in temperatures
            else np.asarray(table, np.float64)
        ),
    )


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


def _nested_where_it_helps(table: Numbers, targets: Codes, photos: pd.DataFrame) -> Table:
    """Probabilities (n, k), each group at the temperature of the others if it helps among these."""

    def predict(own: Mask, rest: Mask) -> Table:
        if helps(table[rest], targets[rest], groups(photos[rest])):
            return scale(table[own], fit(table[rest], targets[rest]))
        return np.asarray(table[own], np.float64)

    return nesting.nested(groups(photos), predict)


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
