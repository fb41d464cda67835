"""How sure a score is: its interval over people, since the photos of one person are right or wrong together.

People are drawn with replacement among those of their cell (gender and age band), so that rare classes keep their
size: the percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. Equal people
are drawn equally often for every model, so the difference of two models' draws is paired.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.schema.labels import ATTRIBUTES, CLASSES, Codes, decode

Counts = npt.NDArray[np.float64]

DRAWS = 1000
SEED = 777
LEVEL = 0.95


def interval(
    people: Sequence[str], targets: Codes, predictions: Codes, attribute: str | None = None
) -> tuple[float, float]:
    """The 95 % interval of macro F1, over 18 classes or of an attribute, when the people of n photos are redrawn."""
    _, gender, age = decode(targets)
    classes = CLASSES
    if attribute:
        targets, predictions = (decode(codes)[list(ATTRIBUTES).index(attribute)] for codes in (targets, predictions))
        classes = len(ATTRIBUTES[attribute])
    return bounds(f1s(people, gender * 3 + age, targets, predictions, classes).mean(axis=1))


def f1s(people: Sequence[str], cells: Codes, targets: Codes, predictions: Codes, classes: int = CLASSES) -> Counts:
    """F1 of every class in every draw (draws, classes), of photos (n) with their people and these people's cells."""
    draws, person = _draws(people, cells)
    hits, named, actual = (
        draws @ _count(person, codes, mask, classes)
        for codes, mask in ((targets, targets == predictions), (predictions, None), (targets, None))
    )
    return np.asarray(2 * hits / np.maximum(named + actual, 1))


def accuracies(people: Sequence[str], cells: Codes, right: npt.NDArray[np.bool_]) -> Counts:
    """The share of right photos in every draw (draws,)."""
    draws, person = _draws(people, cells)
    hits, photos = (draws @ np.bincount(person, weights=one) for one in (right, np.ones(len(right))))
    return np.asarray(hits / photos)


def bounds(scores: Counts) -> tuple[float, float]:
    """The 95 % interval of a score from its draws (draws,)."""
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _draws(people: Sequence[str], cells: Codes) -> tuple[Counts, Codes]:
    """How often each person is in each draw (draws, people), every cell as large as it is; each photo's person."""
    _, first, person = np.unique(people, return_index=True, return_inverse=True)
    own_cells = cells[first]
    random = np.random.default_rng(SEED)
    draws = np.zeros((DRAWS, len(first)))
    for cell in np.unique(own_cells):
        own = np.flatnonzero(own_cells == cell)
        draws[:, own] = random.multinomial(len(own), np.full(len(own), 1 / len(own)), size=DRAWS)
    return draws, person


def _count(person: Codes, codes: Codes, mask: npt.NDArray[np.bool_] | None, classes: int) -> Counts:
    """Photos (people, classes) of each person with each code, where the mask holds."""
    cells = person * classes + codes
    counts = np.bincount(cells if mask is None else cells[mask], minlength=(person.max() + 1) * classes)
    return counts.reshape(-1, classes).astype(np.float64)
