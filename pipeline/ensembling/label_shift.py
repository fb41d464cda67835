"""Label shift: eval's class priors estimated, the estimate accepted or refused, and probabilities corrected to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.ensembling.calibration import expected_calibration_error
from pipeline.ensembling.shift_estimators import (
    Priors,
    ShiftSample,
    bbse,
    bias_correction,
    em,
    p_value,
    ratio,
    reweighted,
)
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

RESAMPLES = 200
"""Bootstrap samples from which the intervals come."""
BLOCK = 40
"""Bootstrap samples that are fitted at once: more need more memory."""
SIGNIFICANCE = 0.05
MAX_CALIBRATION_ERROR = 0.1
"""Expected calibration error above which probabilities are no estimate of class priors."""
MIN_SINGULAR_VALUE = 0.1
"""Least singular value of the response matrix: its inverse multiplies errors of the mean probabilities."""
MAX_DISAGREEMENT = 0.1
"""Share of eval on which BBSE and EM may disagree: both are right where only the class priors have changed."""
MAX_INTERVAL_WIDTH = 0.4


@dataclass(frozen=True)
class Estimate:
    """Class priors (k,) in train and, by two estimators, in eval.

    Attributes:
        train: Train's priors (k,).
        bias_correction: Weights (k,) by which probabilities were multiplied first.
        bbse: Eval's priors (k,) by BBSE.
        em: Eval's priors (k,) by EM.
        bbse_interval: 95 % bootstrap interval (2, k) of `bbse`.
        em_interval: 95 % bootstrap interval (2, k) of `em`.
        p_value: That eval's predictions are distributed as the out-of-fold ones.
        refusals: Reasons not to correct to the estimate; none when it can be trusted.
    """

    train: Priors
    bias_correction: Priors
    bbse: Priors
    em: Priors
    bbse_interval: npt.NDArray[np.float64]
    em_interval: npt.NDArray[np.float64]
    p_value: float
    refusals: tuple[str, ...]

    @property
    def ratio(self) -> Priors:
        """Ratio (k,) of eval's priors to train's; ones when the estimate is refused."""
        return np.ones(len(self.train)) if self.refusals else ratio(self.em, self.train)

    @property
    def weights(self) -> Priors:
        """Weights (k,) that correct probabilities to eval's priors; ones when the estimate is refused."""
        return self.ratio if self.refusals else self.bias_correction * self.ratio


def estimate(sample: ShiftSample, seed: int = 777) -> Estimate:
    """Estimate eval's class priors in two ways, test for a shift, and decide whether to trust the estimate."""
    correction = bias_correction(sample.out_of_fold, sample.train_priors)
    sample = replace(
        sample, out_of_fold=reweighted(sample.out_of_fold, correction), eval=reweighted(sample.eval, correction)
    )
    (by_bbse, bbse_interval), (by_em, em_interval) = _with_interval(sample, np.random.default_rng(seed))
    chance = p_value(sample)
    refusals = (
        *_not_significant(chance, sample.train_priors, bbse_interval, em_interval),
        *_not_calibrated(sample),
        *_not_separable(sample),
        *_not_consistent(by_bbse, by_em, bbse_interval),
        *_not_precise(em_interval),
    )
    return Estimate(sample.train_priors, correction, by_bbse, by_em, bbse_interval, em_interval, chance, refusals)


def correct(probabilities: Table, weights: Mapping[str, Priors]) -> Table:
    """Class probabilities (n, classes) multiplied by the weights of the attributes' values, and normalised."""
    return reweighted(probabilities, class_weights(weights))


def class_weights(weights: Mapping[str, Priors]) -> Priors:
    """Weights (classes,) of the classes from those of attributes' values; ones for an attribute that is not named."""
    product = np.ones(1)
    for attribute in SCHEMA.attributes:
        product = np.outer(product, weights.get(attribute.name, np.ones(len(attribute.values)))).ravel()
    return product


def worthwhile(out_of_fold: Table, targets: Codes, estimates: Mapping[str, Estimate]) -> dict[str, Priors]:
    """Weights of those attributes whose correction raises macro F1 under eval's estimated priors.

    A correction makes more predictions right, but macro F1 counts rare classes as much as frequent ones: to follow
    eval where a class becomes rarer can cost more than it gains.

    Args:
        out_of_fold: Out-of-fold class probabilities (n, classes), whose photos are weighted as eval's priors.
        targets: Class codes (n,).
        estimates: Estimates by attribute.
    """
    trusted = {name: estimates[name] for name in SCHEMA.names if not estimates[name].refusals}
    photo_weights = class_weights({name: found.ratio for name, found in trusted.items()})[targets]
    weights = {name: found.weights for name, found in trusted.items()}
    choices = [dict(some) for size in range(len(weights) + 1) for some in combinations(weights.items(), size)]
    return max(choices, key=lambda some: table_macro_f1(correct(out_of_fold, some), targets, photo_weights))


def table(estimates: Mapping[str, Estimate]) -> pd.DataFrame:
    """A row for each value of each estimate (an attribute, or `class`): priors, intervals and why it is refused."""
    return pd.concat([_rows(of, estimate) for of, estimate in estimates.items()], ignore_index=True)


def _rows(of: str, estimate: Estimate) -> pd.DataFrame:
    columns = {
        "train": estimate.train,
        "bbse": estimate.bbse,
        "bbse_low": estimate.bbse_interval[0],
        "bbse_high": estimate.bbse_interval[1],
        "em": estimate.em,
        "em_low": estimate.em_interval[0],
        "em_high": estimate.em_interval[1],
    }
    verdict = {"p_value": estimate.p_value, "refused": "; ".join(estimate.refusals)}
    values = SCHEMA.class_names if of == "class" else SCHEMA[of].values
    return pd.DataFrame({"of": of, "value": list(values), **columns, **verdict})


def _not_significant(chance: float, train: Priors, *intervals: npt.NDArray[np.float64]) -> list[str]:
    """Predictions may also differ without a label shift: confidence in masks may depend on age, which shifts."""
    if chance >= SIGNIFICANCE:
        return [f"no significant shift (p = {chance:.2g})"]
    if all(((low <= train) & (train <= high)).all() for low, high in intervals):
        return [f"predictions differ (p = {chance:.2g}), but both intervals contain train's priors"]
    return []


def _not_calibrated(sample: ShiftSample) -> list[str]:
    error = expected_calibration_error(sample.out_of_fold, sample.targets)
    return [f"not calibrated: expected calibration error {error:.2f}"] if error > MAX_CALIBRATION_ERROR else []


def _not_separable(sample: ShiftSample) -> list[str]:
    least = np.linalg.svd(sample.response, compute_uv=False)[-1]
    return [f"the values are hardly separable (singular value {least:.2f})"] if least < MIN_SINGULAR_VALUE else []


def _not_consistent(by_bbse: Priors, by_em: Priors, bbse_interval: npt.NDArray[np.float64]) -> list[str]:
    """With few people BBSE is far less precise than EM: only a disagreement beyond its interval is evidence."""
    low, high = bbse_interval
    apart = np.abs(by_bbse - by_em).sum() / 2
    disagree = apart > MAX_DISAGREEMENT and ((by_em < low) | (by_em > high)).any()
    return [f"BBSE and EM disagree on {apart:.0%} of eval"] if disagree else []


def _not_precise(interval: npt.NDArray[np.float64]) -> list[str]:
    width = (interval[1] - interval[0]).max()
    return [f"an interval is {width:.2f} wide"] if width > MAX_INTERVAL_WIDTH else []


def _with_interval(sample: ShiftSample, random: np.random.Generator) -> list[tuple[Priors, npt.NDArray[np.float64]]]:
    """The priors (k,) by BBSE and by EM, each with its 95 % bootstrap interval (2, k)."""
    found: tuple[list[Priors], list[Priors]] = ([], [])
    for start in range(0, RESAMPLES, BLOCK):
        draws = sample.draws(random, min(BLOCK, RESAMPLES - start))
        for priors, estimator in zip(found, (bbse, em), strict=True):
            priors.append(estimator(sample, draws))
    return [
        (blocks[0][0], np.quantile(np.concatenate([block[1:] for block in blocks]), (0.025, 0.975), axis=0))
        for blocks in found
    ]
