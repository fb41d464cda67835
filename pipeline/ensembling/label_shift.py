"""Label shift: how far eval's mix of values is from train's, whether to trust that, and probabilities adapted to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.ensembling.calibration import expected_calibration_error
from pipeline.ensembling.shift_estimators import Predicted, Priors, bbse, correction, em, p_value, ratio, reweighted
from pipeline.ensembling.voting import macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

DRAWS = 200
"""Redrawn data sets, from which the intervals are."""
SIGNIFICANT = 0.05
LEAST_CALIBRATED = 0.1
"""The expected calibration error above which probabilities say nothing about shares."""
BLUNTEST = 0.1
"""The least singular value of the response: an error of what is read is that much larger in the estimate."""
MOST_APART = 0.1
"""Of eval, on which the two estimates may disagree: both are right where only the mix has changed."""
WIDEST = 0.4


@dataclass(frozen=True)
class Estimate:
    """The mix in eval, beside train's: shares (k,), with intervals (2, k) that hold 95 of 100 redrawn estimates.

    Probabilities were multiplied by `correction` (k,) before. `p_value` is the chance of predictions as different
    as these without a shift. `refusals` say why nobody should adapt to the estimate; there are none when it can be
    trusted.
    """

    train: Priors
    correction: Priors
    bbse: Priors
    em: Priors
    bbse_interval: npt.NDArray[np.float64]
    em_interval: npt.NDArray[np.float64]
    p_value: float
    refusals: tuple[str, ...]

    @property
    def ratio(self) -> Priors:
        """By how much each value (k,) is more frequent in eval than in train; ones when adapting is refused."""
        return np.ones(len(self.train)) if self.refusals else ratio(self.em, self.train)

    @property
    def weights(self) -> Priors:
        """What to multiply the probabilities (k,) by to adapt them; ones when that is refused."""
        return self.ratio if self.refusals else self.correction * self.ratio


def estimate(evidence: Predicted, seed: int = 777) -> Estimate:
    """Estimate the mix in eval in two ways, test whether it differs from train's, and judge whether to trust it."""
    corrected = correction(evidence.out_of_fold, evidence.train)
    evidence = replace(
        evidence, out_of_fold=reweighted(evidence.out_of_fold, corrected), eval_=reweighted(evidence.eval_, corrected)
    )
    by_bbse, by_em = _both(evidence)
    draw = np.random.default_rng(seed)
    redrawn = [_both(evidence.redrawn(draw)) for _ in range(DRAWS)]
    bbse_interval, em_interval = np.quantile(redrawn, (0.025, 0.975), axis=0).swapaxes(0, 1)
    chance = p_value(evidence)
    refusals = (
        *_unreal(chance, evidence.train, bbse_interval, em_interval),
        *_uncalibrated(evidence),
        *_blunt(evidence),
        *_contradictory(by_bbse, by_em),
        *_vague(em_interval),
    )
    return Estimate(evidence.train, corrected, by_bbse, by_em, bbse_interval, em_interval, chance, refusals)


def adapt(probabilities: Table, weights: Mapping[str, Priors]) -> Table:
    """Probabilities (n, 18) whose values of attributes were multiplied by `weights`."""
    return reweighted(probabilities, of_classes(weights))


def of_classes(weights: Mapping[str, Priors]) -> Priors:
    """Weights (18,) of the classes from those of attributes; ones for an attribute that is not named."""
    whole = np.ones(1)
    for attribute in SCHEMA.attributes:
        whole = np.outer(whole, weights.get(attribute.name, np.ones(len(attribute.values)))).ravel()
    return whole


def worthwhile(out_of_fold: Table, targets: Codes, estimates: Mapping[str, Estimate]) -> dict[str, Priors]:
    """The weights of those attributes to which adapting raises macro F1, as far as train can tell.

    It is judged on out-of-fold probabilities (n, 18) whose photos count as many as in eval's mix. Adapted
    answers are right more often, but macro F1 counts rare classes as much as frequent ones: to follow eval where
    it makes a class rarer can cost more than it gains.
    """
    trusted = {name: estimates[name] for name in SCHEMA.names if not estimates[name].refusals}
    counts = of_classes({name: found.ratio for name, found in trusted.items()})[targets]
    weights = {name: found.weights for name, found in trusted.items()}
    choices = [dict(some) for size in range(len(weights) + 1) for some in combinations(weights.items(), size)]
    return max(choices, key=lambda some: macro_f1(adapt(out_of_fold, some), targets, counts))


def table(estimates: Mapping[str, Estimate], values: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Every estimate as rows, a value each: train's share, both estimates with intervals, and why it is refused."""
    return pd.concat([_rows(of, estimate, values[of]) for of, estimate in estimates.items()], ignore_index=True)


def _rows(of: str, estimate: Estimate, values: Sequence[str]) -> pd.DataFrame:
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
    return pd.DataFrame({"of": of, "value": list(values), **columns, **verdict})


def _unreal(chance: float, train: Priors, *intervals: npt.NDArray[np.float64]) -> list[str]:
    """Predictions differ by chance, or not by the mix: how sure models are of masks may depend on age, which shifts."""
    if chance >= SIGNIFICANT:
        return [f"no sign of a shift (p = {chance:.2g})"]
    if all(((low <= train) & (train <= high)).all() for low, high in intervals):
        return [f"predictions differ (p = {chance:.2g}), but not by the mix: both intervals hold train's"]
    return []


def _uncalibrated(evidence: Predicted) -> list[str]:
    error = expected_calibration_error(evidence.out_of_fold, evidence.targets)
    return [f"not calibrated: expected calibration error {error:.2f}"] if error > LEAST_CALIBRATED else []


def _blunt(evidence: Predicted) -> list[str]:
    sharpness = np.linalg.svd(evidence.response, compute_uv=False)[-1]
    return [f"the values are hardly told apart (sharpness {sharpness:.2f})"] if sharpness < BLUNTEST else []


def _contradictory(by_bbse: Priors, by_em: Priors) -> list[str]:
    apart = np.abs(by_bbse - by_em).sum() / 2
    return [f"BBSE and EM disagree on {apart:.0%} of eval"] if apart > MOST_APART else []


def _vague(interval: npt.NDArray[np.float64]) -> list[str]:
    width = (interval[1] - interval[0]).max()
    return [f"an interval is {width:.2f} wide"] if width > WIDEST else []


def _both(evidence: Predicted) -> tuple[Priors, Priors]:
    return bbse(evidence), em(evidence.stacked, evidence.train)
