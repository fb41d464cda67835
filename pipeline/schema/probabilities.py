"""Arithmetic of probabilities: years to age bands, and heads multiplied into the 18 classes."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pipeline.foundation.errors import InputError
from pipeline.schema.heads import attributes
from pipeline.schema.labels import ATTRIBUTES, CLASSES, SCORED_BANDS, Codes, band, shape

Numbers = npt.NDArray[np.floating]
Table = npt.NDArray[np.float64]
Heads = Mapping[str, Numbers]
"""What a model predicts, by the name of the head: probabilities (n, classes), or ages in years (n,)."""

EDGES = np.asarray(SCORED_BANDS) - 0.5
"""Of the bands among predicted years: labels are whole years, and 29.6 is nearer to 30 than to 29."""

_normal_distribution = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))), otypes=[np.float64])


def multiply(heads: Heads) -> Table:
    """Probabilities (n, 18) of the classes, from tables whose heads name mask, gender and age once each."""
    covered = sorted(attribute for head in heads for attribute in attributes(head))
    if covered != sorted(ATTRIBUTES):
        raise InputError(f"heads {', '.join(heads)} do not predict mask, gender and age once each")
    axes = ",".join("n" + "".join(attribute[0] for attribute in attributes(head)) for head in heads)
    cubes = [table.astype(np.float64).reshape(-1, *shape(attributes(head))) for head, table in heads.items()]
    return np.asarray(np.einsum(f"{axes}->nmga", *cubes).reshape(-1, CLASSES))


def softmax(logits: Table) -> Table:
    """Probabilities (n, k) of logits (n, k)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def marginal(head: str, table: Numbers, attribute: str) -> Table:
    """Probabilities (n, values) of one attribute, from the table (n, classes) of a head that holds it."""
    parts = attributes(head)
    others = tuple(axis for axis, part in enumerate(parts, start=1) if part != attribute)
    return np.asarray(table.reshape(-1, *shape(parts)).sum(axis=others, dtype=np.float64))


def band_table(years: Numbers, spread: float) -> Table:
    """Probabilities (n, 3) of the scored age bands where ages are normal about `years` (n,), `spread` years wide.

    A whole age has the year about it: the continuity correction (Feller 1968, An Introduction to Probability Theory
    and Its Applications, volume 1, chapter VII).
    """
    below = _normal_distribution((EDGES - years[:, None]) / spread)
    return np.diff(below, prepend=0.0, append=1.0, axis=1)


def likeliest(numbers: Numbers) -> Codes:
    """Code (n,) of what a head predicts: its likeliest class (n, k), or the scored age band of its years (n,)."""
    return band(numbers, EDGES) if numbers.ndim == 1 else numbers.argmax(axis=1)


def fit_spread(years: Numbers, ages: npt.NDArray[np.int64]) -> float:
    """The spread of `band_table`: the root mean square of the residuals of predicted years, in years.

    It is the most likely spread of normal residuals. It learns from every age, where the likelihood of the bands
    alone hears only the few people near 30 and 60. Ages are cut to whole years: the variance of what is cut off,
    1/12, also keeps the spread above zero.
    """
    return float(np.sqrt(np.mean((years.astype(np.float64) - ages) ** 2) + 1 / 12))
