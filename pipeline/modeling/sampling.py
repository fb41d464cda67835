"""Which rows an epoch has and in which order: draws from a generator of the seed and the epoch."""

import numpy as np
import numpy.typing as npt

from pipeline.modeling.config.sampling import Balanced, Oversample, Sampling, Shuffle, Weighted
from pipeline.schema.schema import Codes

Rows = npt.NDArray[np.int64]

SHUFFLE = Shuffle()


def order(rows: Rows, strata: Codes, sampling: Sampling, random: np.random.Generator) -> Rows:
    """An epoch's rows (n,) of rows (n,) whose joint classes are `strata` (n,)."""
    match sampling:
        case Shuffle():
            return random.permutation(rows)
        case Balanced():
            return _drawn(rows, strata, 1, random)
        case Weighted(strength=strength):
            return _drawn(rows, strata, strength, random)


def repeats(rows: Rows) -> Rows:
    """How often each row has come before: 0 for the first of its kind, then 1, 2, ..."""
    by_row = np.argsort(rows, kind="stable")
    _, counts = np.unique(rows, return_counts=True)
    found = np.empty_like(rows)
    found[by_row] = np.concatenate([np.arange(count) for count in counts]) if len(rows) else rows
    return found


def oversampled(rows: Rows, classes: Codes, oversample: Oversample | None) -> Rows:
    """Rows (n,) with the copies of those whose class is not spared; copy c of row r is ``r + c * len(classes)``.

    `classes` (images,) are the codes 0..17 of all images.
    """
    if oversample is None:
        return rows
    rare = rows[~np.isin(classes[rows], oversample.exclude)]
    return np.concatenate([rows, *(rare + copy * len(classes) for copy in range(1, oversample.times))])


def _drawn(rows: Rows, strata: Codes, strength: float, random: np.random.Generator) -> Rows:
    weights = np.bincount(strata)[strata].astype(np.float64) ** -strength
    return random.choice(rows, len(rows), p=weights / weights.sum())
