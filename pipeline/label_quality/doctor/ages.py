"""Ages in the order of ids: sequences that are unlikely to arise by chance."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import numpy as np
import numpy.typing as npt

Years = npt.NDArray[np.float64]
Span = tuple[int, int]
"""First row, and the row after the last."""

CHANCE = 0.01
"""Expected number of runs of at least that length in a random order, below which a run is reported."""
WIDTHS = range(10, 41, 5)
"""Lengths, in people, of the islands that are searched for."""
SHARP = 3.75
"""Standard errors between the mean age of an island and those of its two neighbours.

Measured: 3 islands in 300 random orders of 2,700 ages; a block of 20 people made 20 years older is found in 90 %.
"""
FAR = 10
RARE = 0.01


def runs(ages: Years) -> Iterator[Span]:
    """Runs of one age that are too long to be chance."""
    count = Counter(ages.tolist())
    start = 0
    for age, group in groupby(ages.tolist()):
        length = len(list(group))
        if len(count) * len(ages) * (count[age] / len(ages)) ** length < CHANCE:
            yield start, start + length
        start += length


def islands(ages: Years) -> list[Span]:
    """Blocks of rows whose mean age is far above, or far below, that of as many rows before and after them."""
    found = [
        (abs(distance), start + width, start + 2 * width)
        for width in WIDTHS
        for start, distance in enumerate(_distances(ages, width))
        if abs(distance) > SHARP
    ]
    chosen: list[Span] = []
    for _, start, end in sorted(found, reverse=True):
        if all(end <= left or right <= start for left, right in chosen):
            chosen.append((start, end))
    return sorted(chosen)


def _distances(ages: Years, width: int) -> Years:
    """Standard errors between the middle mean of every three adjacent blocks and the nearer of the other two."""
    sums = np.concatenate([[0], np.cumsum(ages)])
    means = (sums[width:] - sums[:-width]) / width
    before, middle, after = means[: -2 * width], means[width:-width], means[2 * width :]
    error = max(ages.std(), 1) * np.sqrt(2 / width) if ages.size else 1
    above = np.minimum(middle - before, middle - after).clip(min=0)
    below = np.maximum(middle - before, middle - after).clip(max=0)
    return np.asarray((above + below) / error, dtype=np.float64)


def lonely(ages: Years) -> list[int]:
    """Rows of rare ages (under 1 % of all) that are more than ten years from every other age."""
    order = np.argsort(ages, kind="stable")
    clusters = np.split(order, np.flatnonzero(np.diff(ages[order]) > FAR) + 1)
    return [int(row) for cluster in clusters if len(cluster) < RARE * len(ages) for row in cluster]
