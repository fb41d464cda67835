"""How sure a score is: its interval over people, since the pictures of one person are right or wrong together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.labels import ATTRIBUTES, CLASSES, Codes, decode

Counts = npt.NDArray[np.float64]

DRAWS = 1000
SEED = 777
LEVEL = 0.95


def interval(
    people: Sequence[str], targets: Codes, predictions: Codes, attribute: str | None = None
) -> tuple[float, float]:
    """The 95 % interval of macro F1, over 18 classes or of an attribute, when the people of n pictures are redrawn.

    People are drawn with replacement among those of their gender and age band, so that rare classes keep their
    size: the percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    _, first, person = np.unique(people, return_index=True, return_inverse=True)
    _, gender, age = decode(targets[first])
    draws = _draw(gender * 3 + age)
    classes = CLASSES
    if attribute:
        targets, predictions = (decode(codes)[list(ATTRIBUTES).index(attribute)] for codes in (targets, predictions))
        classes = len(ATTRIBUTES[attribute])
    hits, named, actual = (
        draws @ _count(person, codes, classes, mask)
        for codes, mask in ((targets, targets == predictions), (predictions, None), (targets, None))
    )
    scores = (2 * hits / np.maximum(named + actual, 1)).mean(axis=1)
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _draw(cells: Codes) -> Counts:
    """How often each person is in each draw (draws, people); every cell keeps its number of people."""
    random = np.random.default_rng(SEED)
    draws = np.zeros((DRAWS, len(cells)))
    for cell in np.unique(cells):
        own = np.flatnonzero(cells == cell)
        draws[:, own] = random.multinomial(len(own), np.full(len(own), 1 / len(own)), size=DRAWS)
    return draws


def _count(person: Codes, codes: Codes, classes: int, mask: npt.NDArray[np.bool_] | None) -> Counts:
    """Pictures (people, classes) of each person with each code, where the mask holds."""
    cells = person * classes + codes
    counts = np.bincount(cells if mask is None else cells[mask], minlength=(person.max() + 1) * classes)
    return counts.reshape(-1, classes).astype(np.float64)
