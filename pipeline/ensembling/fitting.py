"""The photos that temperatures, biases and label shifts are fitted on: all, or a random choice of very many."""

import numpy as np

from pipeline.schema.schema import Codes

MOST = 200_000
"""Photos from which a fit is made. The error of a share of so many is a thousandth; more only take longer."""
SEED = 777


def rows(photos: int) -> Codes | slice:
    """Positions, in order, of the photos (n) to fit on; of all up to `MOST`."""
    if photos <= MOST:
        return slice(None)
    return np.sort(np.random.default_rng(SEED).choice(photos, MOST, replace=False, shuffle=False))
