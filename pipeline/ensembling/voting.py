"""Voting: several tables of probabilities combined into one, and the choice and weights of the systems that vote."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.ensembling.config import Ensemble, Vote
from pipeline.ensembling.diversity import unlike
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table, softmax
from pipeline.schema.schema import Codes

Weights = npt.NDArray[np.float64]

MIN_PROBABILITY = 1e-6
"""Lowest probability in a mean of logits: one table alone cannot rule a class out."""
TIE_BREAK = 1e-3
"""Share of the mean probability in a hard vote, which decides between classes with equally many votes."""
GREEDY_ROUNDS = 30
STACKING_ROUNDS = 200


def combine(tables: Sequence[Table], vote: Vote, weights: Weights | None = None) -> Table:
    """Combine tables (n, classes) into one by a weighted vote; the weights need not sum to 1.

    `soft` is the mean probability, `logit_mean` the normalised geometric mean, and `hard` the share of the tables in
    which a class is the likeliest, with ties decided by the mean probability.
    """
    mean = np.average(votes(tables, vote), axis=0, weights=weights)
    return softmax(mean) if vote == "logit_mean" else mean


def votes(tables: Sequence[Table], vote: Vote) -> Table:
    """Votes (tables, n, classes) of which the mean is taken; the class of the highest mean vote wins."""
    return np.stack([_VOTES[vote](np.asarray(table, np.float64)) for table in tables])


def choose_weights(tables: Sequence[Table], targets: Codes, params: Ensemble) -> Weights:
    """Weights (systems,) of the systems that vote.

    Args:
        tables: Out-of-fold probabilities (n, classes) of every system.
        targets: Class codes (n,).
        params: `weights`, `top_systems` and `choice` of the ensemble.

    Returns:
        Weights that sum to 1; 0 for a system that does not vote.
    """
    if isinstance(params.weights, tuple):
        weights = np.asarray(params.weights, np.float64)
    else:
        cast = votes(tables, params.vote)
        best = _voters(cast, targets, params)
        weights = np.zeros(len(tables))
        match params.weights:
            case "greedy":
                weights[best] = greedy_counts(cast[best], targets)
            case "stacked":
                weights[best] = stacked([tables[system] for system in best], targets)
            case "equal":
                weights[best] = 1
    return np.asarray(weights / weights.sum())


def _voters(votes: Table, targets: Codes, params: Ensemble) -> list[int]:
    """Positions, in order, of the systems that vote."""
    if params.choice == "unlike" and params.top_systems:
        return unlike(votes, targets, params.top_systems)
    return top([table_macro_f1(table, targets) for table in votes], params.top_systems)


def top(scores: Sequence[float], number: int | None) -> list[int]:
    """Positions, in order, of the `number` highest scores, the earlier of equals; of all for None."""
    best = sorted(range(len(scores)), key=lambda position: -scores[position])[:number]
    return sorted(best)


def greedy_counts(votes: Table, targets: Codes) -> Weights:
    """How often forward selection with replacement takes each system, from votes (systems, n, classes).

    Each round adds the system whose vote raises macro F1 of the mean most; the best mean of all rounds is kept, the
    earliest of equals (Caruana et al. 2004, Ensemble Selection from Libraries of Models).
    """
    counts, best_counts, best_score = np.zeros(len(votes)), np.zeros(len(votes)), -1.0
    for _ in range(GREEDY_ROUNDS):
        total = np.tensordot(counts, votes, axes=1)
        scores = [table_macro_f1(total + vote, targets) for vote in votes]
        added = int(np.argmax(scores))
        counts[added] += 1
        if scores[added] > best_score:
            best_counts, best_score = counts.copy(), scores[added]
    return best_counts


def stacked(tables: Sequence[Table], targets: Codes) -> Weights:
    """Weights (systems,) that sum to 1 and give the targets the highest likelihood under the mean probability.

    Stacking, Wolpert 1992, Stacked Generalization, with weights that are not negative as in Breiman 1996, Stacked
    Regressions. They are the shares of a mixture: Dempster, Laird and Rubin 1977, Maximum Likelihood from Incomplete
    Data via the EM Algorithm.
    """
    likelihoods = np.maximum(np.stack(tables)[:, np.arange(len(targets)), targets], MIN_PROBABILITY)
    weights = np.full(len(tables), 1 / len(tables))
    for _ in range(STACKING_ROUNDS):
        weights *= (likelihoods / (weights @ likelihoods)).mean(axis=1)
    return weights


def _hard(table: Table) -> Table:
    return np.asarray((1 - TIE_BREAK) * np.eye(table.shape[1])[table.argmax(axis=1)] + TIE_BREAK * table)


_VOTES: dict[Vote, Callable[[Table], Table]] = {
    "soft": lambda table: table,
    "logit_mean": lambda table: np.log(np.maximum(table, MIN_PROBABILITY)),
    "hard": _hard,
}
