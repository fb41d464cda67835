"""Which systems vote, and with what weight: chosen by their predictions of photos with known labels."""

from collections.abc import Sequence

import numpy as np

from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.voting import Weights, ballots, macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

ROUNDS = 30


def choose(tables: Sequence[Table], targets: Codes, params: Ensemble) -> Weights:
    """Weights (systems,) that sum to 1, for tables (n, classes) and the true codes (n,); equals go to the first."""
    if isinstance(params.weights, tuple):
        counts = np.asarray(params.weights, np.float64)
    else:
        cast = ballots(tables, params.vote)
        best = top([macro_f1(ballot, targets) for ballot in cast], params.top_systems)
        counts = np.zeros(len(tables))
        counts[best] = greedy(cast[best], targets) if params.weights == "greedy" else 1
    return np.asarray(counts / counts.sum())


def top(scores: Sequence[float], number: int | None) -> list[int]:
    """Positions, in order, of the `number` highest scores; of all when it is None."""
    best = sorted(range(len(scores)), key=lambda position: -scores[position])[:number]
    return sorted(best)


def greedy(ballots: Table, targets: Codes) -> Weights:
    """How often each of the ballots (systems, n, classes) is taken by forward selection with replacement.

    Each round adds the ballot with which the mean scores highest; the best mean of all rounds, the earliest of
    equals, is kept (Caruana et al. 2004, Ensemble Selection from Libraries of Models).
    """
    counts, kept, record = np.zeros(len(ballots)), np.zeros(len(ballots)), -1.0
    for _ in range(ROUNDS):
        total = np.tensordot(counts, ballots, axes=1)
        scores = [macro_f1(total + ballot, targets) for ballot in ballots]
        chosen = int(np.argmax(scores))
        counts[chosen] += 1
        if scores[chosen] > record:
            kept, record = counts.copy(), scores[chosen]
    return kept
