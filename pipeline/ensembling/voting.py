"""How several tables of probabilities become one: soft, by mean logit or by hard vote; and how good one is."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.schema import metrics
from pipeline.schema.probabilities import Table, softmax
from pipeline.schema.schema import Codes

Vote = Literal["soft", "logit_mean", "hard"]
Weights = npt.NDArray[np.float64]

FLOOR = 1e-6  # probability below which nobody is sure: no table alone can rule a class out
TIE = 1e-3  # share of the mean probability in a hard vote: it decides where votes are equal


def combine(tables: Sequence[Table], vote: Vote, weights: Weights | None = None) -> Table:
    """Probabilities (n, classes) of several tables (n, classes), by weights that need not sum to 1.

    `soft` is the mean probability, `logit_mean` the normalised geometric mean, and `hard` the share of the tables in
    which a class is the likeliest, where equal shares go to the class of higher mean probability.
    """
    return probabilities(np.average(ballots(tables, vote), axis=0, weights=weights), vote)


def ballots(tables: Sequence[Table], vote: Vote) -> Table:
    """What is averaged of each table: (tables, n, classes). The class of the greatest mean ballot is the likeliest."""
    return np.stack([BALLOTS[vote](np.asarray(table, np.float64)) for table in tables])


def probabilities(mean: Table, vote: Vote) -> Table:
    """A mean ballot (n, classes) as probabilities."""
    return softmax(mean) if vote == "logit_mean" else mean


def macro_f1(table: Table, targets: Codes, weights: Weights | None = None) -> float:
    """Macro F1 of the likeliest classes of a table (n, classes) or mean ballot; photos count `weights` (n,), or 1."""
    classes = table.shape[1]
    cells = np.ravel_multi_index((targets, table.argmax(axis=1)), (classes, classes))
    return metrics.macro_f1(np.bincount(cells, weights, minlength=classes**2).reshape(classes, classes))


def _hard(table: Table) -> Table:
    return np.asarray((1 - TIE) * np.eye(table.shape[1])[table.argmax(axis=1)] + TIE * table)


BALLOTS: dict[Vote, Callable[[Table], Table]] = {
    "soft": lambda table: table,
    "logit_mean": lambda table: np.log(np.maximum(table, FLOOR)),
    "hard": _hard,
}
