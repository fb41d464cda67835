"""Estimators of the class priors in eval (BBSE, EM), and a test of whether they differ from train's."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.ensembling.calibration import MIN_PROBABILITY
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

Priors = npt.NDArray[np.float64]
Counts = npt.NDArray[np.float64]

PRIOR_STRENGTH = 0.1
"""Weight of train's priors in EM, as a share of eval's photos."""


BLOCK = 2**16
"""Rows of eval whose weights are in memory at once in EM; more than the competition's eval photos by five models."""


class Draws(NamedTuple):
    """Bootstrap draws of a sample.

    Attributes:
        train: How often each photo of train occurs in each draw (d, n).
        eval: How often each photo of eval does (d, m).
    """

    train: Counts
    eval: Counts


@dataclass(frozen=True)
class ShiftSample:
    """Calibrated probabilities of one attribute (or of the classes), for photos that the models were not trained on.

    Attributes:
        out_of_fold: Out-of-fold probabilities (n, k).
        targets: Their codes (n,).
        people: Their people (n,).
        eval: Probabilities (models, m, k) of eval, by each of the models that made `out_of_fold`. They are kept
            apart because the mean of several models is less confident than each of them, which looks like a shift.
    """

    out_of_fold: Table
    targets: Codes
    people: npt.NDArray[Any]
    eval: npt.NDArray[np.float64]

    @property
    def train_priors(self) -> Priors:
        """Share (k,) of each value in train."""
        return np.bincount(self.targets, minlength=self.out_of_fold.shape[1]) / len(self.targets)

    @property
    def eval_rows(self) -> Table:
        """The probabilities (models x m, k) of eval, one model after another."""
        return self.eval.reshape(-1, self.eval.shape[-1])

    @cached_property
    def response(self) -> Table:
        """Mean probabilities (k, k) of the photos of each value, a column a value; zeros for one not in train."""
        values = np.eye(self.out_of_fold.shape[1])[self.targets]
        return np.asarray(self.out_of_fold.T @ values / np.maximum(values.sum(axis=0), 1))

    @cached_property
    def design_effect(self) -> float:
        """Kish's design effect: n photos weigh as much as n / effect independent ones; 1 to the photos of a person.

        Kish 1965, Survey Sampling. It is measured on train and used for eval too, whose people are not known.
        """
        counts = np.bincount(self._person_numbers)
        means = np.stack([np.bincount(self._person_numbers, weights=column) for column in self.out_of_fold.T]) / counts
        effect = counts.mean() * means.var(axis=1) / np.maximum(self.out_of_fold.var(axis=0), np.finfo(float).tiny)
        return float(effect.max().clip(1, counts.max()))

    @property
    def whole(self) -> Draws:
        """The sample itself as the only draw: every photo once."""
        return Draws(np.ones((1, len(self.targets))), np.ones((1, self.eval.shape[1])))

    def draws(self, random: np.random.Generator, number: int) -> Draws:
        """The sample itself and then bootstrap draws, `number` of them.

        A draw has people of train with all their photos, and as many eval photos as are independent.
        """
        people, photos = self._person_numbers.max() + 1, self.eval.shape[1]
        size = max(int(photos / self.design_effect), 1)
        train, evaluated = np.ones((number + 1, len(self.people))), np.ones((number + 1, photos))
        for draw in range(1, number + 1):
            times = np.bincount(random.integers(people, size=people), minlength=people)
            train[draw] = times[self._person_numbers]
            evaluated[draw] = np.bincount(random.integers(photos, size=size), minlength=photos)
        return Draws(train, evaluated)

    def priors(self, draws: Draws) -> Priors:
        """Share (d, k) of each value among train's photos of every draw."""
        counts = draws.train @ np.eye(self.out_of_fold.shape[1])[self.targets]
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def responses(self, draws: Draws) -> npt.NDArray[np.float64]:
        """Mean probabilities (d, k, k) of the photos of each value in every draw, as in `response`."""
        values = self.out_of_fold.shape[1]
        found = np.zeros((len(draws.train), values, values))
        for value in range(values):
            own = self.targets == value
            counts = draws.train[:, own]
            found[:, :, value] = counts @ self.out_of_fold[own] / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return found

    @cached_property
    def _person_numbers(self) -> Codes:
        return np.unique(self.people, return_inverse=True)[1]


def bias_correction(out_of_fold: Table, train_priors: Priors) -> Priors:
    """Weights (k,) after which the mean of the probabilities (n, k) of train is train's priors (k,).

    Alexandari, Kundaje and Shrikumar 2020, Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at
    Label Shift Adaptation: EM mistakes a value that models predict slightly too seldom for one that eval lacks.
    """
    weights = np.ones(len(train_priors))
    for _ in range(300):
        mean = reweighted(out_of_fold, weights).mean(axis=0)
        weights = weights * ratio(train_priors, mean)
        if np.abs(mean - train_priors).max() < 1e-6:
            break
    return np.asarray(weights / weights.sum())


def bbse(sample: ShiftSample, draws: Draws) -> Priors:
    """Priors (d, k) with which the mean probabilities of each value, known from train, give the mean of eval.

    Lipton, Wang and Smola 2018, Detecting and Correcting for Label Shift with Black Box Predictors.
    """
    means = draws.eval @ sample.eval.mean(axis=0) / draws.eval.sum(axis=1, keepdims=True)
    responses = sample.responses(draws)
    found = [np.linalg.lstsq(one, mean, rcond=1e-3)[0] for one, mean in zip(responses, means, strict=True)]
    priors = np.stack(found).clip(0)
    return np.asarray(priors / priors.sum(axis=1, keepdims=True))


def em(sample: ShiftSample, draws: Draws, strength: float = PRIOR_STRENGTH) -> Priors:
    """Priors (d, k) that maximise the posterior of eval's probabilities.

    Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a Classifier to New a Priori Probabilities, with
    a Dirichlet prior about train's priors, of a given `strength`: without it underconfident models drive the share
    of a value to 0. All draws are fitted at once, by two products of matrices a step and block of rows; one that has
    converged stays.
    """
    train, rows = sample.priors(draws), sample.eval_rows
    counts = np.tile(draws.eval, len(sample.eval))
    counts /= counts.sum(axis=1, keepdims=True)
    blocks = [(counts[:, first : first + BLOCK], rows[first : first + BLOCK]) for first in range(0, len(rows), BLOCK)]
    priors, moving = train, np.ones((len(train), 1), dtype=bool)
    for _ in range(1000):
        weights = np.maximum(ratio(priors, train), MIN_PROBABILITY)
        posterior = weights * sum((times / (weights @ some.T)) @ some for times, some in blocks)
        before, priors = priors, np.where(moving, (posterior + strength * train) / (1 + strength), priors)
        moving = np.abs(priors - before).max(axis=1, keepdims=True) >= 1e-6
        if not moving.any():
            break
    return priors


def p_value(sample: ShiftSample) -> float:
    """The p-value of "eval's predictions are distributed as the out-of-fold ones".

    Lipton et al. 2018 (BBSD): a Kolmogorov-Smirnov test for each column, with Bonferroni's correction over columns.
    Photos count as their effective number, divided by `design_effect`.
    """
    train, eval_size = (
        len(sample.out_of_fold) / sample.design_effect,
        sample.eval.shape[1] / sample.design_effect,
    )
    effective = train * eval_size / (train + eval_size)
    statistic = max(map(_ks_statistic, sample.out_of_fold.T, sample.eval_rows.T))
    return min(1.0, int(sample.out_of_fold.shape[1]) * _kolmogorov(statistic * float(np.sqrt(effective))))


def ratio(priors: Priors, other: Priors) -> Priors:
    """Ratio (..., k) of two priors; 0 for a value that `other` lacks."""
    return np.divide(priors, other, out=np.zeros(priors.shape), where=other > 0)


def reweighted(probabilities: Table, weights: Priors) -> Table:
    """Probabilities (..., k) multiplied by weights (k,), none of them quite 0, and normalised."""
    weighted = probabilities * np.maximum(weights, MIN_PROBABILITY)
    return np.asarray(weighted / weighted.sum(axis=-1, keepdims=True))


def _ks_statistic(one: Priors, other: Priors) -> float:
    """The largest gap between the cumulative distributions of two samples."""
    values = np.concatenate([one, other])
    cumulative = [np.searchsorted(np.sort(sample), values, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(cumulative[0] - cumulative[1]).max())


def _kolmogorov(statistic: float) -> float:
    """The probability that Kolmogorov's distribution exceeds a scaled statistic."""
    if statistic < 0.2:
        return 1.0  # to ten digits; the series takes ever more terms towards 0
    terms = np.arange(1, 21)
    return float(2 * ((-1.0) ** (terms - 1) * np.exp(-2 * (terms * statistic) ** 2)).sum())
