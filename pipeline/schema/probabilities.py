"""Arithmetic of probabilities: years and distributions over them to age bands, and heads multiplied into classes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.foundation.errors import InputError
from pipeline.schema.schema import AGE, SCHEMA, Codes, band

Numbers = npt.NDArray[np.floating]
Table = npt.NDArray[np.float64]
Heads = Mapping[str, Numbers]
"""Predictions of a model, by the name of the head: probabilities (n, classes) or (n, years), or ages in years (n,)."""

EDGES = np.asarray(AGE.bands) - 0.5
"""Boundaries of the scored bands for predicted years: labels are whole years, and 29.6 is nearer to 30 than to 29."""

YEARS = np.arange(AGE.years[0], AGE.years[1] + 1)
"""The years of a distribution over ages. The first stands for all ages up to it, the last for all from it on.

No product of attributes has as many classes, so the number of columns tells the two apart.
"""

_normal_distribution = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))), otypes=[np.float64])


def multiply(heads: Heads) -> Table:
    """Probabilities (n, classes) of the whole schema, from those of heads that are independent of each other.

    Raises:
        InputError: When the heads do not predict every attribute exactly once.
    """
    if not SCHEMA.covered_once(heads):
        raise InputError(f"heads {', '.join(heads)} do not predict {', '.join(SCHEMA.names)} once each")
    axis = {name: position for position, name in enumerate(SCHEMA.names, start=1)}
    operands: list[Any] = []
    for head, table in heads.items():
        product = SCHEMA.head(head)
        operands += [table.astype(np.float64).reshape(-1, *product.shape), [0, *map(axis.__getitem__, product.names)]]
    return np.asarray(np.einsum(*operands, [0, *axis.values()]).reshape(-1, SCHEMA.classes))


def softmax(logits: Table) -> Table:
    """Probabilities (n, k) of logits (n, k)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def band_table(years: Numbers, spread: float, edges: Sequence[float] | Table = EDGES) -> Table:
    """Probabilities (n, bands) of age bands with boundaries at `edges`, for ages that are normal about `years` (n,).

    `spread` is their standard deviation in years. A label of a whole year stands for the year around it: the
    continuity correction (Feller 1968, An Introduction to Probability Theory and Its Applications, volume 1, chapter
    VII).
    """
    below = _normal_distribution((np.asarray(edges) - years[:, None]) / spread)
    return np.diff(below, prepend=0.0, append=1.0, axis=1)


def is_distribution(numbers: Numbers) -> bool:
    """Whether predictions are probabilities (n, years) of every year of `YEARS`."""
    return numbers.ndim == 2 and numbers.shape[1] == len(YEARS)


def year_codes(ages: Numbers | npt.NDArray[np.integer[Any]]) -> Codes:
    """Position (n,) in `YEARS` of ages in years; an age beyond an end is at the end."""
    return np.asarray(np.clip(ages, YEARS[0], YEARS[-1]) - YEARS[0], dtype=np.int64)


def expected_years(numbers: Numbers) -> Numbers:
    """Ages in years (n,): the expectation of a distribution (n, years); predicted years (n,) as they are."""
    return np.asarray(numbers.astype(np.float64) @ YEARS) if is_distribution(numbers) else numbers


def in_bands(distribution: Numbers, edges: Sequence[float] | Table = EDGES) -> Table:
    """Probabilities (n, bands) of the age bands between `edges`, summed over the years of a distribution (n, years).

    A year stands for the ages within half a year of it; an edge inside divides its probability in proportion.
    """
    below = np.clip(np.asarray(edges) - (YEARS[:, None] - 0.5), 0, 1)
    return np.asarray(distribution.astype(np.float64) @ np.diff(below, prepend=0.0, append=1.0, axis=1))


def in_classes(numbers: Numbers) -> Numbers:
    """Probabilities (n, classes): a distribution (n, years) summed over the scored bands, others as they are."""
    return in_bands(numbers) if is_distribution(numbers) else numbers


def likeliest(numbers: Numbers) -> Codes:
    """Code (n,) of the likeliest class of probabilities, or of the scored age band of years (n,)."""
    return band(numbers, EDGES) if numbers.ndim == 1 else in_classes(numbers).argmax(axis=1)


def fit_spread(years: Numbers, ages: npt.NDArray[np.int64]) -> float:
    """The spread of `band_table`, in years: the root mean square residual of predicted `years` (n,).

    This is the maximum likelihood estimate for normal residuals. It uses every age, whereas the likelihood of the
    bands depends only on the few people near 30 and 60. Labels are rounded to whole years; the variance of the
    rounding, 1/12, also keeps the spread above zero.
    """
    return float(np.sqrt(np.mean((years.astype(np.float64) - ages) ** 2) + 1 / 12))
