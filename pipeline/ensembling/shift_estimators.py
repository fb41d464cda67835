"""The mix of values in eval, told from predictions: BBSE, EM, and a test of whether it differs from train's."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.ensembling.calibration import FLOOR
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

Priors = npt.NDArray[np.float64]
HOLD = 0.1
"""Weight of train's mix in EM, as a share of eval's photos."""


@dataclass(frozen=True)
class Predicted:
    """Calibrated probabilities of one attribute (or of the 18 classes), of photos that no model was trained on.

    `out_of_fold` (n, k) are out-of-fold, with the codes `targets` (n,) and `people` (n,) who they are of. `eval_`
    (voters, m, k) are of eval, by each of the models that made `out_of_fold`: the mean of several
    models is less sure of itself than each of them, which would look like a shift.
    """

    out_of_fold: Table
    targets: Codes
    people: npt.NDArray[Any]
    eval_: npt.NDArray[np.float64]

    @property
    def train(self) -> Priors:
        """Priors (k,) of the values in train."""
        return np.bincount(self.targets, minlength=self.out_of_fold.shape[1]) / len(self.targets)

    @property
    def stacked(self) -> Table:
        """The probabilities of eval, voter below voter."""
        return self.eval_.reshape(-1, self.eval_.shape[-1])

    @cached_property
    def response(self) -> Table:
        """Mean probabilities (k, k) of the photos of each value, a column a value; zeros for one not in train."""
        values = np.eye(self.out_of_fold.shape[1])[self.targets]
        return np.asarray(self.out_of_fold.T @ values / np.maximum(values.sum(axis=0), 1))

    @cached_property
    def design_effect(self) -> float:
        """How many photos of a person say what one says: 1 when they are as unlike as strangers', 7 when equal.

        Kish 1965, Survey Sampling: the design effect. It is measured on train and taken for eval too, where nobody
        knows which photos are one person's.
        """
        counts = np.bincount(self._numbers)
        means = np.stack([np.bincount(self._numbers, weights=column) for column in self.out_of_fold.T]) / counts
        effect = counts.mean() * means.var(axis=1) / np.maximum(self.out_of_fold.var(axis=0), np.finfo(float).tiny)
        return float(effect.max().clip(1, counts.max()))

    def redrawn(self, draw: np.random.Generator) -> "Predicted":
        """People of train drawn with replacement, and as many eval photos as are witnesses of their own."""
        number = self._numbers.max() + 1
        times = np.bincount(draw.integers(number, size=number), minlength=number)
        rows = np.repeat(np.arange(len(self.people)), times[self._numbers])
        photos = self.eval_.shape[1]
        columns = draw.integers(photos, size=max(int(photos / self.design_effect), 1))
        return Predicted(self.out_of_fold[rows], self.targets[rows], self.people[rows], self.eval_[:, columns])

    @cached_property
    def _numbers(self) -> Codes:
        return np.unique(self.people, return_inverse=True)[1]


def correction(out_of_fold: Table, train: Priors) -> Priors:
    """Weights (k,) after which the mean of the probabilities (n, k) of train is train's mix (k,).

    Alexandari, Kundaje and Shrikumar 2020, Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at
    Label Shift Adaptation: EM takes a value that models answer too seldom, however little, for one that eval lacks.
    """
    weights = np.ones(len(train))
    for _ in range(300):
        mean = reweighted(out_of_fold, weights).mean(axis=0)
        weights = weights * ratio(train, mean)
        if np.abs(mean - train).max() < 1e-6:
            break
    return np.asarray(weights / weights.sum())


def bbse(evidence: Predicted) -> Priors:
    """Priors (k,) that turn the mean probabilities of each value, known from train, into the mean of eval.

    Lipton, Wang and Smola 2018, Detecting and Correcting for Label Shift with Black Box Predictors.
    """
    mean = evidence.stacked.mean(axis=0)
    mix = np.linalg.lstsq(evidence.response, mean, rcond=1e-3)[0].clip(0)
    return np.asarray(mix / mix.sum())


def em(eval_: Table, train: Priors, hold: float = HOLD) -> Priors:
    """Priors (k,) that make the probabilities (n, k) of eval likeliest, held by train's with a weight of `hold`.

    Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a Classifier to New a Priori Probabilities. The
    hold is a Dirichlet prior about train's mix: without it unsure models send a value to nothing.
    """
    mix = train
    for _ in range(1000):
        before = mix
        mix = (reweighted(eval_, ratio(mix, train)).mean(axis=0) + hold * train) / (1 + hold)
        if np.abs(mix - before).max() < 1e-6:
            break
    return mix


def p_value(evidence: Predicted) -> float:
    """The p-value of "eval's predictions are distributed as the out-of-fold ones": below 0.01 a shift is real.

    Lipton et al. 2018 (BBSD): Kolmogorov and Smirnov's test on each column, Bonferroni's correction over columns.
    Photos count as few as they are `design_effect`: the seven of one person are hardly seven witnesses.
    """
    out_of_fold, eval_ = (
        len(evidence.out_of_fold) / evidence.design_effect,
        evidence.eval_.shape[1] / evidence.design_effect,
    )
    witnesses = out_of_fold * eval_ / (out_of_fold + eval_)
    furthest = max(map(_distance, evidence.out_of_fold.T, evidence.stacked.T))
    return min(1.0, int(evidence.out_of_fold.shape[1]) * _kolmogorov(furthest * float(np.sqrt(witnesses))))


def ratio(mix: Priors, other: Priors) -> Priors:
    """By how much each value (k,) is more frequent in one mix than in another; 0 for a value that this lacks."""
    return np.divide(mix, other, out=np.zeros(len(mix)), where=other > 0)


def reweighted(probabilities: Table, weights: Priors) -> Table:
    """Probabilities (..., k) multiplied by weights (k,), none of which counts as quite 0, and again summing to 1."""
    weighted = probabilities * np.maximum(weights, FLOOR)
    return np.asarray(weighted / weighted.sum(axis=-1, keepdims=True))


def _distance(one: Priors, other: Priors) -> float:
    """The largest gap between the cumulative distributions of two samples."""
    places = np.concatenate([one, other])
    below = [np.searchsorted(np.sort(sample), places, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def _kolmogorov(distance: float) -> float:
    """The chance that Kolmogorov's distribution exceeds a scaled distance."""
    if distance < 0.2:
        return 1.0  # to ten digits; the series takes ever more terms towards 0
    terms = np.arange(1, 21)
    return float(2 * ((-1.0) ** (terms - 1) * np.exp(-2 * (terms * distance) ** 2)).sum())
