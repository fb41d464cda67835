"""The photos that an ensemble is fitted on: all, or a random choice of very many; and the blocks that it predicts."""

from collections.abc import Iterator

import numpy as np

from pipeline.schema.schema import Codes

MOST = 200_000
"""Photos from which a fit is made. The error of a share of so many is a thousandth; more only take longer."""
BLOCK = 2**18
"""Photos that are predicted at once; above `MOST`, so that one block has all photos where all are fitted on."""
SEED = 777


def rows(photos: int) -> Codes:
    """Positions, in order, of the photos (n) to fit on; of all up to `MOST`."""
    if photos <= MOST:
        return np.arange(photos)
    return np.sort(np.random.default_rng(SEED).choice(photos, MOST, replace=False, shuffle=False))


def blocks(photos: int) -> Iterator[Codes]:
    """Positions, block by block, of all photos (n)."""
    for first in range(0, photos, BLOCK):
        yield np.arange(first, min(first + BLOCK, photos))
