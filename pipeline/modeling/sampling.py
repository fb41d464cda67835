"""Sampling: which rows an epoch contains, and their order. The seed and the epoch determine the result."""

import numpy as np
import numpy.typing as npt

from pipeline.modeling.config.sampling import Balanced, Oversample, Sampling, Shuffle, Weighted
from pipeline.schema.schema import Codes

Rows = npt.NDArray[np.int64]

SHUFFLE = Shuffle()


def order(rows: Rows, strata: Codes, sampling: Sampling, random: np.random.Generator) -> Rows:
    """Sample the rows of an epoch.

    Args:
        rows: The rows (n,) to sample from.
        strata: Their joint classes (n,), which balanced and weighted sampling equalise.
        sampling: How to sample.
        random: Random generator of the epoch.

    Returns:
        Rows (n,): a permutation, or a sample with replacement.
    """
    match sampling:
        case Shuffle():
            return random.permutation(rows)
        case Balanced():
            return _weighted(rows, strata, 1, random)
        case Weighted(strength=strength):
            return _weighted(rows, strata, strength, random)


def repeats(rows: Rows) -> Rows:
    """How often each row (n,) has occurred before: 0 at its first occurrence, then 1, 2, ..."""
    by_row = np.argsort(rows, kind="stable")
    _, firsts, counts = np.unique(rows[by_row], return_index=True, return_counts=True)
    found = np.empty_like(rows)
    found[by_row] = np.arange(len(rows)) - np.repeat(firsts, counts)
    return found


def oversampled(rows: Rows, classes: Codes, oversample: Oversample | None) -> Rows:
    """Append copies of the rows (n,) whose class is not excluded; copy c of row r is ``r + c * len(classes)``.

    `classes` (images,) are the codes 0..17 of all images.
    """
    if oversample is None:
        return rows
    rare = rows[~np.isin(classes[rows], oversample.exclude)]
    return np.concatenate([rows, *(rare + copy * len(classes) for copy in range(1, oversample.times))])


def _weighted(rows: Rows, strata: Codes, strength: float, random: np.random.Generator) -> Rows:
    weights = np.bincount(strata)[strata].astype(np.float64) ** -strength
    return random.choice(rows, len(rows), p=weights / weights.sum())
