"""Nested predictions: each group of photos is predicted by what is fitted on the other groups."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

Mask = npt.NDArray[np.bool_]


def nested(groups: Codes, predict: Callable[[Mask, Mask], Table]) -> Table:
    """Predictions (n, k) of all photos, whose score is unbiased by what was fitted.

    Args:
        groups: Group (n,) of every photo.
        predict: From the masks (n,) of one group and of the rest, predictions of the group by what is fitted on the
            rest.
    """
    masks = [groups == group for group in np.unique(groups)]
    rows = np.concatenate([np.flatnonzero(mask) for mask in masks])
    return np.concatenate([predict(mask, ~mask) for mask in masks])[np.argsort(rows)]
