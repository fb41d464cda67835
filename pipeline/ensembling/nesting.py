"""Nested answers: each group of photos by what is fitted on the others, so that its own score is honest."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

Mask = npt.NDArray[np.bool_]


def nested(groups: Codes, answer: Callable[[Mask, Mask], Table]) -> Table:
    """Answers (n, k) of all photos: `answer` gives those of one group (n,) by what it fits on the rest (n,)."""
    own = [groups == group for group in np.unique(groups)]
    rows = np.concatenate([np.flatnonzero(mask) for mask in own])
    return np.concatenate([answer(mask, ~mask) for mask in own])[np.argsort(rows)]
