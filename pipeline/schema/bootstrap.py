"""Bootstrap intervals of scores over people, because the photos of one person are right or wrong together.

People are resampled with replacement within their cell (gender and age band), so that rare classes keep their size:
the percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. The resampling
depends on people and cells alone, so the draws of two models on the same people are paired.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.schema.schema import SCHEMA, Codes

Counts = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

DRAWS = 1000
SEED = 777
LEVEL = 0.95
MOST = 2**22
"""How often each person occurs in each draw: numbers that are in memory at once."""


def interval(
    people: Sequence[str], targets: Codes, predictions: Codes, attribute: str | None = None
) -> tuple[float, float]:
    """The 95 % bootstrap interval over people of macro F1.

    Args:
        people: The person of each photo (n).
        targets: True class codes (n,).
        predictions: Predicted class codes (n,).
        attribute: The attribute whose F1 it is; all classes without one.

    Returns:
        The lower and the upper bound.
    """
    cells, classes = SCHEMA.people.encode(SCHEMA.decode(targets)), SCHEMA.classes
    if attribute:
        targets, predictions = (SCHEMA.decode(codes)[attribute] for codes in (targets, predictions))
        classes = len(SCHEMA[attribute].values)
    return bounds(f1s(people, cells, targets, predictions, classes).mean(axis=1))


def f1s(
    people: Sequence[str], cells: Codes, targets: Codes, predictions: Codes, classes: int = SCHEMA.classes
) -> Counts:
    """F1 (draws, classes) of each class in each draw, from the person, cell, target and prediction of photos (n)."""
    person, first = _numbers(people)
    counts = [
        _count(person, codes, mask, classes)
        for codes, mask in ((targets, targets == predictions), (predictions, None), (targets, None))
    ]
    hits, named, actual = np.split(_resampled(np.concatenate(counts, axis=1), cells[first]), len(counts), axis=1)
    return np.asarray(2 * hits / np.maximum(named + actual, 1))


def accuracies(people: Sequence[str], cells: Codes, right: Mask) -> Counts:
    """Accuracy (draws,) in each draw, from the person, cell and correctness of photos (n)."""
    return _share(people, cells, right, np.ones(len(right)))


def accuracy_gaps(people: Sequence[str], cells: Codes, right: Mask, chosen: Mask) -> Counts:
    """Accuracy of chosen photos less that of the others (draws,) in each draw.

    Args:
        people, cells, right: Person, cell and correctness of photos (n), as in `accuracies`.
        chosen: The photos (n,) that are compared with the others; a draw without any of either has accuracy 0 there.
    """
    inside, outside = (_share(people, cells, right & photos, photos) for photos in (chosen, ~chosen))
    return inside - outside


def bounds(scores: Counts) -> tuple[float, float]:
    """The 95 % interval of a score, from its value in each draw (draws,)."""
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _numbers(people: Sequence[str]) -> tuple[Codes, Codes]:
    """The person of each photo (n,) by number, and a photo of each person."""
    _, first, person = np.unique(people, return_index=True, return_inverse=True)
    return person, first


def _resampled(counts: Counts, cells: Codes) -> Counts:
    """Sums (draws, k) of the counts (people, k) of the people of each draw, who have cells (people,)."""
    random = np.random.default_rng(SEED)
    sums = np.zeros((DRAWS, counts.shape[1]))
    for cell in np.unique(cells):
        own = counts[cells == cell]
        step = max(MOST // len(own), 1)
        for draw in range(0, DRAWS, step):
            size = min(step, DRAWS - draw)
            times = random.multinomial(len(own), np.full(len(own), 1 / len(own)), size=size)
            sums[draw : draw + size] += times @ own
    return sums


def _share(people: Sequence[str], cells: Codes, hits: npt.NDArray[Any], photos: npt.NDArray[Any]) -> Counts:
    """Hits per photo (draws,), from the hits and photos (n,) of each person's photos."""
    person, first = _numbers(people)
    counts = np.stack([np.bincount(person, weights=one) for one in (hits, photos)], axis=1, dtype=np.float64)
    found, all_photos = _resampled(counts, cells[first]).T
    return np.asarray(found / np.maximum(all_photos, 1))


def _count(person: Codes, codes: Codes, mask: Mask | None, classes: int) -> Counts:
    """Number of photos (people, classes) of each person with each code, counting only those in the mask."""
    cells = person * classes + codes
    counts = np.bincount(cells if mask is None else cells[mask], minlength=(person.max() + 1) * classes)
    return counts.reshape(-1, classes).astype(np.float64)
