"""The choice of systems that score well together and are unlike each other."""

import numpy as np

from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

TOLERANCE = 0.005
"""Macro F1 by which votes are taken to be equal: smaller differences do not carry over to other people."""


def unlike(votes: Table, targets: Codes, number: int) -> list[int]:
    """Positions, in order, of at most `number` systems, from votes (systems, n, classes) and targets (n,).

    Forward selection without replacement: the first system has the highest macro F1. Of the systems with which the mean
    vote scores no less than before and, within `TOLERANCE`, as high as with any other, the next is the one that
    disagrees most with those chosen. It ends where every further system would lower the score.

    Caruana et al. 2004, Ensemble Selection from Libraries of Models; the disagreement is that of Kuncheva and Whitaker
    2003, Measures of Diversity in Classifier Ensembles and Their Relationship with the Ensemble Accuracy,
    https://doi.org/10.1023/A:1022859003006.
    """
    right = votes.argmax(axis=2) == targets
    scores = [table_macro_f1(vote, targets) for vote in votes]
    chosen = [int(np.argmax(scores))]
    score = scores[chosen[0]]
    while len(chosen) < number:
        total = votes[chosen].sum(axis=0)
        left = [system for system in range(len(votes)) if system not in chosen]
        found = {system: table_macro_f1(total + votes[system], targets) for system in left}
        least = max(score, max(found.values(), default=0) - TOLERANCE)
        candidates = [system for system in left if found[system] >= least]
        if not candidates:
            break
        chosen.append(max(candidates, key=lambda system: disagreement(right[system], right[chosen])))
        score = found[chosen[-1]]
    return sorted(chosen)


def disagreement(right: Codes, others: Codes) -> float:
    """Share of photos (n,) where exactly one of two systems is right, as a mean over the others (systems, n)."""
    return float((right != others).mean())
